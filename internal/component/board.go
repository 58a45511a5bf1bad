package component

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"text/tabwriter"
	"time"
)

// boardPace is the time between two lines of a [Board], as between those of an
// upload: nobody takes the build for stuck, and an hour has 360 lines.
const boardPace = 10 * time.Second

// A Board shows which of many regions is at which step. It is safe for concurrent
// use, and never calls say concurrently.
type Board struct {
	say  func(string)
	stop func()

	mu      sync.Mutex
	started time.Time
	steps   map[string]string // by region
}

// NewBoard returns a board that calls say with a line every ten seconds until it is
// closed.
func NewBoard(say func(string)) *Board {
	ticker, stopped, done := time.NewTicker(boardPace), make(chan struct{}), make(chan struct{})
	b := &Board{say: say, started: time.Now(), steps: map[string]string{}}
	b.stop = sync.OnceFunc(func() {
		ticker.Stop()
		close(stopped)
		<-done
	})
	go func() {
		defer close(done)
		for {
			select {
			case <-stopped:
				return
			case <-ticker.C:
				b.report()
			}
		}
	}()
	return b
}

// Step notes that a region has begun a step.
func (b *Board) Step(region, step string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.steps[region] = step
}

// Done reports the outcome of a region.
func (b *Board) Done(region, outcome string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.steps, region)
	b.say(fmt.Sprintf("%s: %s", region, outcome))
}

// Close ends the lines.
func (b *Board) Close() { b.stop() }

// report lists the regions by step.
func (b *Board) report() {
	b.mu.Lock()
	defer b.mu.Unlock()
	regions := map[string][]string{}
	for _, region := range slices.Sorted(maps.Keys(b.steps)) {
		regions[b.steps[region]] = append(regions[b.steps[region]], region)
	}
	var parts []string
	for _, step := range slices.Sorted(maps.Keys(regions)) {
		parts = append(parts, step+": "+strings.Join(regions[step], ", "))
	}
	if len(parts) > 0 {
		b.say(fmt.Sprintf("%s (%s)", strings.Join(parts, "; "), time.Since(b.started).Round(time.Second)))
	}
}

// Table aligns the columns of rows, for Packer's output.
func Table(rows [][]string) string {
	var text strings.Builder
	w := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		fmt.Fprintln(w, strings.Join(row, "\t"))
	}
	_ = w.Flush() // a strings.Builder never fails
	return strings.TrimRight(text.String(), "\n")
}
