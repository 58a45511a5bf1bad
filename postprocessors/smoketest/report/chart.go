package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/rivo/uniseg"

	"github.com/unikernel-ami/packer-plugin-unikernel/internal/check"
)

// A chart is the drawing of the timeline. Positions on the time axis are shares of
// the width, so that the chart fills any width with text of the same size.
// Overlap is avoided for the smallest width. All else is in CSS pixels.
type chart struct {
	Class  string
	About  string // for screen readers
	Height int
	Top    int // upper end of the grid
	Axis   int // lower end of the grid
	Ticks  []tick
	Flags  []flag
	Rows   []row
}

// A flag is an event: a line with a label at its top.
type flag struct {
	position
	Class, Name, Clock, Title string
	Y                         int // top of the label; its level during the layout
}

// A row shows a check.
type row struct {
	Name, About, Outcome string
	Class                string // of the outcome
	Label, Base          int    // y of the name's baseline, and of the line between passed and other probes
	Markers              []marker
}

const (
	levelHeight = 19 // of a line of labels of flags
	rowHeight   = 60 // of a check: its name, passed probes and other probes
	// letter is about the width of a 12 px letter in a wide system font, so that
	// labels have a gap rather than touch.
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
	c.About = fmt.Sprintf("Timeline of %s with %s and %s. The tables below have the same data.",
		elapsed(t.end), count(len(c.Flags), "event"), count(len(c.Rows), "check"))
	return c
}

// row lays out a check. The name gets the space that the outcome leaves, and the
// description the space that the name leaves.
func (t timeline) row(o check.Outcome, top int, width float64) row {
	r := row{Outcome: t.outcome(o), Class: t.class(o), Label: top + 24, Base: top + 43}
	room := int(width/letter) - len(r.Outcome) - 2
	r.Name = line(o.Name, room)
	if room -= uniseg.StringWidth(r.Name) + 2; room > 8 { // less is too short to be useful
		r.About = line(o.About, room)
	}
	for _, style := range []markerStyle{passes, fails, waits} {
		r.Markers = append(r.Markers, t.markers(o, style, r.Base, width)...)
	}
	return r
}

// flags lays out the events.
func (t timeline) flags(events []Event, width float64) []flag {
	var flags []flag
	for _, e := range events {
		at := t.seconds(e.At)
		if at > t.end {
			continue
		}
		f := flag{position: newPosition(t.share(at)), Name: line(e.Name, 14), Clock: elapsed(at)}
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

// A span is the horizontal space of a label, in pixels.
type span struct{ left, right float64 }

// stack sets Y to the level of each label, counted from the lowest. From right to
// left, each label goes to the first level on which it touches no other.
func stack(flags []flag, width float64) {
	var levels [][]span
	for i := range slices.Backward(flags) {
		f := &flags[i]
		at, length := f.X/100*width, float64(letter*(uniseg.StringWidth(f.Name)+len(f.Clock)+2))
		own := span{at, at + length}
		if f.Anchor = "start"; own.right > width && at > width/2 {
			own, f.Anchor = span{at - length, at}, "end"
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
