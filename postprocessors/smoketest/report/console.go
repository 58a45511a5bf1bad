package report

import (
	"fmt"
	"strings"
)

// A page shows so much of a console: all that EC2 keeps (64 KiB) and more, while
// a guest that prints without end can't make the page slow. The boot's beginning
// tells what it was, and the end what became of it.
const (
	consoleHead = 32 << 10
	consoleTail = 96 << 10
)

// console is what the page shows of one.
type console struct {
	Head, Gap, Tail string // Gap says what was left out between the two
	Size            string
	Note            string // why there is none
}

func newConsole(r Result) console {
	c := console{Note: strings.TrimSpace(visible(r.ConsoleNote))}
	if strings.TrimSpace(r.Console) == "" {
		if c.Note == "" {
			c.Note = "The guest wrote nothing to its console."
		}
		return c
	}
	c.Size = count(strings.Count(strings.TrimRight(r.Console, "\r\n"), "\n")+1, "line") + ", " + size(len(r.Console))
	head, gap, tail := cut(r.Console)
	c.Head, c.Tail = visible(head), visible(tail)
	if gap != "" {
		c.Gap = fmt.Sprintf("%s in %s left out of this report", size(len(gap)), count(strings.Count(gap, "\n"), "line"))
	}
	return c
}

// longLine is how much of a line is left out, in bytes, before lines are cut
// through. A guest may write no line's end at all.
const longLine = 4 << 10

// cut takes the middle out of a long console.
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
