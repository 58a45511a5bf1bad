package ec2ami

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2"
)

func TestPlanRefuses(t *testing.T) {
	for _, test := range []struct {
		name, region string
		change       func(*Request)
		want         []string
	}{
		{"region without AKI", "eu-north-1", nil, []string{"Amazon offers no pv-grub-hd0 image for x86_64", "region eu-north-1 has no instance type that runs PV images"}},
		{"region with AKI and without PV", "ap-northeast-2", nil, []string{"region ap-northeast-2 has no instance type that runs PV images"}},
		{"unknown AKI", "us-east-1", func(r *Request) { r.KernelID = "aki-00000000" }, []string{"look up kernel aki-00000000: us-east-1 has no such kernel image"}},
		{"AKI of another region", "us-east-1", func(r *Request) { r.KernelID = "aki-dc9ed9af" }, []string{"us-east-1 has no such kernel image"}},
		{"AKI of the other width", "us-east-1", func(r *Request) { r.KernelID = "aki-04206613" }, []string{"it is for i386 and the image is for x86_64"}},
		{"no such region", "us-east-9", nil, []string{"check aws credentials"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			server, s := startEC2(t, localec2.Options{}, test.region)
			r := request(newMemoryDisk(t, 0))
			if test.change != nil {
				test.change(&r)
			}
			_, err := s.Plan(t.Context(), r)
			wantError(t, err, test.want...)
			nothingLeft(t, server)
		})
	}
}

func TestPlanSaysEverythingAtOnce(t *testing.T) {
	_, s := startEC2(t, localec2.Options{}, "us-east-1")
	disk := newMemoryDisk(t, 0)
	if _, _, err := bake(t.Context(), s, disk, &Ledger{}); err != nil {
		t.Fatal(err)
	}
	r := request(disk)
	r.KernelID = "aki-00000000"
	_, err := s.Plan(t.Context(), r)
	wantError(t, err, "has no such kernel image", `ami_name "web-dev" is taken in us-east-1 by ami-`)
}

func TestPlanUsesTheGivenKernel(t *testing.T) {
	_, s := startEC2(t, localec2.Options{}, "us-east-1")
	r := request(newMemoryDisk(t, 0))
	r.KernelID = "aki-919dcaf8" // pv-grub-hd0_1.04-x86_64
	plan, err := s.Plan(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	if plan.Kernel.Name != "pv-grub-hd0_1.04-x86_64.gz" {
		t.Errorf("kernel %v", plan.Kernel)
	}
}

func TestPlanWithoutCredentials(t *testing.T) {
	server, _ := startEC2(t, localec2.Options{}, "us-east-1")
	t.Setenv("AWS_ACCESS_KEY_ID", "")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "")
	t.Setenv("HOME", t.TempDir())
	s := connect(t, nil, "us-east-1")
	_, err := s.Plan(t.Context(), request(newMemoryDisk(t, 0)))
	wantError(t, err, "find aws credentials", "set AWS_ACCESS_KEY_ID")
	if calls := server.Calls(); len(calls) > 0 {
		t.Errorf("called %v", calls)
	}
}

func TestPlanWithDeniedCredentials(t *testing.T) {
	_, s := startEC2(t, localec2.Options{}, "us-east-1", "GetCallerIdentity=refuse")
	_, err := s.Plan(t.Context(), request(newMemoryDisk(t, 0)))
	wantError(t, err, "check aws credentials", "http://127.0.0.1")
}

func TestConnectNeedsARegion(t *testing.T) {
	t.Setenv("HOME", t.TempDir())
	t.Setenv("AWS_REGION", "")
	t.Setenv("AWS_DEFAULT_REGION", "")
	_, err := Connect(t.Context(), Options{})
	wantError(t, err, "no region: set region, AWS_REGION")
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
		"hangs":            {hanging.URL, "AWS has not answered within 2s"},
		"answers nonsense": {nonsense.URL, "check aws credentials"},
	} {
		t.Run(name, func(t *testing.T) {
			s := connect(t, []string{"AWS_ENDPOINT_URL=" + test.url, "AWS_ACCESS_KEY_ID=AKIA", "AWS_SECRET_ACCESS_KEY=x"}, "us-east-1")
			s.Waits.Plan = 2 * time.Second
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			defer cancel()
			_, err := s.Plan(ctx, request(newMemoryDisk(t, 0)))
			wantError(t, err, test.want, test.url)
		})
	}
}

func wantError(t *testing.T, err error, parts ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error; want %q", parts)
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("error %v; want %q in it", err, part)
		}
	}
}
