package smoketest

import (
	"context"
	"errors"
	"maps"
	"strings"
	"testing"

	packersdk "github.com/hashicorp/packer-plugin-sdk/packer"

	"github.com/unikernel-ami/packer-plugin-unikernel/internal/check"
)

// puppet is a guest that does as it is told.
type puppet struct {
	crash     error  // ends the test
	lastWords string // on the console after the end
	ended     bool
	verdict   string
}

func (p *puppet) launch(_ context.Context, t *trial) (check.Target, error) {
	t.begin()
	return check.Target{Host: "192.0.2.1", Ping: func(context.Context) error { return nil }}, nil
}

func (p *puppet) watch(ctx context.Context, _ func() bool) error {
	if p.crash == nil {
		<-ctx.Done()
	}
	return p.crash
}

func (p *puppet) console(context.Context) (string, error) {
	if p.ended {
		return p.lastWords, nil
	}
	return "booting", nil
}

func (p *puppet) end(_ context.Context, _ *trial, keep bool) error {
	p.ended = !keep
	return nil
}

func (p *puppet) tag(_ context.Context, result string) error {
	p.verdict = result
	return nil
}

func (p *puppet) refuses() bool   { return true }
func (p *puppet) network() string { return "look at its network" }

// A check of the console may succeed after the end, where EC2 shows it: but
// only if nothing else was wrong.
func TestLastWords(t *testing.T) {
	for name, test := range map[string]struct {
		guest   puppet
		options block
		want    string // "" where the test is passed
	}{
		"shown after the end":   {puppet{lastWords: "booting\nserving\n"}, nil, ""},
		"never shown":           {puppet{lastWords: "booting\n"}, nil, `console output does not contain "serving"`},
		"shown before a panic":  {puppet{lastWords: "serving\nKernel panic - not syncing: Oops\n"}, nil, "did not pass within"},
		"shown before a crash":  {puppet{lastWords: "serving\n", crash: errors.New("the guest crashed")}, nil, "the guest crashed"},
		"kept, so never looked": {puppet{lastWords: "serving\n"}, block{"keep_on_failure": true}, `console output does not contain "serving"`},
	} {
		t.Run(name, func(t *testing.T) {
			options := block{"icmp": []block{{}}, "console": []block{{"contains": "serving", "interval": "5ms"}}, "timeout": "100ms"}
			maps.Copy(options, test.options)
			var c Config
			if err := c.Prepare(options); err != nil {
				t.Fatal(err)
			}
			plans, _ := c.plans()
			trial := newTrial(&c, packersdk.TestUi(t), &subject{guest: &test.guest}, plans, "test")
			err := trial.run(t.Context())
			if test.want == "" && (err != nil || trial.result.Seconds.Passed <= 0 || test.guest.verdict != "passed") {
				t.Errorf("error %v, result %+v", err, trial.result)
			}
			if test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want) || test.guest.verdict != "failed") {
				t.Errorf("error %v, verdict %s; want %s", err, test.guest.verdict, test.want)
			}
		})
	}
}
