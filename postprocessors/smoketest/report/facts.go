package report

import (
	"fmt"

	"github.com/unikernel-ami/packer-plugin-unikernel/internal/check"
)

// maxReason is how much of a reason is shown, in bytes: about a screenful. It may
// quote data from the guest.
const maxReason = 2 << 10

// shortReason cuts a long reason off.
func shortReason(reason string) string {
	if len(reason) <= maxReason {
		return reason
	}
	return reason[:maxReason] + "…"
}

// subjectLine names the subject on one line.
func subjectLine(s Subject) string {
	if name := line(s.Name, 80); name != "" {
		return line(s.ID, 120) + " (" + name + ")"
	}
	return line(s.ID, 120)
}

func figures(s Seconds) []fact {
	facts := []fact{{"Running", ""}, {"First response", ""}, {"Passed", ""}, {"Total", ""}}
	for i, seconds := range []float64{s.Running, s.FirstAnswer, s.Passed, s.Total} {
		if seconds > 0 {
			facts[i].Value = elapsed(seconds)
		}
	}
	return facts
}

func subject(s Subject) subjectView {
	id := "AMI"
	if s.Kind == "disk" {
		id = "Disk"
	}
	return subjectView{ID: line(s.ID, 120), Name: line(s.Name, 80), Facts: nonEmpty(
		fact{id, s.ID}, fact{"Name", s.Name}, fact{"Region", s.Region}, fact{"Environment", s.Environment},
		fact{"System", s.System}, fact{"Architecture", s.Architecture}, fact{"Kernel (AKI)", s.Kernel},
	)}
}

func instance(i Instance) []fact {
	return nonEmpty(fact{"Instance", i.ID}, fact{"Type", i.Type}, fact{"Zone", i.Zone},
		fact{"Address", i.Address}, fact{"Private address", i.PrivateAddress})
}

// nonEmpty returns the facts that have a value.
func nonEmpty(facts ...fact) []fact {
	var kept []fact
	for _, f := range facts {
		if f.Value = line(f.Value, 300); f.Value != "" {
			kept = append(kept, f)
		}
	}
	return kept
}

// checkView describes a check. The last error is left out if it is the same as
// the first.
func (t timeline) checkView(o check.Outcome) checkView {
	first, last, failed := failures(o)
	c := checkView{
		Name: line(o.Name, 120), About: line(o.About, 300), Outcome: t.outcome(o), Class: t.class(o),
		First: line(first, 600), Last: line(last, 600),
	}
	if o.Passed {
		c.Evidence = line(o.Evidence, 600)
	}
	switch probes := len(o.Attempts); {
	case failed > 0 && failed == t.waiting(o):
		c.Probes, c.When = fmt.Sprintf("%s, %d of them before it was up", count(probes, "probe"), failed), "before it was up"
	case failed > 0 && failed == probes:
		c.Probes = count(probes, "probe") + ", all failed"
	case failed > 0:
		c.Probes = fmt.Sprintf("%s, %d failed", count(probes, "probe"), failed)
	case probes > 0:
		c.Probes = count(probes, "probe")
	}
	if c.First == c.Last || c.When != "" {
		c.Last = ""
	}
	return c
}
