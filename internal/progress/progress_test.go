package progress

import (
	"bytes"
	"io"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

const mib = 1 << 20

// work reports n steps of one MiB each, with a pause before each of them, under
// the fake clock of synctest.
func work(r *Reporter, what string, n int, pause time.Duration) {
	r.Report(what, 0, int64(n)*mib)
	for i := range n {
		time.Sleep(pause)
		r.Report(what, int64(i+1)*mib, int64(n)*mib)
	}
}

func TestLines(t *testing.T) {
	for _, test := range []struct {
		name string
		work func(r *Reporter)
		want []string
	}{
		{"a task of less than a second is silent", func(r *Reporter) { work(r, "upload", 99, 10*time.Millisecond) }, nil},
		{"a task of three seconds prints a line", func(r *Reporter) { work(r, "upload", 12, 250*time.Millisecond) },
			[]string{"upload: 33% (4.0/12 MiB, 4.0 MiB/s), 2s left"}},
		{"a line every ten seconds", func(r *Reporter) { work(r, "upload", 120, 250*time.Millisecond) }, []string{
			"upload: 3% (4.0/120 MiB, 4.0 MiB/s), 29s left",
			"upload: 36% (44/120 MiB, 4.0 MiB/s), 19s left",
			"upload: 70% (84/120 MiB, 4.0 MiB/s), 9s left",
		}},
		{"nothing done yet", func(r *Reporter) {
			r.Report("upload", 0, mib)
			time.Sleep(2 * time.Second)
			r.Report("upload", 0, mib)
		}, nil},
		{"each task on its own", func(r *Reporter) {
			work(r, "compress", 12, 250*time.Millisecond)
			work(r, "write", 12, 10*time.Millisecond)
			work(r, "upload", 8, 250*time.Millisecond)
		}, []string{
			"compress: 33% (4.0/12 MiB, 4.0 MiB/s), 2s left",
			"upload: 50% (4.0/8.0 MiB, 4.0 MiB/s), 1s left",
		}},
		{"nothing after the end", func(r *Reporter) {
			work(r, "upload", 4, 10*time.Millisecond)
			time.Sleep(time.Minute)
			r.Report("upload", 4*mib, 4*mib)
		}, nil},
		{"never backward, never beyond the total", func(r *Reporter) {
			r.Report("upload", 3*mib, 8*mib)
			time.Sleep(2 * time.Second)
			r.Report("upload", 2*mib, 8*mib)
			r.Report("upload", 3*mib, 8*mib)
			r.Report("upload", 4*mib, 8*mib)
			r.Report("upload", 9*mib, 8*mib)
		}, []string{"upload: 50% (4.0/8.0 MiB, 2.0 MiB/s), 2s left"}},
		{"no total", func(r *Reporter) {
			for i := range int64(48) {
				r.Report("download", i*mib, -1)
				time.Sleep(250 * time.Millisecond)
			}
		}, []string{"download: (4.0 MiB, 4.0 MiB/s)", "download: (44 MiB, 4.0 MiB/s)"}},
		{"zero total", func(r *Reporter) { r.Report("upload", 0, 0) }, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var said []string
				r := Lines(func(line string) { said = append(said, line) })
				test.work(r)
				r.Done()
				if diff := cmp.Diff(test.want, said); diff != "" {
					t.Errorf("lines (-want +got):\n%s", diff)
				}
			})
		})
	}
}

func TestLinesFromManyGoroutines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var said []string
		r := Lines(func(line string) { said = append(said, line) })
		var group sync.WaitGroup
		for i := range 100 {
			group.Go(func() {
				time.Sleep(time.Duration(i) * 100 * time.Millisecond)
				r.Report("upload", int64(i)*mib, 100*mib)
			})
		}
		group.Wait()
		r.Done()
		if len(said) != 1 {
			t.Errorf("said %q; want one line in ten seconds", said)
		}
	})
}

// A pipe is not a terminal, so it gets lines.
func TestToPrintsLines(t *testing.T) {
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer read.Close()
	synctest.Test(t, func(*testing.T) {
		r := To(write, "xenpv: ")
		work(r, "write", 12, 250*time.Millisecond)
		r.Done()
	})
	write.Close()
	got, err := io.ReadAll(read)
	if err != nil {
		t.Fatal(err)
	}
	if want := "xenpv: write: 33% (4.0/12 MiB, 4.0 MiB/s), 2s left\n"; string(got) != want {
		t.Errorf("printed %q; want %q", got, want)
	}
}

// A bar stays on one line, which is cleared in the end. Here the task fails half
// way.
func TestBar(t *testing.T) {
	var screen bytes.Buffer
	synctest.Test(t, func(*testing.T) {
		r := &Reporter{out: &screen, pace: barPace}
		r.Report("write", 0, 12*mib)
		for i := range int64(6) {
			time.Sleep(250 * time.Millisecond)
			r.Report("write", (i+1)*mib, 12*mib)
		}
		r.Done()
	})
	if strings.Contains(screen.String(), "\n") {
		t.Errorf("the bar breaks the line: %q", screen.String())
	}
	var drawn []string
	for text := range strings.SplitSeq(screen.String(), "\r") {
		if text = strings.TrimSpace(text); text != "" {
			drawn = append(drawn, text)
		}
	}
	want := []string{
		"write:  33% [========>.....................] (4.0/12 MiB, 4.0 MiB/s) [1s:2s]",
		"write:  41% [===========>..................] (5.0/12 MiB, 4.0 MiB/s) [1s:1s]",
		"write:  50% [==============>...............] (6.0/12 MiB, 4.0 MiB/s) [1s:1s]",
	}
	if diff := cmp.Diff(want, drawn); diff != "" {
		t.Errorf("bars (-want +got):\n%s", diff)
	}
	if !strings.HasSuffix(screen.String(), " \r") {
		t.Errorf("the bar is left on the terminal: %q", screen.String())
	}
}
