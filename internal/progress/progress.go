// Package progress tells people how far work is that takes more than a second:
// by a bar on a terminal, and by lines everywhere else, such as in Packer's
// output or the log of a CI job. Both have size, rate and time left, and are
// rendered by schollz/progressbar.
//
//	reporter := progress.Lines(ui.Say)
//	defer reporter.Done()
//	for ... {
//		reporter.Report("upload", done, total)
//	}
//
// Nothing is shown before [Quiet] has passed, nor when the work is done: its
// result is what says that. Nothing is ever printed but to the terminal or the
// function that the reporter was made with: a plugin's stdout belongs to Packer.
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
	// Quiet is how long each piece of work goes on before it is talked about. A
	// second is about as long as a person waits without wondering; what is done by
	// then, as most disks are, adds no noise.
	Quiet = time.Second

	// linePace is the time between two lines. At ten seconds a build's log shows
	// that something moves well before anybody gives up on it, and the longest
	// upload (128 MiB at 300 kbit/s, an hour) stays below 400 lines.
	linePace = 10 * time.Second

	// barPace is the time between two drawings of a bar: it seems to move, and
	// costs a terminal behind a slow line a few hundred bytes a second.
	barPace = 200 * time.Millisecond

	barWidth = 30 // characters: bar, sizes, rate and times together fit in 80
)

// A Reporter shows one piece of work after the other. It may be used by several
// goroutines at once.
type Reporter struct {
	out  io.Writer // what bars are drawn on
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

// Lines says a line when [Quiet] has passed, and one every ten seconds from
// then on.
func Lines(say func(line string)) *Reporter {
	line := new(line)
	return &Reporter{out: line, line: line, say: say, pace: linePace}
}

// To draws bars if w is a terminal, and else prints lines to it, each behind the
// prefix.
func To(w io.Writer, prefix string) *Reporter {
	if f, ok := w.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		return Terminal(f)
	}
	return Lines(func(line string) { fmt.Fprintln(w, prefix+line) })
}

// Report says that done of total bytes of a piece of work are done; a total of 0
// or less is not known, and shown are size and rate alone. The work begins with
// its first report, and ends when another begins, or with [Reporter.Done]. A
// report of no more than an earlier one of the same work, as when several
// goroutines overtake each other, is of no interest.
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
	_ = r.bar.Set64(done) // can only fail as the terminal does, and no work ends for that
	r.flush()
}

// Done ends the work: a bar that is on the terminal is removed.
func (r *Reporter) Done() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.end()
}

func (r *Reporter) begin(what string, total int64) {
	r.what, r.done, r.total = what, 0, total
	if total <= 0 {
		total = -1 // progressbar's word for it
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
		progressbar.OptionSetSpinnerChangeInterval(0), // or it would start a goroutine
		progressbar.OptionThrottle(Quiet),             // until there was something to see
	}, r.plain()...)...)
	r.bar.Reset() // starts its clock, by which it is quiet at first
}

// plain are the options that leave the sizes and the rate for a line.
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
	if r.total > 0 { // an unknown total is counted in widths of the bar
		options = append(options, progressbar.OptionSetWidth(0))
	}
	return options
}

// flush says the line that the bar has rendered, if it has.
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
	_ = r.bar.Clear() // as in Report
	_ = r.bar.Exit()  // never fails
	r.bar = nil
}

// line is the "terminal" on which a bar without its bar is drawn. It keeps the
// last text: a line is cleared by writing blanks, and drawn after that.
type line struct{ text string }

func (l *line) Write(p []byte) (int, error) {
	if words := strings.Fields(string(p)); len(words) > 0 {
		l.text = strings.Join(words, " ")
	}
	return len(p), nil
}
