package image

import (
	"fmt"
	"io"
)

// A Finding is one thing to know about an image: a stable kebab-case code for
// scripts, and a text that names the value, the rule and the remedy. It is also
// an error.
type Finding struct {
	Code string `json:"code"`
	Text string `json:"text"`
}

// Error returns the text.
func (f Finding) Error() string { return f.Text }

// Findingf returns a finding with a formatted text.
func Findingf(code, format string, args ...any) Finding {
	return Finding{Code: code, Text: fmt.Sprintf(format, args...)}
}

// Progress is called with the number of bytes that are done, of total, of one
// task: "decompress image", "compress kernel" or "write disk". A task begins at 0.
// The calls for one image or disk come from one goroutine, every few hundred
// KiB. A nil Progress reports nothing.
type Progress func(what string, done, total int64)

// Report calls p, unless p is nil.
func (p Progress) Report(what string, done, total int64) {
	if p != nil {
		p(what, done, total)
	}
}

// Reader returns a reader that reads from r and reports its progress.
func (p Progress) Reader(what string, r io.Reader, total int64) io.Reader {
	p.Report(what, 0, total)
	return &progressReader{p, what, r, 0, total}
}

type progressReader struct {
	progress    Progress
	what        string
	r           io.Reader
	done, total int64
}

func (r *progressReader) Read(p []byte) (int, error) {
	n, err := r.r.Read(p)
	r.done += int64(n)
	r.progress.Report(r.what, r.done, r.total)
	return n, err
}
