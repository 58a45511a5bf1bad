package ami_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2"
	"github.com/unikernel-ami/packer-plugin-unikernel/internal/ami"
	"github.com/unikernel-ami/packer-plugin-unikernel/internal/cloud"
	"github.com/unikernel-ami/packer-plugin-unikernel/internal/cloudtest"
)

func TestPlanRefuses(t *testing.T) {
	for _, test := range []struct {
		name, region string
		change       func(*ami.Request)
		want         []string
	}{
		{"region without AKI", "eu-north-1", nil, []string{"Amazon offers no pv-grub-hd0 image for x86_64", "region eu-north-1 has no instance type that runs PV images"}},
		{"region with AKI and without PV", "ap-northeast-2", nil, []string{"region ap-northeast-2 has no instance type that runs PV images"}},
		{"unknown AKI", "us-east-1", func(r *ami.Request) { r.KernelID = "aki-00000000" }, []string{"look up kernel aki-00000000: us-east-1 has no such kernel image"}},
		{"AKI of another region", "us-east-1", func(r *ami.Request) { r.KernelID = "aki-dc9ed9af" }, []string{"us-east-1 has no such kernel image"}},
		{"AKI of the other width", "us-east-1", func(r *ami.Request) { r.KernelID = "aki-04206613" }, []string{"it is for i386 and the image is for x86_64"}},
		{"no such region", "us-east-9", nil, []string{`unknown region "us-east-9"`}},
	} {
		t.Run(test.name, func(t *testing.T) {
			server, s := cloudtest.Start(t, localec2.Options{}, test.region)
			r := cloudtest.Request(cloudtest.NewMemoryDisk(t, 0))
			if test.change != nil {
				test.change(&r)
			}
			_, err := ami.NewPlan(t.Context(), s, r)
			cloudtest.WantError(t, err, test.want...)
			cloudtest.NothingLeft(t, server)
		})
	}
}

func TestPlanReturnsAllProblemsAtOnce(t *testing.T) {
	_, s := cloudtest.Start(t, localec2.Options{}, "us-east-1")
	disk := cloudtest.NewMemoryDisk(t, 0)
	if _, _, err := cloudtest.Bake(t.Context(), s, disk, &cloud.Ledger{}); err != nil {
		t.Fatal(err)
	}
	r := cloudtest.Request(disk)
	r.KernelID = "aki-00000000"
	_, err := ami.NewPlan(t.Context(), s, r)
	cloudtest.WantError(t, err, "has no such kernel image", `the name "web-dev" is taken in us-east-1 by ami-`)
}

func TestPlanUsesTheGivenKernel(t *testing.T) {
	_, s := cloudtest.Start(t, localec2.Options{}, "us-east-1")
	r := cloudtest.Request(cloudtest.NewMemoryDisk(t, 0))
	r.KernelID = "aki-919dcaf8" // pv-grub-hd0_1.04-x86_64
	plan, err := ami.NewPlan(t.Context(), s, r)
	if err != nil {
		t.Fatal(err)
	}
	if plan.Kernel.Name != "pv-grub-hd0_1.04-x86_64.gz" {
		t.Errorf("kernel %v", plan.Kernel)
	}
}

func TestPlanWithoutCredentials(t *testing.T) {
	server, _ := cloudtest.Start(t, localec2.Options{}, "us-east-1")
	t.Setenv("AWS_ACCESS_KEY_ID", "")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "")
	t.Setenv("HOME", t.TempDir())
	s := cloudtest.Connect(t, nil, "us-east-1")
	_, err := ami.NewPlan(t.Context(), s, cloudtest.Request(cloudtest.NewMemoryDisk(t, 0)))
	cloudtest.WantError(t, err, "find aws credentials")
	if calls := server.Calls(); len(calls) > 0 {
		t.Errorf("called %v", calls)
	}
}

func TestPlanWithDeniedCredentials(t *testing.T) {
	_, s := cloudtest.Start(t, localec2.Options{}, "us-east-1", "GetCallerIdentity=refuse")
	_, err := ami.NewPlan(t.Context(), s, cloudtest.Request(cloudtest.NewMemoryDisk(t, 0)))
	cloudtest.WantError(t, err, "check aws credentials", "http://127.0.0.1")
}

func TestConnectNeedsARegion(t *testing.T) {
	t.Setenv("HOME", t.TempDir())
	t.Setenv("AWS_REGION", "")
	t.Setenv("AWS_DEFAULT_REGION", "")
	_, err := cloud.Connect(t.Context(), cloud.Options{})
	cloudtest.WantError(t, err, "no region: set {Region}, AWS_REGION")
}

func TestPlanAgainstABrokenEndpoint(t *testing.T) {
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	refusing := "http://" + closed.Addr().String()
	if err := closed.Close(); err != nil {
		t.Fatal(err)
	}
	over := make(chan struct{})
	hanging := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-over }))
	t.Cleanup(func() { close(over); hanging.Close() })
	nonsense := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("<html>It works!</html>"))
	}))
	t.Cleanup(nonsense.Close)

	for name, test := range map[string]struct{ url, want string }{
		"refuses":          {refusing, "connection refused"},
		"hangs":            {hanging.URL, "no response from AWS within 2s"},
		"answers nonsense": {nonsense.URL, "check aws credentials"},
	} {
		t.Run(name, func(t *testing.T) {
			s := cloudtest.Connect(t, []string{"AWS_ENDPOINT_URL=" + test.url, "AWS_ACCESS_KEY_ID=AKIA", "AWS_SECRET_ACCESS_KEY=x"}, "us-east-1")
			s.Waits.Plan = 2 * time.Second
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			defer cancel()
			_, err := ami.NewPlan(ctx, s, cloudtest.Request(cloudtest.NewMemoryDisk(t, 0)))
			cloudtest.WantError(t, err, test.want, test.url)
		})
	}
}

// CheckTags leaves room for all tags that the project sets; on an AMI, including
// those of a smoke test.
func TestTagsLeaveRoomForOurOwn(t *testing.T) {
	const most = 50 // EC2's limit
	users := map[string]string{}
	for cloud.CheckTags("tags", users) == nil {
		users[fmt.Sprint("tag ", len(users))] = ""
	}
	delete(users, fmt.Sprint("tag ", len(users)-1)) // the one too many
	r := cloudtest.Request(cloudtest.NewMemoryDisk(t, 0))
	r.MaxMemoryMiB, r.Shim, r.UserImageTags, r.UserSnapshotTags = 4096, "4.17.5-1", users, users
	all := r.ImageTags()
	all[cloud.ResultTag], all[cloud.TimeTag] = "passed", "2026-11-24T00:00:00Z"
	if len(all) != most {
		t.Errorf("an AMI has up to %d tags; want %d, with %d of the user's", len(all), most, len(users))
	}
	if n := len(r.SnapshotTags()); n > most {
		t.Errorf("a snapshot has up to %d tags; EC2 allows %d", n, most)
	}
}
