package fault

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestParse(t *testing.T) {
	for text, want := range map[string]Fault{
		"PutSnapshotBlock=refuse,from=3,times=0":     {Kind: Refuse, Action: "PutSnapshotBlock", From: 3},
		"*=delay,delay=1.5s":                         {Kind: Delay, Delay: 1500 * time.Millisecond},
		"RegisterImage=cut,nth=2,region=eu-west-1":   {Kind: Cut, Action: "RegisterImage", Region: "eu-west-1", From: 2, Times: 1},
		"*=throttle,service=ebs,times=4":             {Kind: Throttle, Service: "ebs", Times: 4},
		"StartSnapshot=fail,status=503,code=Gone":    {Kind: Fail, Action: "StartSnapshot", Status: 503, Code: "Gone"},
		"CompleteSnapshot=cut-after,delay=1ms,nth=1": {Kind: CutAfter, Action: "CompleteSnapshot", Delay: time.Millisecond, From: 1, Times: 1},
		"RunInstances=end-pending,nth=2":             {Kind: EndPending, Action: "RunInstances", From: 2, Times: 1},
	} {
		got, err := Parse(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", text, diff)
		}
	}
	for text, want := range map[string]string{
		"":                           "must begin with ACTION=KIND",
		"PutSnapshotBlock":           "must begin with ACTION=KIND",
		"=cut":                       "must begin with ACTION=KIND",
		"*=explode":                  `unknown kind "explode"`,
		"*=delay":                    "needs delay=DURATION",
		"*=cut,often=1":              `unknown option "often"`,
		"*=cut,":                     `unknown option ""`,
		"*=cut,from=x":               "invalid syntax",
		"*=cut,from=-1":              "can't be negative",
		"*=fail,status=200":          "not an error",
		"*=end-pending":              "needs the action RunInstances",
		"StartInstances=end-pending": "needs the action RunInstances",
		"*=delay,delay=5weeks":       "unknown unit",
	} {
		if _, err := Parse(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", text, err, want)
		}
	}
}
