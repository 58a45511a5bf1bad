package report

import (
	"fmt"
	"io"
	"strings"

	"github.com/mitchellh/go-wordwrap"
	"github.com/rivo/uniseg"

	"github.com/unikernel-ami/packer-plugin-unikernel/internal/check"
)

// Text fits in 80 columns, the usual width of a terminal.
const (
	textWidth  = 78
	trackWidth = 30 // of the line of a check's probes
	nameWidth  = 22 // of a check's name
)

// Text writes the result's timeline in lines of at most 78 columns: the events
// and the probes of each check. "+" is a passed probe, "x" a failed one, "-" one
// before the guest was up, and "*" stands for several of these.
func Text(w io.Writer, r Result) error {
	r = normalize(r)
	var b strings.Builder
	headline := "smoke test " + strings.ToUpper(statusOf(r).Headline) + ": "
	b.WriteString(clip(headline+subjectLine(r.Subject), textWidth) + "\n")
	if r.Verdict != Passed {
		writeReason(&b, r.Reason)
	}
	t := newTimeline(r)
	if len(r.Events) > 0 {
		b.WriteByte('\n')
	}
	for _, e := range r.Events {
		writeEvent(&b, elapsed(t.seconds(e.At)), e)
	}
	if len(r.Checks) > 0 {
		t.writeChecks(&b, r.Checks)
	}
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("write timeline: %w", err)
	}
	return nil
}

func writeReason(b *strings.Builder, reason string) {
	text := strings.TrimSpace(strings.ReplaceAll(printable(shortReason(reason)), "\t", " "))
	if text == "" {
		return
	}
	for s := range strings.SplitSeq(wordwrap.WrapString(text, textWidth-2), "\n") {
		b.WriteString(clip(strings.TrimRight("  "+s, " "), textWidth) + "\n")
	}
}

func writeEvent(b *strings.Builder, at string, e Event) {
	name := pad(line(e.Name, 14), 14)
	b.WriteString(clip(strings.TrimRight(fmt.Sprintf("%12s  %s  %s", at, name, line(e.Text, textWidth)), " "), textWidth) + "\n")
}

// writeChecks draws the probes of all checks below one time axis.
func (t timeline) writeChecks(b *strings.Builder, checks []check.Outcome) {
	end := elapsed(t.end)
	fmt.Fprintf(b, "\n  %s  0%*s\n", pad("+ pass, x fail, - wait", nameWidth), trackWidth-1, end)
	for _, o := range checks {
		row := fmt.Sprintf("  %s  %s  %s", pad(line(o.Name, nameWidth), nameWidth), t.track(o), t.outcome(o))
		b.WriteString(clip(row, textWidth) + "\n")
		if _, last, n := failures(o); !o.Passed && n > 0 {
			b.WriteString("    " + clip("last failure: "+line(last, textWidth), textWidth-4) + "\n")
		}
	}
}

// track draws a check's probes on a line.
func (t timeline) track(o check.Outcome) string {
	cells := []byte(strings.Repeat(".", trackWidth))
	signs := map[string]byte{Passed: '+', Failed: 'x', waiting: '-'}
	early := t.waiting(o)
	for i, a := range o.Attempts {
		cell, sign := &cells[int(t.share(t.doneAt(a))*(trackWidth-1))], signs[classOf(a, i < early)]
		if *cell != '.' && *cell != sign {
			sign = '*'
		}
		*cell = sign
	}
	return string(cells)
}

// pad appends spaces.
func pad(s string, columns int) string {
	return s + strings.Repeat(" ", max(0, columns-uniseg.StringWidth(s)))
}
