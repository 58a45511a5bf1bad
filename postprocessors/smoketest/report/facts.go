package report

import (
	"fmt"

	"github.com/unikernel-ami/packer-plugin-unikernel/internal/check"
)

// maxReason is how much of a reason is shown, in bytes: about a screen. It may
// quote what the guest has sent.
const maxReason = 2 << 10

// head is the beginning of a reason.
func head(reason string) string {
	if len(reason) <= maxReason {
		return reason
	}
	return reason[:maxReason] + "…"
}

// lede names the subject in a line.
func lede(s Subject) string {
	if name := line(s.Name, 80); name != "" {
		return line(s.ID, 120) + " (" + name + ")"
	}
	return line(s.ID, 120)
}

func figures(s Seconds) []fact {
	facts := []fact{{"Running after", ""}, {"First answer after", ""}, {"Passed after", ""}, {"Whole test", ""}}
	for i, seconds := range []float64{s.Running, s.FirstAnswer, s.Passed, s.Total} {
		if seconds > 0 {
			facts[i].Value = clock(seconds)
		}
	}
	return facts
}

func subject(s Subject) shown {
	id := "AMI"
	if s.Kind == "disk" {
		id = "Disk"
	}
	return shown{ID: line(s.ID, 120), Name: line(s.Name, 80), Facts: known(
		fact{id, s.ID}, fact{"Name", s.Name}, fact{"Region", s.Region}, fact{"Environment", s.Environment},
		fact{"System", s.System}, fact{"Architecture", s.Architecture}, fact{"Kernel (AKI)", s.Kernel},
	)}
}

func instance(i Instance) []fact {
	return known(fact{"Instance", i.ID}, fact{"Type", i.Type}, fact{"Zone", i.Zone},
		fact{"Address", i.Address}, fact{"Private address", i.PrivateAddress})
}

// known are those of the facts that have a value.
func known(facts ...fact) []fact {
	var have []fact
	for _, f := range facts {
		if f.Value = line(f.Value, 300); f.Value != "" {
			have = append(have, f)
		}
	}
	return have
}

// checked puts a check in words. The last error is shown where it isn't the first.
func (t timeline) checked(o check.Outcome) checked {
	first, last, failed := failures(o)
	c := checked{
		Name: line(o.Name, 120), About: line(o.About, 300), Outcome: t.outcome(o), Passed: o.Passed,
		First: line(first, 600), Last: line(last, 600),
	}
	switch probes := len(o.Attempts); {
	case failed > 0 && failed == probes:
		c.Probes = count(probes, "probe") + ", all failed"
	case failed > 0:
		c.Probes = fmt.Sprintf("%s, %d failed", count(probes, "probe"), failed)
	case probes > 0:
		c.Probes = count(probes, "probe")
	}
	if c.First == c.Last {
		c.Last = ""
	}
	return c
}
