package progress

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"
)

// On a real terminal there is a bar, which fits the width and is cleared in the
// end.
func TestToDrawsBarOnTerminal(t *testing.T) {
	const columns = 60
	master, terminal := openTerminal(t, columns)
	synctest.Test(t, func(*testing.T) {
		r := To(terminal, "xenpv: ")
		work(r, "write", 12, 250*time.Millisecond)
		r.Done()
	})
	terminal.Close()
	screen, err := io.ReadAll(master)
	if err != nil && !errors.Is(err, syscall.EIO) { // Linux's error for a closed terminal
		t.Fatal(err)
	}
	if strings.Contains(string(screen), "\n") || strings.Contains(string(screen), "xenpv: ") {
		t.Errorf("lines on a terminal: %q", screen)
	}
	bars := 0
	for text := range strings.SplitSeq(string(screen), "\r") {
		if len(text) > columns {
			t.Errorf("%q is longer than the terminal's %d columns", text, columns)
		}
		if strings.Contains(text, "/12 MiB, 4.0 MiB/s)") && strings.Contains(text, "=>.") {
			bars++
		}
	}
	if bars != 8 { // after 1 s, 1.25 s, ... 2.75 s
		t.Errorf("%d bars; want 8: %q", bars, screen)
	}
	if !strings.HasSuffix(string(screen), strings.Repeat(" ", 20)+"\r") {
		t.Errorf("the last bar is still there: %q", screen)
	}
}

// openTerminal creates a pseudo-terminal (pts(4)).
func openTerminal(t *testing.T, columns uint16) (master, terminal *os.File) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skip("no pseudo-terminals:", err)
	}
	t.Cleanup(func() { master.Close() })
	if err := unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	number, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	terminal, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	size := &unix.Winsize{Row: 25, Col: columns}
	if err := unix.IoctlSetWinsize(int(terminal.Fd()), unix.TIOCSWINSZ, size); err != nil {
		t.Fatal(err)
	}
	return master, terminal
}
