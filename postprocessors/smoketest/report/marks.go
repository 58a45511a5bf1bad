package report

import (
	"fmt"
	"math"

	"github.com/unikernel-ami/packer-plugin-unikernel/internal/check"
)

// A place is a moment on the drawing.
type place struct {
	X      float64 // in percent of the width
	Anchor string  // of text there: "start", "middle" or "end"
}

func newPlace(share float64) place {
	return place{X: percent(share), Anchor: "middle"}
}

// percent has two decimals: a hundredth of a percent is less than a pixel.
func percent(share float64) float64 { return math.Round(share*1e4) / 100 }

// A tick is a time on the axis.
type tick struct {
	place
	Label string
}

// steps are the distances between ticks that people count in, in seconds.
var steps = []float64{0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600}

// tickDistance is that between two ticks at least, in pixels: their labels are
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
		at := tick{place: newPlace(t.share(float64(i) * step)), Label: t.axisLabel(float64(i) * step)}
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

// axisLabel is as exact as the axis is long.
func (t timeline) axisLabel(seconds float64) string {
	whole := int(math.Round(seconds))
	switch {
	case t.end >= 3600:
		return fmt.Sprintf("%d:%02d:%02d", whole/3600, whole/60%60, whole%60)
	case t.end >= 100: // as clock does
		return fmt.Sprintf("%d:%02d", whole/60, whole%60)
	default:
		return fmt.Sprintf("%g s", math.Round(seconds*100)/100)
	}
}

// A mark is a probe, or several that would overlap.
type mark struct {
	kind
	X     float64 // when what it shows was seen, in percent of the width
	From  float64 // when the probe began; X where that is too near to be drawn
	Y     int
	Title string
}

// A kind of mark. Passed and failed probes differ in colour, shape and height.
type kind struct {
	Class string
	Shape string // the id of its drawing, see page.html
	many  string // the one of a mark for several probes
	rise  int    // above the line, in pixels
}

var (
	passes = kind{Class: Passed, Shape: "p", many: "pp", rise: 8}
	fails  = kind{Class: Failed, Shape: "f", many: "ff", rise: -8}
)

// markWidth is that of a mark with its gap, in pixels.
const markWidth = 10

// marks draws the probes of a kind. Those that were answered within a mark's
// width of a mark share it; so the number of marks has a bound that doesn't
// depend on the number of probes.
func (t timeline) marks(attempts []check.Attempt, k kind, base int, width float64) []mark {
	var marks []mark
	var group []check.Attempt
	for _, a := range attempts {
		if (a.Error == "") != (k.Class == Passed) {
			continue
		}
		if len(group) > 0 && (t.share(t.seen(a))-t.share(t.seen(group[0])))*width >= markWidth {
			marks = append(marks, t.mark(group, k, base, width))
			group = group[:0]
		}
		group = append(group, a)
	}
	if len(group) > 0 {
		marks = append(marks, t.mark(group, k, base, width))
	}
	return marks
}

// mark stands where the first of its probes was answered.
func (t timeline) mark(group []check.Attempt, k kind, base int, width float64) mark {
	first, last := group[0], group[len(group)-1]
	from, to := t.share(t.seconds(first.Start)), t.share(t.seen(first))
	m := mark{kind: k, X: percent(to), From: percent(from), Y: base - k.rise}
	if (to-from)*width < markWidth {
		m.From = m.X
	}
	if len(group) == 1 {
		m.Title = fmt.Sprintf("%s: %s after %s", clock(t.seen(first)), saw(first), took(first.Seconds))
		return m
	}
	m.Shape = k.many
	m.Title = fmt.Sprintf("%d probes, %s to %s: %s", len(group), clock(t.seen(first)), clock(t.seen(last)), saw(first))
	if last.Error != first.Error {
		m.Title += "; at last " + saw(last)
	}
	return m
}

// saw is what a probe has seen, short enough for a tooltip.
func saw(a check.Attempt) string {
	if a.Error == "" {
		return "passed"
	}
	return line(a.Error, 120)
}
