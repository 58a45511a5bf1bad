package smoketest

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2"
	"github.com/unikernel-ami/packer-plugin-unikernel/internal/component"
	"github.com/unikernel-ami/packer-plugin-unikernel/internal/instance"
	"github.com/unikernel-ami/packer-plugin-unikernel/postprocessors/smoketest/report"
)

// never is a check that can't pass: the console doesn't say it.
func never() block {
	return block{"timeout": "300ms", "tcp": nil, "console": []block{{"contains": "nobody writes this", "interval": "10ms"}}}
}

// The artifact that goes on is the source's, with the result, and the AMI
// carries the verdict.
func TestTestedArtifact(t *testing.T) {
	c := newCloud(t)
	dir := t.TempDir()
	result := filepath.Join(dir, "result.json")
	artifact, err := c.artifact(t.Context(), t, block{"ami_id": "", "result": result, "report": filepath.Join(dir, "report.html")})
	if err != nil {
		t.Fatal(err)
	}
	if artifact.Id() != "us-east-1:"+c.ami || artifact.BuilderId() != "unikernel-ami.ami" || artifact.State("generated_data") == nil {
		t.Errorf("artifact %s of %s", artifact.Id(), artifact.BuilderId())
	}
	written, err := os.ReadFile(result)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(written), artifact.State(component.ResultState)); diff != "" {
		t.Error(diff)
	}
	var r report.Result
	if err := json.Unmarshal(written, &r); err != nil || r.Verdict != "passed" || r.Subject.ID != c.ami || r.Seconds.Passed <= 0 || len(r.Checks) != 2 {
		t.Errorf("result %+v, error %v", r, err)
	}
	if info, err := os.Stat(result); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, error %v", info.Mode(), err)
	}
	tags := c.server.Resources()["us-east-1"].Images[0].Tags
	if tags["unikernel:smoke-test"] != "passed" || tags["unikernel:smoke-test-time"] == "" {
		t.Errorf("tags %v", tags)
	}
	if err := artifact.Destroy(); err != nil || len(c.server.Resources()) > 0 {
		t.Errorf("after Destroy: %v, error %v", c.server.Resources(), err)
	}
}

func TestFailureIsSaidAndTagged(t *testing.T) {
	c := newCloud(t)
	result := filepath.Join(t.TempDir(), "result.json")
	options := never()
	options["result"] = result
	err := c.test(t.Context(), t, options)
	if err == nil || !strings.Contains(err.Error(), `console output does not contain "nobody writes this"`) {
		t.Errorf("error %v", err)
	}
	text, readErr := os.ReadFile(result)
	if readErr != nil || !strings.Contains(string(text), `"verdict": "failed"`) || !strings.Contains(string(text), "this server starts no guests") {
		t.Errorf("result %s, error %v", text, readErr)
	}
	if tags := c.server.Resources()["us-east-1"].Images[0].Tags; tags["unikernel:smoke-test"] != "failed" {
		t.Errorf("tags %v", tags)
	}
	c.nothingLeft(t)
}

func TestDeregisterOnFailure(t *testing.T) {
	c := newCloud(t)
	options := never()
	options["deregister_on_failure"] = true
	if err := c.test(t.Context(), t, options); err == nil {
		t.Error("no error")
	}
	if left := c.server.Resources(); len(left) > 0 {
		t.Errorf("left behind: %+v", left)
	}
}

// An AMI that EC2 had no instance for is neither failed nor taken back.
func TestNotTestedIsNoVerdict(t *testing.T) {
	c := newCloud(t)
	f, err := localec2.ParseFault("RunInstances=refuse")
	if err != nil {
		t.Fatal(err)
	}
	c.server.Inject(f)
	if err := c.test(t.Context(), t, block{"deregister_on_failure": true}); err == nil {
		t.Error("no error")
	}
	c.nothingLeft(t)
	if images := c.server.Resources()["us-east-1"].Images; len(images) != 1 || images[0].Tags["unikernel:smoke-test"] != "" {
		t.Errorf("images %+v", images)
	}
}

func TestKeepOnFailure(t *testing.T) {
	c := newCloud(t)
	options := never()
	options["keep_on_failure"] = true
	if err := c.test(t.Context(), t, options); err == nil {
		t.Error("no error")
	}
	left := c.server.Resources()["us-east-1"]
	if len(left.Instances) != 1 || left.Instances[0].State != "running" || len(left.Networks) != 1 {
		t.Errorf("kept: %+v %+v", left.Instances, left.Networks)
	}
}

// EC2 may have no room for a type, or none of the type: the next is tried.
func TestNextInstanceType(t *testing.T) {
	c := newCloud(t)
	for _, code := range []string{"InsufficientInstanceCapacity", "Unsupported"} {
		f, err := localec2.ParseFault("RunInstances=fail,nth=1,code=" + code + ",status=400")
		if err != nil {
			t.Fatal(err)
		}
		c.server.Inject(f)
		if err := c.test(t.Context(), t, block{"instance_types": []string{"m1.small", "t1.micro"}}); err != nil {
			t.Errorf("%s: %v", code, err)
		}
		c.server.ClearFaults()
		c.nothingLeft(t)
	}
}

// What can't be tested is refused before anything is made.
func TestRefusedBeforeTheLaunch(t *testing.T) {
	c := newCloud(t)
	for name, test := range map[string]struct {
		options block
		want    string
	}{
		"no directory for the report": {block{"report": "/nowhere/report.html"}, "the directory /nowhere does not exist: create it first"},
		"an AMI that isn't there":     {block{"ami_id": "ami-0123456789abcdef0"}, "ami-0123456789abcdef0"},
		"a type for HVM only":         {block{"instance_types": []string{"t3.micro"}}, "t3.micro"},
		"no such subnet":              {block{"subnet_id": "subnet-0123456789abcdef0"}, "subnet-0123456789abcdef0"},
		"no such group":               {block{"security_group_ids": []string{"sg-0123456789abcdef0"}}, "sg-0123456789abcdef0"},
		"another region":              {block{"region": "eu-west-1", "ami_id": ""}, `region is "eu-west-1", and the artifact has AMIs in us-east-1`},
	} {
		t.Run(name, func(t *testing.T) {
			before := len(c.server.Calls())
			if err := c.test(t.Context(), t, test.options); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v", err)
			}
			for _, call := range c.server.Calls()[before:] {
				if !strings.HasPrefix(call.Action, "Describe") && !strings.HasPrefix(call.Action, "Get") {
					t.Errorf("%s was called", call.Action)
				}
			}
		})
	}
}

func TestAddress(t *testing.T) {
	c := newCloud(t)
	for address, want := range map[string]string{"public_ip": "", "private_ip": "", "public_dns": "", "ipv6": "the instance has no IPv6 address"} {
		options := block{"address": address, "tcp": nil}
		if err := c.test(t.Context(), t, options); (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", address, err)
		}
	}
	c.nothingLeft(t)
	for address, want := range map[string]string{
		"public_ip":   "the instance has no public address: set associate_public_ip_address = true",
		"public_dns":  "the instance has no public DNS name: enable DNS hostnames",
		"private_dns": "the instance has no private DNS name: enable DNS resolution",
	} {
		bare := ec2Instance{config: &Config{Launch: Launch{Address: address}}, launched: &instance.Instance{}}
		if _, err := bare.address(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", address, err)
		}
	}
}
