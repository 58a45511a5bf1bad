package xenpv

import "io"

// Progress is told how many of total bytes of a piece of work are done: "unpack
// image", "compress kernel" or "write disk". A piece of work begins at 0. The
// calls for one image or disk come from one goroutine, after each few hundred
// KiB; what they show at what pace is up to them. A nil Progress shows nothing.
type Progress func(what string, done, total int64)

func (p Progress) report(what string, done, total int64) {
	if p != nil {
		p(what, done, total)
	}
}

// reader reads from r and reports how much of total bytes it has read.
func (p Progress) reader(what string, r io.Reader, total int64) io.Reader {
	p.report(what, 0, total)
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
	r.progress.report(r.what, r.done, r.total)
	return n, err
}
