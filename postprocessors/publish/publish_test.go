package publish

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/google/go-cmp/cmp"
	packersdk "github.com/hashicorp/packer-plugin-sdk/packer"

	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2"
	"github.com/unikernel-ami/packer-plugin-unikernel/internal/ami"
	"github.com/unikernel-ami/packer-plugin-unikernel/internal/cloud"
	"github.com/unikernel-ami/packer-plugin-unikernel/internal/cloudtest"
	"github.com/unikernel-ami/packer-plugin-unikernel/internal/component"
	"github.com/unikernel-ami/packer-plugin-unikernel/internal/snapshot"
)

// account is a local EC2 with releases in two regions.
type account struct {
	t      *testing.T
	server *localec2.Running
	in     map[string]*cloud.Session

	mu     sync.Mutex
	ago    time.Duration       // how far the server's clock is behind
	onCall func(localec2.Call) // nil for nothing
}

var regions = []string{"eu-west-1", "us-east-1"}

func newAccount(t *testing.T) *account {
	t.Helper()
	a := &account{t: t, in: map[string]*cloud.Session{}}
	server, err := localec2.Start(localec2.Options{NoInstances: true, Now: a.now, OnCall: a.called})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	a.server = server
	for _, region := range regions {
		a.in[region] = cloudtest.Connect(t, server.Env(), region)
	}
	return a
}

func (a *account) now() time.Time {
	a.mu.Lock()
	defer a.mu.Unlock()
	return time.Now().Add(-a.ago)
}

func (a *account) called(call localec2.Call) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.onCall != nil {
		a.onCall(call)
	}
}

// set sets how many days the server's clock is behind.
func (a *account) set(days int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.ago = time.Duration(days) * 24 * time.Hour
}

// connect is the connector of the tests: it waits no longer than they can.
func (a *account) connect(_ context.Context, options cloud.Options) (*cloud.Session, error) {
	if s := a.in[options.Region]; s != nil {
		return s, nil
	}
	return nil, fmt.Errorf("no session for %s", options.Region)
}

// bake makes an AMI in each region and returns their ids. result is the tag of the
// smoke test.
func (a *account) bake(name, result string) map[string]string {
	a.t.Helper()
	ids := map[string]string{}
	for region, s := range a.in {
		disk := cloudtest.NewMemoryDisk(a.t, 0)
		request := cloudtest.Request(disk)
		request.Name, request.BuildID, request.Environment = name, name+region, "prod"
		if result != "" {
			request.UserImageTags = map[string]string{cloud.ResultTag: result, cloud.TimeTag: "2026-01-02T03:04:05Z"}
		}
		plan, err := ami.NewPlan(a.t.Context(), s, request)
		if err != nil {
			a.t.Fatal(err)
		}
		var ledger cloud.Ledger
		snapshotID, err := (&snapshot.EBSDirect{Session: s}).Create(a.t.Context(), cloudtest.SnapshotRequest(plan, disk), &ledger)
		if err != nil {
			a.t.Fatal(err)
		}
		if ids[region], err = ami.Register(a.t.Context(), s, plan.Registration(snapshotID), &ledger); err != nil {
			a.t.Fatal(err)
		}
	}
	return ids
}

// publish runs the post-processor on AMIs, and returns what it shows.
func (a *account) publish(ctx context.Context, ids map[string]string, options block) (string, error) {
	a.t.Helper()
	p := &PostProcessor{Version: "1.2.3", connect: a.connect}
	if err := p.Configure(options); err != nil {
		a.t.Fatal(err)
	}
	var shown strings.Builder
	ui := &packersdk.BasicUi{Reader: strings.NewReader(""), Writer: &shown, ErrorWriter: &shown}
	out, keep, force, err := p.PostProcess(ctx, ui, component.ExistingIn(component.Access{}, ids, a.connect))
	if !keep || !force || (err == nil) != (out != nil) {
		a.t.Errorf("artifact %v, keep %t, force %t", out, keep, force)
	}
	return shown.String(), err
}

// state is all that a release changes, one line each.
func (a *account) state() []string {
	a.t.Helper()
	var lines []string
	for _, region := range regions {
		s := a.in[region]
		for _, image := range a.server.Resources()[region].Images {
			described, err := ami.Describe(context.Background(), s, &ec2.DescribeImagesInput{ImageIds: []string{image.ID}})
			if err != nil {
				a.t.Fatal(err)
			}
			deprecated := described[0].DeprecationTime != nil
			launch, err := s.EC2.DescribeImageAttribute(context.Background(), &ec2.DescribeImageAttributeInput{ImageId: &image.ID, Attribute: types.ImageAttributeNameLaunchPermission})
			if err != nil {
				a.t.Fatal(err)
			}
			volumes, err := s.EC2.DescribeSnapshotAttribute(context.Background(), &ec2.DescribeSnapshotAttributeInput{
				SnapshotId: &image.Snapshots[0], Attribute: types.SnapshotAttributeNameCreateVolumePermission,
			})
			if err != nil {
				a.t.Fatal(err)
			}
			lines = append(lines, fmt.Sprintf("%s %s: launch %d, volumes %d, deprecated %t", region, image.Name, len(launch.LaunchPermissions), len(volumes.CreateVolumePermissions), deprecated))
		}
		for _, p := range a.server.Resources()[region].Parameters {
			lines = append(lines, fmt.Sprintf("%s %s=%s (%s)", region, p.Name, p.Value, p.DataType))
		}
	}
	return lines
}

// everything sets all options.
func everything(manifest string) block {
	return block{
		"ami_users": []string{"111122223333"}, "ami_groups": []string{"all"}, "snapshot_users": []string{"111122223333"},
		"ssm_parameters":      []string{"/{{ .Family }}/{{ .Environment }}/ami", "/{{ .Family }}/{{ .Version }}"},
		"ssm_allow_overwrite": true, "deprecate_previous": true, "prune": block{"keep_releases": 2}, "manifest": manifest,
	}
}

// threeReleases makes two old releases and a new one, of which the parameter names
// the second.
func (a *account) threeReleases() (ids map[string]string) {
	a.t.Helper()
	a.set(20)
	a.bake("web-1.0", "passed")
	a.set(10)
	second := a.bake("web-1.1", "passed")
	a.set(0)
	ids = a.bake("web-1.2", "passed")
	for region, s := range a.in {
		a.parameter(s, "/web/prod/ami", second[region], ssmtypes.ParameterTypeString)
	}
	return ids
}

func (a *account) parameter(s *cloud.Session, name, value string, kind ssmtypes.ParameterType) {
	a.t.Helper()
	if _, err := s.SSM.PutParameter(a.t.Context(), &ssm.PutParameterInput{Name: &name, Value: &value, Type: kind}); err != nil {
		a.t.Fatal(err)
	}
}

func TestPublish(t *testing.T) {
	a := newAccount(t)
	ids := a.threeReleases()
	path := filepath.Join(t.TempDir(), "release.json")
	shown, err := a.publish(t.Context(), ids, everything(path))
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, region := range regions {
		want = append(want,
			region+" web-1.1: launch 0, volumes 0, deprecated true",
			region+" web-1.2: launch 2, volumes 1, deprecated false",
			region+" /web/1.2="+ids[region]+" (aws:ec2:image)",
			region+" /web/prod/ami="+ids[region]+" (aws:ec2:image)")
	}
	if diff := cmp.Diff(want, a.state()); diff != "" {
		t.Error(diff)
	}
	for _, text := range []string{"published web 1.2 for prod:", "REGION", "eu-west-1: 3 permissions added to " + ids["eu-west-1"], "(web-1.0)"} {
		if !strings.Contains(shown, text) {
			t.Errorf("%q is not in:\n%s", text, shown)
		}
	}
	a.checkManifest(path, ids)

	// A second run changes nothing.
	before := len(changes(a.server.Calls()))
	if _, err := a.publish(t.Context(), ids, everything(path)); err != nil {
		t.Fatal(err)
	}
	if again := changes(a.server.Calls())[before:]; len(again) > 0 {
		t.Errorf("the second run made the calls %v", again)
	}
}

func (a *account) checkManifest(path string, ids map[string]string) {
	a.t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		a.t.Fatal(err)
	}
	var m manifest
	if err := json.Unmarshal(text, &m); err != nil {
		a.t.Fatal(err)
	}
	first := m.Regions["us-east-1"]
	if m.Name != "web" || m.Version != "1.2" || m.Environment != "prod" || m.SmokeTest.Verdict != "passed" || m.Tool != "packer-plugin-unikernel 1.2.3" ||
		len(m.Regions) != 2 || first.AMI != ids["us-east-1"] || len(first.Snapshots) != 1 || first.Kernel != "aki-5c21674b" || first.BootMethod != "pv-grub" || len(m.Content) != 64 {
		a.t.Errorf("manifest %s", text)
	}
	sum, err := os.ReadFile(path + ".sha256")
	if want := fmt.Sprintf("%x  release.json\n", sha256.Sum256(text)); err != nil || string(sum) != want {
		a.t.Errorf("digest %s, want %s", sum, want)
	}
}

// changes are the calls that change something, in order.
func changes(calls []localec2.Call) []string {
	var all []string
	for _, call := range calls {
		if !strings.HasPrefix(call.Action, "Describe") && !strings.HasPrefix(call.Action, "Get") {
			all = append(all, call.Action)
		}
	}
	return all
}

// Nothing is published before all checks have passed, and permissions come first.
func TestOrder(t *testing.T) {
	a := newAccount(t)
	ids := a.threeReleases()
	start := len(a.server.Calls())
	if _, err := a.publish(t.Context(), ids, everything("")); err != nil {
		t.Fatal(err)
	}
	want := strings.Fields("ModifySnapshotAttribute ModifyImageAttribute ModifySnapshotAttribute ModifyImageAttribute " +
		"PutParameter PutParameter PutParameter PutParameter " +
		"EnableImageDeprecation EnableImageDeprecation EnableImageDeprecation EnableImageDeprecation " +
		"DeregisterImage DeleteSnapshot DeregisterImage DeleteSnapshot")
	if diff := cmp.Diff(want, changes(a.server.Calls()[start:])); diff != "" {
		t.Error(diff)
	}
}

// Each call of a release is refused in turn: nothing is left half published.
func TestRefusedAtEachCall(t *testing.T) {
	a := newAccount(t)
	ids := a.threeReleases()
	start := len(a.server.Calls())
	if _, err := a.publish(t.Context(), ids, everything("")); err != nil {
		t.Fatal(err)
	}
	count := map[string]int{}
	for _, call := range a.server.Calls()[start:] {
		count[call.Action]++
	}
	for action, n := range count {
		for nth := 1; nth <= n; nth++ {
			t.Run(fmt.Sprint(action, nth), func(t *testing.T) { refuseOne(t, fmt.Sprintf("%s=refuse,nth=%d", action, nth)) })
		}
	}
}

func refuseOne(t *testing.T, fault string) {
	t.Helper()
	a := newAccount(t)
	ids := a.threeReleases()
	before := a.state()
	cloudtest.Inject(t, a.server, fault)
	shown, err := a.publish(t.Context(), ids, everything(""))
	a.server.ClearFaults()
	switch {
	case err == nil:
		if !strings.HasPrefix(fault, "GetImageBlockPublicAccessState") {
			t.Errorf("no error:\n%s", shown)
		}
	case strings.Contains(err.Error(), "the release is published, but old releases remain"):
		if after := a.state(); len(after) < 6 || !strings.Contains(strings.Join(after, "\n"), "/web/prod/ami="+ids["us-east-1"]) {
			t.Errorf("%v, but the state is %v", err, after)
		}
	default:
		cloudtest.WantError(t, err, "nothing is published")
		if diff := cmp.Diff(before, a.state()); diff != "" {
			t.Errorf("%v\n%s", err, diff)
		}
	}
}

// Ctrl-C at a change takes back everything.
func TestCancel(t *testing.T) {
	for _, action := range []string{"ModifySnapshotAttribute", "ModifyImageAttribute", "PutParameter", "EnableImageDeprecation"} {
		t.Run(action, func(t *testing.T) {
			a := newAccount(t)
			ids := a.threeReleases()
			before := a.state()
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			a.onCall = func(call localec2.Call) {
				if call.Action == action {
					cancel()
				}
			}
			if _, err := a.publish(ctx, ids, everything("")); err == nil {
				t.Error("no error")
			}
			if diff := cmp.Diff(before, a.state()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// All problems of all regions are reported at once, and nothing is published.
func TestCheckErrors(t *testing.T) {
	a := newAccount(t)
	untested, failed, plain := a.bake("web-2.0", ""), a.bake("web-2.1", "failed"), a.bake("web", "passed")
	good := a.bake("web-2.2", "passed")
	a.parameter(a.in["us-east-1"], "/list", "x", ssmtypes.ParameterTypeStringList)
	a.parameter(a.in["eu-west-1"], "/taken", "x", ssmtypes.ParameterTypeString)
	_, err := a.in["eu-west-1"].EC2.EnableImageBlockPublicAccess(t.Context(), &ec2.EnableImageBlockPublicAccessInput{ImageBlockPublicAccessState: "block-new-sharing"})
	if err != nil {
		t.Fatal(err)
	}
	before := a.state()
	for _, test := range []struct {
		name    string
		ids     map[string]string
		options block
		want    []string
	}{
		{"not tested", untested, block{"ami_users": []string{"111122223333"}}, []string{"in eu-west-1 is not tested", "in us-east-1 is not tested"}},
		{"test failed", failed, block{"ami_users": []string{"111122223333"}}, []string{"unikernel:smoke-test=failed"}},
		{"not there", map[string]string{"us-east-1": "ami-00000000"}, block{"ami_users": []string{"111122223333"}}, []string{"ami-00000000 does not exist in us-east-1"}},
		{"type", good, block{"ssm_parameters": []string{"/list"}}, []string{"parameter /list in us-east-1 has the type StringList"}},
		{"taken", good, block{"ssm_parameters": []string{"/taken"}}, []string{"parameter /taken exists in eu-west-1", "set ssm_allow_overwrite = true"}},
		{"public", good, block{"ami_groups": []string{"all"}}, []string{"blocks public AMIs in eu-west-1", `remove "all" from ami_groups`}},
		{"no version", plain, block{"deprecate_previous": true}, []string{`"web" in us-east-1 has no version`}},
		{"no directory", good, block{"manifest": "/nowhere/m.json"}, []string{"the directory /nowhere does not exist"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := a.publish(t.Context(), test.ids, test.options)
			cloudtest.WantError(t, err, test.want...)
			if diff := cmp.Diff(before, a.state()); diff != "" {
				t.Error(diff)
			}
		})
	}
	if _, err := a.publish(t.Context(), untested, block{"ami_users": []string{"111122223333"}, "require_smoke_test": false}); err != nil {
		t.Error(err)
	}
}

// Pruning keeps what is in use, AMIs of others, and the newest.
func TestPrune(t *testing.T) {
	a := newAccount(t)
	s := a.in["us-east-1"]
	a.set(40)
	launched, named := a.bake("web-1.0", "passed"), a.bake("web-1.1", "passed")
	a.set(30)
	a.bake("web-1.2", "passed")
	templated := a.bake("web-1.2.1", "passed")
	cloudtest.RegisterAs(t, s, ec2.RegisterImageInput{Name: aws.String("web-0.9"), VirtualizationType: aws.String("hvm"), Architecture: types.ArchitectureValuesX8664})
	a.bake("web-canary-1.0", "passed")
	a.set(5)
	a.bake("web-1.3", "passed")
	a.set(0)
	ids := a.bake("web-1.4", "passed")
	a.parameter(s, "/pinned", named["us-east-1"], ssmtypes.ParameterTypeString)
	_, err := s.EC2.RunInstances(t.Context(), &ec2.RunInstancesInput{
		ImageId: aws.String(launched["us-east-1"]), InstanceType: types.InstanceTypeM1Small, MinCount: aws.Int32(1), MaxCount: aws.Int32(1),
	})
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.EC2.CreateLaunchTemplate(t.Context(), &ec2.CreateLaunchTemplateInput{
		LaunchTemplateName: aws.String("web"), LaunchTemplateData: &types.RequestLaunchTemplateData{ImageId: aws.String(templated["us-east-1"])},
	})
	if err != nil {
		t.Fatal(err)
	}
	before := a.state()
	shown, err := a.publish(t.Context(), ids, block{"prune": block{"keep_days": 7, "dry_run": true}})
	if err != nil || strings.Count(shown, "would remove") != 5 {
		t.Errorf("%v\n%s", err, shown)
	}
	if diff := cmp.Diff(before, a.state()); diff != "" {
		t.Error(diff)
	}
	if shown, err = a.publish(t.Context(), ids, block{"prune": block{"keep_days": 7}}); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(shown, "is kept: an instance, a launch template or an SSM parameter uses it"); n != 3 {
		t.Errorf("%d are kept:\n%s", n, shown)
	}
	var left []string
	for _, image := range a.server.Resources()["us-east-1"].Images {
		left = append(left, image.Name)
	}
	if diff := cmp.Diff([]string{"web-1.0", "web-1.1", "web-1.2.1", "web-0.9", "web-canary-1.0", "web-1.3", "web-1.4"}, left); diff != "" {
		t.Error(diff)
	}
}
