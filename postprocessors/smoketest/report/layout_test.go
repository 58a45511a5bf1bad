package report

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
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

// Markers never touch, and every probe is counted in exactly one.
func TestMarkers(t *testing.T) {
	for _, result := range []Result{passed(), status500(), silent(), flapping()} {
		for _, width := range []float64{wide, narrow} {
			timeline := newTimeline(result)
			for _, o := range result.Checks {
				drawn := 0
				for _, style := range []markerStyle{passes, fails, waits} {
					markers := timeline.markers(o, style, 0, width)
					for i, m := range markers {
						if i > 0 && (m.X-markers[i-1].X)*width/100 < markerWidth-0.1 {
							t.Errorf("%s: markers at %v%% and %v%% of %v px", o.Name, markers[i-1].X, m.X, width)
						}
						n := 1
						if m.Shape == style.many {
							fmt.Sscanf(m.Title, "%d probes", &n)
						}
						drawn += n
					}
				}
				if drawn != len(o.Attempts) {
					t.Errorf("%s: markers for %d of %d probes", o.Name, drawn, len(o.Attempts))
				}
			}
		}
	}
}

// A test that passed shows no failure: its first probes came before the guest was
// up. A probe that fails after a pass is one, and so is each of a check that never
// passed.
func TestWaiting(t *testing.T) {
	for name, want := range map[string]map[string]bool{
		"passed":    {Passed: true, waiting: true},
		"cancelled": {Passed: true, waiting: true},
		"flapping":  {Passed: true, Failed: true},
		"silent":    {Failed: true},
	} {
		seen := map[string]bool{}
		for _, row := range newChart(results()[name], "wide", wide).Rows {
			for _, m := range row.Markers {
				seen[m.Class] = true
			}
		}
		if diff := cmp.Diff(want, seen); diff != "" {
			t.Errorf("%s has probes of these classes (-want +got):\n%s", name, diff)
		}
	}
}

// Labels of events that would touch are on different levels.
func TestFlags(t *testing.T) {
	var events []Event
	for i := range 12 {
		events = append(events, Event{Name: "event", At: at(float64(i * i))})
	}
	line := timeline{start: launch, end: 121}
	levels := map[int]float64{}
	for _, f := range line.flags(events, wide) {
		length := float64(letter * (len(f.Name) + 1 + len(f.Clock)))
		left := f.X / 100 * wide
		if f.Anchor == "end" {
			left -= length
		}
		if left < levels[f.Y] || left+length > wide {
			t.Errorf("the label at %v%% of level %d touches another or the edge", f.X, f.Y)
		}
		levels[f.Y] = left + length
	}
	if len(levels) < 2 || len(levels) > 5 {
		t.Errorf("%d levels", len(levels))
	}
}

// Slow cleanup after the test doesn't squeeze the chart.
func TestEnd(t *testing.T) {
	for ended, want := range map[float64]float64{11: 11, 100: 10} {
		r := Result{Started: launch, Events: []Event{{Name: "passed", At: at(10)}, {Name: "ended", At: at(ended)}}, Checks: []check.Outcome{{Attempts: probes(1, 9, 1, 1, always(""))}}}
		if got := newTimeline(normalize(r)).end; got != want {
			t.Errorf("ended at %v: the chart ends at %v, want %v", ended, got, want)
		}
	}
}
