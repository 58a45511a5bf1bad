package hypervisor

import (
	"fmt"
	"strings"
	"sync"
)

// tailSize is the number of bytes a tail keeps: some hundred lines, enough to
// see why a machine or a guest ended.
const tailSize = 16 << 10

// tail is a writer that keeps the last bytes written to it.
type tail struct {
	mu   sync.Mutex
	data []byte
}

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.data = append(t.data, p...)
	if extra := len(t.data) - tailSize; extra > 0 {
		t.data = append(t.data[:0], t.data[extra:]...)
	}
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.data)
}

// logLines is the number of a log's last lines that an error contains.
const logLines = 20

// lastLines returns a log's last n nonempty lines, joined by sep.
func lastLines(log string, n int, sep string) string {
	var lines []string
	for line := range strings.Lines(log) {
		if line = strings.TrimRight(line, "\r\n "); line != "" {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines[max(0, len(lines)-n):], sep)
}

// withLog adds a log's last lines to an error, under a title.
func withLog(err error, title, log string) error {
	if log = lastLines(log, logLines, "\n  "); log == "" {
		return err
	}
	return fmt.Errorf("%w\n%s:\n  %s", err, title, log)
}
