package copy

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2"
	"github.com/unikernel-ami/packer-plugin-unikernel/internal/ami"
	"github.com/unikernel-ami/packer-plugin-unikernel/internal/cloudtest"
)

// callsIn counts the calls by action that a good copy makes in eu-west-1.
func callsIn(t *testing.T, method string) map[string]int {
	t.Helper()
	l := newLab(t, localec2.Options{CopyPending: 10 * time.Millisecond})
	if _, err := l.copy(t.Context(), t, block{"method": method}, "eu-west-1"); err != nil {
		t.Fatal(err)
	}
	calls := map[string]int{}
	for _, call := range l.server.Calls() {
		if call.Region == "eu-west-1" {
			calls[call.Action]++
		}
	}
	return calls
}

// With one region broken at any call, nothing is left in any region. If the region
// may fail, the others are there, and nothing else.
func TestBrokenRegion(t *testing.T) {
	for _, method := range []string{ami.CopyImage, ami.Upload} {
		calls := callsIn(t, method)
		for _, want := range []string{"GetCallerIdentity", "DescribeInstanceTypes", "DescribeImages"} {
			if calls[want] == 0 {
				t.Errorf("%s: %s is not called", method, want)
			}
		}
		for action, n := range calls {
			for _, nth := range []int{1, n} {
				fault := fmt.Sprintf("%s=refuse,region=eu-west-1,nth=%d", action, nth)
				t.Run(method+" "+fault, func(t *testing.T) { breakRegion(t, method, fault) })
			}
		}
	}
	t.Run("failed copy", func(t *testing.T) { breakRegion(t, ami.CopyImage, "CopyImage=end-pending,region=eu-west-1") })
}

func breakRegion(t *testing.T, method, fault string) {
	t.Helper()
	options := localec2.Options{CopyPending: 10 * time.Millisecond}
	l := newLab(t, options, fault)
	_, err := l.copy(t.Context(), t, block{"method": method}, "sa-east-1", "eu-west-1", "us-west-2")
	if err == nil {
		// The last question of a wait was not asked this time.
		if !strings.HasPrefix(fault, "Describe") {
			t.Error("no error")
		}
		return
	}
	l.wantRegions(t)

	l = newLab(t, options, fault)
	artifact, err := l.copy(t.Context(), t, block{"method": method, "best_effort_regions": []string{"eu-west-1"}}, "sa-east-1", "eu-west-1", "us-west-2")
	if err != nil {
		t.Fatalf("with best_effort_regions: %v", err)
	}
	if strings.Contains(artifact.Id(), "eu-west-1") {
		return // as above
	}
	l.wantRegions(t, "sa-east-1", "us-west-2")
	if !strings.Contains(l.ui.String(), "eu-west-1  -") {
		t.Errorf("the table lacks the region that has failed:\n%s", l.ui)
	}
}

// An answer that is lost is no failure, and makes nothing twice. If the region's
// calls are never answered, nothing is left once they are.
func TestLostAnswers(t *testing.T) {
	for _, method := range []string{ami.CopyImage, ami.Upload} {
		for action := range callsIn(t, method) {
			t.Run(method+" "+action, func(t *testing.T) {
				options := localec2.Options{CopyPending: 10 * time.Millisecond, Invisible: 30 * time.Millisecond}
				l := newLab(t, options, action+"=cut-after,region=eu-west-1,nth=1")
				if _, err := l.copy(t.Context(), t, block{"method": method}, "sa-east-1", "eu-west-1"); err != nil {
					t.Fatal(err)
				}
				l.wantRegions(t, "eu-west-1", "sa-east-1")

				l = newLab(t, options, action+"=cut-after,region=eu-west-1,times=12")
				if _, err := l.copy(t.Context(), t, block{"method": method}, "sa-east-1", "eu-west-1"); err != nil {
					l.wantRegions(t)
				} else {
					l.wantRegions(t, "eu-west-1", "sa-east-1")
				}
			})
		}
	}
}

// A failure says what is wrong, and what is done about it.
func TestFailureIsSaid(t *testing.T) {
	l := newLab(t, localec2.Options{CopyPending: 20 * time.Millisecond}, "CopyImage=end-pending,region=eu-west-1")
	_, err := l.copy(t.Context(), t, block{"method": ami.CopyImage}, "sa-east-1", "eu-west-1")
	cloudtest.WantError(t, err, "copy to eu-west-1: ", "the AMI is failed: ", "the copy of a snapshot failed")
	if strings.Contains(err.Error(), "sa-east-1") {
		t.Errorf("error %v names a region that has not failed", err)
	}
	for _, want := range []string{"removing the copies in all regions\n", "us-east-1:" + l.ami + " is kept\n", "eu-west-1: removed ami-"} {
		if !strings.Contains(l.ui.String(), want) {
			t.Errorf("%q is not said:\n%s", want, l.ui)
		}
	}
}

// What can't be removed is named, with the command that removes it.
func TestLeftCopiesAreNamed(t *testing.T) {
	l := newLab(t, localec2.Options{}, "CopyImage=refuse,region=eu-west-1", "DeregisterImage=refuse,region=sa-east-1")
	_, err := l.copy(t.Context(), t, block{"method": ami.CopyImage, "concurrency": 1}, "sa-east-1", "eu-west-1")
	cloudtest.WantError(t, err, "copy to eu-west-1: ", "aws ec2 deregister-image --delete-associated-snapshots --region sa-east-1 --image-id ami-")
}

func TestOnErrorAbortLeavesCopies(t *testing.T) {
	l := newLab(t, localec2.Options{}, "CopyImage=refuse,region=eu-west-1")
	_, err := l.copy(t.Context(), t, block{"method": ami.CopyImage, "concurrency": 1, "packer_on_error": "abort"}, "sa-east-1", "eu-west-1")
	cloudtest.WantError(t, err, "copy to eu-west-1: ")
	l.wantRegions(t, "sa-east-1")
	if !strings.Contains(l.ui.String(), "left in place: ami-") {
		t.Errorf("nothing is said of what is left:\n%s", l.ui)
	}
}

func TestCopyThatNeverEnds(t *testing.T) {
	l := newLab(t, localec2.Options{CopyPending: time.Hour})
	_, err := l.copy(t.Context(), t, block{"method": ami.CopyImage, "timeout": "150ms"}, "eu-west-1")
	cloudtest.WantError(t, err, "eu-west-1", "not done within 150ms")
	l.wantRegions(t)
}
