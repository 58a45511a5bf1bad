package common

import "bytes"

// maxLine is the longest line that is shown in one piece, in bytes. A command
// that never ends its line doesn't fill the memory.
const maxLine = 4096

// A lineWriter hands on what is written to it line by line.
type lineWriter struct {
	say  func(string)
	line []byte
	cut  bool // the line's beginning was shown already
}

// Write implements io.Writer.
func (w *lineWriter) Write(p []byte) (int, error) {
	written := len(p)
	for len(p) > 0 {
		part, _, _ := bytes.Cut(p, []byte("\n"))
		part = part[:min(maxLine-len(w.line), len(part))]
		w.line = append(w.line, part...)
		p = p[len(part):]
		switch {
		case len(p) > 0 && p[0] == '\n':
			p = p[1:]
			if !w.cut || len(w.line) > 0 {
				w.emit()
			}
			w.cut = false
		case len(w.line) == maxLine:
			w.emit()
			w.cut = true
		}
	}
	return written, nil
}

// emit shows the line as a terminal would: what follows the last carriage
// return has overwritten what is in front of it.
func (w *lineWriter) emit() {
	line := bytes.TrimRight(w.line, "\r")
	w.say(string(line[bytes.LastIndexByte(line, '\r')+1:]))
	w.line = w.line[:0]
}

// flush shows a last line that has no end.
func (w *lineWriter) flush() {
	if len(w.line) > 0 {
		w.emit()
	}
}
