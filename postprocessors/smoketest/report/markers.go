package report

import (
	"fmt"
	"math"

	"github.com/unikernel-ami/packer-plugin-unikernel/internal/check"
)

// A position is a point in time on the chart.
type position struct {
	X      float64 // in percent of the width
	Anchor string  // of text at that position: "start", "middle" or "end"
}

func newPosition(share float64) position {
	return position{X: percent(share), Anchor: "middle"}
}

// percent rounds to two decimals: a hundredth of a percent is less than a pixel.
func percent(share float64) float64 { return math.Round(share*1e4) / 100 }

// A tick is a labeled time on the axis.
type tick struct {
	position
	Label string
}

// steps are the round distances between ticks, in seconds.
var steps = []float64{0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600}

// tickDistance is the least distance between two ticks, in pixels. Labels are
// half as wide.
const tickDistance = 64

func (t timeline) ticks(width float64) []tick {
	step := steps[0]
	for i := 0; t.share(step)*width < tickDistance && t.end > step; i++ {
		if step *= 2; i+1 < len(steps) {
			step = steps[i+1]
		}
	}
	var ticks []tick
	for i := 0; float64(i)*step <= t.end; i++ {
		at := tick{position: newPosition(t.share(float64(i) * step)), Label: t.axisLabel(float64(i) * step)}
		switch px := at.X / 100 * width; {
		case i == 0:
			at.Anchor = "start"
		case px > width-letter*2: // half the label
			at.Anchor = "end"
		}
		ticks = append(ticks, at)
	}
	return ticks
}

// axisLabel formats a time with a precision that suits the length of the axis.
func (t timeline) axisLabel(seconds float64) string {
	whole := int(math.Round(seconds))
	switch {
	case t.end >= 3600:
		return fmt.Sprintf("%d:%02d:%02d", whole/3600, whole/60%60, whole%60)
	case t.end >= 100: // as in elapsed
		return fmt.Sprintf("%d:%02d", whole/60, whole%60)
	default:
		return fmt.Sprintf("%g s", math.Round(seconds*100)/100)
	}
}

// A marker shows a probe, or several that would overlap.
type marker struct {
	markerStyle
	X     float64 // when the probe ended, in percent of the width
	From  float64 // when the probe started; X if that is too close to draw
	Y     int
	Title string
}

// A markerStyle distinguishes probes by color, shape and height.
type markerStyle struct {
	Class string
	Shape string // the ID of its shape in page.html
	many  string // the shape for several probes
	rise  int    // above the line, in pixels
}

var (
	passes = markerStyle{Class: Passed, Shape: "p", many: "pp", rise: 8}
	fails  = markerStyle{Class: Failed, Shape: "f", many: "ff", rise: -8}
	waits  = markerStyle{Class: waiting, Shape: "w", many: "ww", rise: -8}
)

// markerWidth is the width of a marker and the gap after it, in pixels.
const markerWidth = 10

// markers returns markers for the probes of one style. Probes that end within a
// marker's width share it, which bounds the number of markers, however many
// probes there are.
func (t timeline) markers(o check.Outcome, style markerStyle, base int, width float64) []marker {
	var markers []marker
	var group []check.Attempt
	early := t.waiting(o)
	for i, a := range o.Attempts {
		if classOf(a, i < early) != style.Class {
			continue
		}
		if len(group) > 0 && (t.share(t.doneAt(a))-t.share(t.doneAt(group[0])))*width >= markerWidth {
			markers = append(markers, t.marker(group, style, base, width))
			group = group[:0]
		}
		group = append(group, a)
	}
	if len(group) > 0 {
		markers = append(markers, t.marker(group, style, base, width))
	}
	return markers
}

// marker returns one marker for a group, at the end of its first probe.
func (t timeline) marker(group []check.Attempt, style markerStyle, base int, width float64) marker {
	first, last := group[0], group[len(group)-1]
	from, to := t.share(t.seconds(first.Start)), t.share(t.doneAt(first))
	m := marker{markerStyle: style, X: percent(to), From: percent(from), Y: base - style.rise}
	if (to-from)*width < markerWidth {
		m.From = m.X
	}
	if len(group) == 1 {
		m.Title = fmt.Sprintf("%s: %s (took %s)", elapsed(t.doneAt(first)), resultText(first), duration(first.Seconds))
		return m
	}
	m.Shape = style.many
	m.Title = fmt.Sprintf("%d probes, %s to %s: %s", len(group), elapsed(t.doneAt(first)), elapsed(t.doneAt(last)), resultText(first))
	if last.Error != first.Error {
		m.Title += "; last: " + resultText(last)
	}
	return m
}

// resultText describes a probe's result, short enough for a tooltip.
func resultText(a check.Attempt) string {
	if a.Error == "" {
		return "passed"
	}
	return line(a.Error, 120)
}
