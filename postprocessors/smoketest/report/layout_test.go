package report

import (
	"fmt"
	"strings"
	"testing"

	"github.com/unikernel-ami/packer-plugin-unikernel/internal/check"
)

func TestTicks(t *testing.T) {
	for _, c := range []struct {
		end   float64
		width float64
		want  string
	}{
		{0.1, wide, "0 s 0.05 s 0.1 s"},
		{3, wide, "0 s 0.5 s 1 s 1.5 s 2 s 2.5 s 3 s"},
		{3, narrow, "0 s 1 s 2 s 3 s"},
		{42, wide, "0 s 5 s 10 s 15 s 20 s 25 s 30 s 35 s 40 s"},
		{99, narrow, "0 s 30 s 60 s 90 s"},
		{720, wide, "0:00 2:00 4:00 6:00 8:00 10:00 12:00"},
		{720, narrow, "0:00 5:00 10:00"},
		{7200, wide, "0:00:00 0:20:00 0:40:00 1:00:00 1:20:00 1:40:00 2:00:00"},
		{86400, narrow, "0:00:00 8:00:00 16:00:00 24:00:00"},
	} {
		var labels []string
		for _, tick := range (timeline{end: c.end}).ticks(c.width) {
			labels = append(labels, tick.Label)
		}
		if got := strings.Join(labels, " "); got != c.want {
			t.Errorf("%v s on %v px: %s, want %s", c.end, c.width, got, c.want)
		}
	}
}

// However many probes there are, and however they end, marks don't touch, and
// every probe is counted by one.
func TestMarks(t *testing.T) {
	for _, result := range []Result{passed(), status500(), silent(), flapping()} {
		for _, width := range []float64{wide, narrow} {
			timeline := newTimeline(result)
			for _, o := range result.Checks {
				drawn := 0
				for _, k := range []kind{passes, fails} {
					marks := timeline.marks(o.Attempts, k, 0, width)
					for i, m := range marks {
						if i > 0 && (m.X-marks[i-1].X)*width/100 < markWidth-0.1 {
							t.Errorf("%s: marks at %v%% and %v%% of %v px", o.Name, marks[i-1].X, m.X, width)
						}
						n := 1
						if m.Shape == k.many {
							fmt.Sscanf(m.Title, "%d probes", &n)
						}
						drawn += n
					}
				}
				if drawn != len(o.Attempts) {
					t.Errorf("%s: marks for %d probes of %d", o.Name, drawn, len(o.Attempts))
				}
			}
		}
	}
}

// Labels of events stand above another where they would touch.
func TestFlags(t *testing.T) {
	var events []Event
	for i := range 12 {
		events = append(events, Event{Name: "event", At: at(float64(i * i))})
	}
	drawing := timeline{start: launch, end: 121}
	levels := map[int]float64{}
	for _, f := range drawing.flags(events, wide) {
		long := float64(letter * (len(f.Name) + 1 + len(f.Clock)))
		left := f.X / 100 * wide
		if f.Anchor == "end" {
			left -= long
		}
		if left < levels[f.Y] || left+long > wide {
			t.Errorf("the label at %v%% of level %d touches another, or the edge", f.X, f.Y)
		}
		levels[f.Y] = left + long
	}
	if len(levels) < 2 || len(levels) > 5 {
		t.Errorf("%d levels", len(levels))
	}
}

// What follows the verdict long after doesn't squeeze the drawing.
func TestEnd(t *testing.T) {
	for ended, want := range map[float64]float64{11: 11, 100: 10} {
		r := Result{Started: launch, Events: []Event{{Name: "passed", At: at(10)}, {Name: "ended", At: at(ended)}}, Checks: []check.Outcome{{Attempts: probes(1, 9, 1, 1, always(""))}}}
		if got := newTimeline(tidy(r)).end; got != want {
			t.Errorf("ended at %v: the drawing ends at %v, want %v", ended, got, want)
		}
	}
}
