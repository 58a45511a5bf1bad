// Package progress shows the progress of work that takes more than a second: as a
// bar on a terminal, and as lines elsewhere, such as in Packer's output or the log
// of a CI job. Both show size, rate and time left, and are rendered by
// schollz/progressbar.
//
//	reporter := progress.Lines(ui.Say)
//	defer reporter.Done()
//	for ... {
//		reporter.Report("upload", done, total)
//	}
//
// Nothing is shown until [Quiet] has passed, and nothing announces the end of the
// work: that is up to the caller. A reporter writes only to its terminal or calls
// its function, because a plugin's stdout belongs to Packer.
package progress

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

const (
	// Quiet is how long a task runs before its progress is shown. A person waits
	// about a second without wondering, and faster tasks, such as writing most
	// disks, should add no noise.
	Quiet = time.Second

	// linePace is the time between two lines. Ten seconds is short enough that
	// nobody takes the build for stuck, and keeps the longest upload (128 MiB at
	// 300 kbit/s, an hour) below 400 lines.
	linePace = 10 * time.Second

	// barPace is the time between two updates of a bar: smooth enough, at a few
	// hundred bytes per second for a terminal on a slow connection.
	barPace = 200 * time.Millisecond

	barWidth = 30 // characters: bar, sizes, rate and times together fit in 80
)

// A Reporter shows the progress of one task after another. It is safe for
// concurrent use.
type Reporter struct {
	out  io.Writer // bars are drawn on it
	line *line     // the same as out; nil on a terminal
	say  func(string)
	pace time.Duration

	mu          sync.Mutex
	what        string
	bar         *progressbar.ProgressBar // nil before the first report, and after Done
	done, total int64
}

// Terminal draws a bar on a terminal, and clears it when the work is done.
func Terminal(terminal *os.File) *Reporter {
	return &Reporter{out: terminal, pace: barPace}
}

// Lines calls say with a line when [Quiet] has passed, and then every ten seconds.
func Lines(say func(line string)) *Reporter {
	line := new(line)
	return &Reporter{out: line, line: line, say: say, pace: linePace}
}

// To draws bars if w is a terminal, and otherwise prints lines with the prefix.
func To(w io.Writer, prefix string) *Reporter {
	if f, ok := w.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		return Terminal(f)
	}
	return Lines(func(line string) { fmt.Fprintln(w, prefix+line) })
}

// Report reports that done of total bytes of a task are done. A total of 0 or less
// means unknown; only size and rate are shown then. A task starts with its first
// report, and ends when another task starts or with [Reporter.Done]. A report that
// is not higher than an earlier one of the same task, for example because
// goroutines overtook each other, is ignored.
func (r *Reporter) Report(what string, done, total int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.bar == nil || what != r.what {
		r.end()
		r.begin(what, total)
	}
	if r.total > 0 {
		done = min(done, r.total)
	}
	if done <= r.done {
		return
	}
	r.done = done
	_ = r.bar.Set64(done) // fails only if the terminal does, which must not stop the work
	r.flush()
}

// Done ends the task and clears its bar.
func (r *Reporter) Done() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.end()
}

func (r *Reporter) begin(what string, total int64) {
	r.what, r.done, r.total = what, 0, total
	if total <= 0 {
		total = -1 // progressbar's value for an unknown total
	}
	r.bar = progressbar.NewOptions64(total, append([]progressbar.Option{
		progressbar.OptionSetWriter(r.out),
		progressbar.OptionSetDescription(what + ":"),
		progressbar.OptionShowBytes(true),
		progressbar.OptionUseIECUnits(true),
		progressbar.OptionShowCount(),
		progressbar.OptionClearOnFinish(),
		progressbar.OptionSetWidth(barWidth),
		progressbar.OptionSetTheme(progressbar.ThemeASCII),
		progressbar.OptionSetSpinnerChangeInterval(0), // otherwise it starts a goroutine
		progressbar.OptionThrottle(Quiet),             // until the first output
	}, r.plain()...)...)
	r.bar.Reset() // starts the throttle
}

// plain returns the options that reduce a bar to sizes and rate, for a line.
func (r *Reporter) plain() []progressbar.Option {
	if r.line == nil {
		return nil
	}
	options := []progressbar.Option{
		progressbar.OptionSetPredictTime(false),
		progressbar.OptionSetElapsedTime(false),
		progressbar.OptionSetTheme(progressbar.Theme{}),
		progressbar.OptionSpinnerCustom([]string{""}),
	}
	if r.total > 0 { // with an unknown total, progress is measured in widths of the bar
		options = append(options, progressbar.OptionSetWidth(0))
	}
	return options
}

// flush passes on the line that the bar has rendered, if any.
func (r *Reporter) flush() {
	if r.bar.String() != "" {
		progressbar.OptionThrottle(r.pace)(r.bar)
	}
	if r.line == nil || r.line.text == "" {
		return
	}
	text := r.line.text
	if r.total > 0 {
		left := time.Duration(r.bar.State().SecondsLeft * float64(time.Second))
		text += fmt.Sprintf(", %s left", left.Round(time.Second))
	}
	r.say(text)
	r.line.text = ""
}

func (r *Reporter) end() {
	if r.bar == nil {
		return
	}
	_ = r.bar.Clear() // see Report
	_ = r.bar.Exit()  // never fails
	r.bar = nil
}

// line stands in for the terminal when lines are printed. It keeps the last text
// that isn't blank: progressbar clears a line by writing spaces.
type line struct{ text string }

func (l *line) Write(p []byte) (int, error) {
	if words := strings.Fields(string(p)); len(words) > 0 {
		l.text = strings.Join(words, " ")
	}
	return len(p), nil
}
