package report

import (
	"fmt"
	"strings"
)

// Limits of what a page shows of a console: more than EC2 keeps (64 KiB), but not
// so much that a guest that prints endlessly makes the page slow. The beginning
// identifies the guest, and the end shows what happened to it.
const (
	consoleHead = 32 << 10
	consoleTail = 96 << 10
)

// console is the shown part of a console.
type console struct {
	Head, Gap, Tail string // Gap describes what was left out between the two
	Size            string
	Note            string // why the console is missing
}

func newConsole(r Result) console {
	c := console{Note: strings.TrimSpace(printable(r.ConsoleNote))}
	if strings.TrimSpace(r.Console) == "" {
		switch {
		case c.Note != "":
		case r.Instance == (Instance{}):
			c.Note = "There was no guest."
		default:
			c.Note = "The guest wrote nothing to its console."
		}
		return c
	}
	c.Size = count(strings.Count(strings.TrimRight(r.Console, "\r\n"), "\n")+1, "line") + ", " + size(len(r.Console))
	head, gap, tail := cut(r.Console)
	c.Head, c.Tail = printable(head), printable(tail)
	if gap != "" {
		c.Gap = fmt.Sprintf("%s (%s) omitted", size(len(gap)), count(strings.Count(gap, "\n"), "line"))
	}
	return c
}

// longLine is the longest line, in bytes, that is kept whole at the cut: a guest
// may write no line breaks at all.
const longLine = 4 << 10

// cut splits a long console into the shown beginning and end, and the gap.
func cut(s string) (head, gap, tail string) {
	if len(s) <= consoleHead+consoleTail {
		return s, "", ""
	}
	head, tail = s[:consoleHead], s[len(s)-consoleTail:]
	if end := strings.LastIndexByte(head, '\n'); end >= consoleHead-longLine {
		head = head[:end+1]
	}
	if end := strings.IndexByte(tail[:longLine], '\n'); end >= 0 {
		tail = tail[end+1:]
	}
	return head, s[len(head) : len(s)-len(tail)], tail
}
