package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/rivo/uniseg"

	"github.com/unikernel-ami/packer-plugin-unikernel/internal/check"
)

// A chart is the timeline as it is drawn. Positions along the time are shares of
// the width, so that the drawing fills any width with text of the same size; what
// must not overlap is laid out for the least width. All else is in CSS pixels.
type chart struct {
	Class  string
	About  string // for who can't see it
	Height int
	Top    int // of the grid
	Axis   int // its lower end
	Ticks  []tick
	Flags  []flag
	Rows   []row
}

// A flag is an event: its line, and its label on top.
type flag struct {
	place
	Class, Name, Clock, Title string
	Y                         int // of the label's top; its level, as long as it is laid out
}

// A row is a check.
type row struct {
	Name, About, Outcome string
	Passed               bool
	Label, Base          int // y of the name's base line, and of the line between passed and failed
	Marks                []mark
}

const (
	levelHeight = 19 // of a line of flags' labels
	rowHeight   = 60 // of a check: its name, the passed and the failed probes
	// letter is about the width of a letter of 12 px: a wide system font's, so
	// that labels rather have a gap than touch.
	letter = 7
)

func newChart(r Result, class string, width float64) chart {
	t := newTimeline(r)
	c := chart{Class: class, Ticks: t.ticks(width), Flags: t.flags(r.Events, width)}
	levels := 0
	for _, f := range c.Flags {
		levels = max(levels, f.Y+1)
	}
	for i := range c.Flags {
		c.Flags[i].Y = (levels - 1 - c.Flags[i].Y) * levelHeight
	}
	c.Top = levels * levelHeight
	for i, o := range r.Checks {
		c.Rows = append(c.Rows, t.row(o, c.Top+i*rowHeight, width))
	}
	c.Axis = c.Top + len(r.Checks)*rowHeight + 10
	c.Height = c.Axis + 22
	c.About = fmt.Sprintf("Timeline of %s with %s and %s; the tables below have them in words",
		clock(t.end), count(len(c.Flags), "event"), count(len(c.Rows), "check"))
	return c
}

// row lays a check out. The name gets what the outcome leaves of the line, and
// what was asked gets what the name leaves.
func (t timeline) row(o check.Outcome, top int, width float64) row {
	r := row{Outcome: t.outcome(o), Passed: o.Passed, Label: top + 24, Base: top + 43}
	room := int(width/letter) - len(r.Outcome) - 2
	r.Name = line(o.Name, room)
	if room -= uniseg.StringWidth(r.Name) + 2; room > 8 { // less says nothing
		r.About = line(o.About, room)
	}
	r.Marks = append(t.marks(o.Attempts, passes, r.Base, width), t.marks(o.Attempts, fails, r.Base, width)...)
	return r
}

// flags lays the events out.
func (t timeline) flags(events []Event, width float64) []flag {
	var flags []flag
	for _, e := range events {
		at := t.seconds(e.At)
		if at > t.end {
			continue
		}
		f := flag{place: newPlace(t.share(at)), Name: line(e.Name, 14), Clock: clock(at)}
		f.Title = strings.TrimSpace(f.Clock + ": " + f.Name + " " + line(e.Text, 200))
		switch e.Name {
		case "passed", "held":
			f.Class = Passed
		case "failed":
			f.Class = Failed
		}
		flags = append(flags, f)
	}
	stack(flags, width)
	return flags
}

// A span is what a label takes of the width, in pixels.
type span struct{ left, right float64 }

// stack sets Y to the level of each label, counted from the lowest: from the
// right to the left, each is put on the first on which it touches no other.
func stack(flags []flag, width float64) {
	var levels [][]span
	for i := range slices.Backward(flags) {
		f := &flags[i]
		at, long := f.X/100*width, float64(letter*(uniseg.StringWidth(f.Name)+len(f.Clock)+2))
		own := span{at, at + long}
		if f.Anchor = "start"; own.right > width && at > width/2 {
			own, f.Anchor = span{at - long, at}, "end"
		}
		touches := func(s span) bool { return own.left < s.right && s.left < own.right }
		for f.Y < len(levels) && slices.ContainsFunc(levels[f.Y], touches) {
			f.Y++
		}
		if f.Y == len(levels) {
			levels = append(levels, nil)
		}
		levels[f.Y] = append(levels[f.Y], own)
	}
}
