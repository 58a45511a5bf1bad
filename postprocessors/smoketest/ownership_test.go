package smoketest

import (
	"context"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	packersdk "github.com/hashicorp/packer-plugin-sdk/packer"

	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2"
	"github.com/unikernel-ami/packer-plugin-unikernel/postprocessors/smoketest/report"
)

// run makes a smoke test as Packer's core does: if it fails, the artifact of the
// source is destroyed.
func (c *embedded) run(ctx context.Context, t *testing.T, source packersdk.Artifact, options block) error {
	t.Helper()
	_, _, _, err := c.postProcess(ctx, t, source, options)
	if err != nil {
		if failed := source.Destroy(); failed != nil {
			t.Errorf("destroy: %v", failed)
		}
	}
	return err
}

// images are the AMIs that are there.
func (c *embedded) images() int { return len(c.server.Resources()["us-east-1"].Images) }

func (c *embedded) inject(t *testing.T, text string) {
	t.Helper()
	fault, err := localec2.ParseFault(text)
	if err != nil {
		t.Fatal(err)
	}
	c.server.Inject(fault)
}

// An AMI that the build didn't make is never removed, neither by the test nor
// by what comes after it.
func TestAnAMIByIDIsNeverRemoved(t *testing.T) {
	c := newCloud(t)
	null := func() packersdk.Artifact {
		return &packersdk.MockArtifact{BuilderIdValue: "fnoeding.null", IdValue: "Null"}
	}
	tested, _, _, err := c.postProcess(t.Context(), t, null(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := tested.Id(); got != "us-east-1:"+c.ami {
		t.Errorf("id %s", got)
	}
	if err := tested.Destroy(); err != nil || c.images() != 1 {
		t.Errorf("after Destroy: %d AMIs, error %v", c.images(), err)
	}
	if err := c.run(t.Context(), t, null(), never()); err == nil || c.images() != 1 {
		t.Errorf("after a failed test: %d AMIs, error %v", c.images(), err)
	}
}

// What happens to an AMI that the build made, by the result of its test.
func TestWhichAMIsAreRemoved(t *testing.T) {
	failing := func(change block) block {
		options := never()
		maps.Copy(options, change)
		return options
	}
	for name, test := range map[string]struct {
		fault   string
		options block
		want    string // in the error
		kept    bool
	}{
		"failed":                               {"", failing(nil), "smoke test of ami-", false},
		"failed, and to be kept":               {"", failing(block{"keep_ami_on_failure": true}), "failed", true},
		"failed, with -on-error=abort":         {"", failing(block{"packer_on_error": "abort"}), "failed", true},
		"passed, and its group stays":          {"DeleteSecurityGroup=refuse", nil, "passed, and ami-", true},
		"passed, and its report isn't written": {"", block{"report": "gone/report.html"}, "passed, and ami-", true},
		"no capacity":                          {"RunInstances=fail,code=InsufficientInstanceCapacity,status=500", nil, "could not run", true},
		"no permission":                        {"RunInstances=refuse", nil, "could not run", true},
		"no such subnet":                       {"", block{"subnet_id": "subnet-0123456789abcdef0"}, "could not run", true},
		"the AMI isn't removed":                {"DeregisterImage=refuse", failing(nil), "aws ec2 deregister-image --region us-east-1 --image-id ami-", true},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCloud(t)
			if test.fault != "" {
				c.inject(t, test.fault)
			}
			t.Chdir(t.TempDir())
			if report, ok := test.options["report"].(string); ok {
				if err := os.Mkdir(filepath.Dir(report), 0o700); err != nil {
					t.Fatal(err)
				}
				remove := func(action string) {
					if action == "RunInstances" {
						_ = os.RemoveAll(filepath.Dir(report))
					}
				}
				c.before.Store(&remove)
			}
			options := block{"ami_id": ""}
			maps.Copy(options, test.options)
			err := c.run(t.Context(), t, c.source(), options)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v; want %s", err, test.want)
			}
			if kept := c.images() == 1; kept != test.kept {
				t.Errorf("the AMI is kept: %v; want %v", kept, test.kept)
			}
		})
	}
}

// A test that was cancelled is that everywhere, and the AMI goes.
func TestCancelled(t *testing.T) {
	c := newCloud(t)
	ctx, cancel := context.WithCancel(t.Context())
	tell := func(action string) {
		if action == "DescribeInstanceStatus" {
			cancel()
		}
	}
	c.after.Store(&tell)
	path := filepath.Join(t.TempDir(), "result.json")
	options := never()
	options["ami_id"], options["result"], options["timeout"] = "", path, "20s"
	err := c.run(ctx, t, c.source(), options)
	if err == nil || !strings.Contains(err.Error(), "the build was cancelled") || strings.Contains(err.Error(), "failed") {
		t.Errorf("error %v", err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var result report.Result
	if err := json.Unmarshal(text, &result); err != nil || result.Verdict != report.Cancelled {
		t.Errorf("verdict %s, error %v", result.Verdict, err)
	}
	for _, event := range result.Events {
		if event.Name == report.Failed {
			t.Errorf("event %+v", event)
		}
	}
	if c.images() != 0 {
		t.Error("the AMI is still there")
	}
	c.nothingLeft(t)
}
