package check

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unicode/utf8"
)

// noResponse is the cause of a probe's end when its timeout is over.
type noResponse time.Duration

func (d noResponse) Error() string { return "no response within " + time.Duration(d).String() }

// refused is [syscall.ECONNREFUSED], worded for reports.
type refused struct{}

func (refused) Error() string { return "connection refused" }

func (refused) Unwrap() error { return syscall.ECONNREFUSED }

// orCause returns the cause of ctx's end if ctx is done, else err: the error of
// an interrupted call has no meaning.
func orCause(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// networkError words an error of the network for reports. It leaves out the
// addresses and system calls that Go adds, because the check's title names the
// target.
func networkError(ctx context.Context, err error) error {
	if deadline, ok := ctx.Deadline(); ok && err != nil && !time.Now().Before(deadline) {
		<-ctx.Done() // a connection's deadline can expire slightly before that of ctx
	}
	switch {
	case err == nil, ctx.Err() != nil:
		return orCause(ctx, err)
	case errors.Is(err, syscall.ECONNREFUSED):
		return refused{}
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return errors.New("connection reset")
	case errors.Is(err, io.ErrUnexpectedEOF):
		return errors.New("connection closed before the end of the response")
	case errors.Is(err, io.EOF):
		return errors.New("connection closed without a response")
	}
	return errors.New(oneLine(innermost(err).Error()))
}

// innermost removes what Go's network packages wrap around a cause.
func innermost(err error) error {
	if lookup, ok := errors.AsType[*net.DNSError](err); ok {
		return fmt.Errorf("look up %s: %s", excerpt(lookup.Name), lookup.Err)
	}
	if op, ok := errors.AsType[*net.OpError](err); ok {
		return innermost(op.Err)
	}
	if call, ok := errors.AsType[*os.SyscallError](err); ok {
		return call.Err
	}
	return err
}

// excerptSize is how many bytes of the guest's data are shown: about two lines of
// a terminal, enough for the beginning of an error page.
const excerptSize = 200

// excerpt quotes data, and shortens it if it is long.
func excerpt[T string | []byte](data T) string {
	if len(data) <= excerptSize {
		return strconv.Quote(string(data))
	}
	end := excerptSize
	for end > excerptSize-utf8.UTFMax && !utf8.RuneStart(data[end]) {
		end--
	}
	return strconv.Quote(string(data[:end])) + "..."
}

// bytesText is for example "1 byte" or "5 bytes".
func bytesText(n int) string {
	if n == 1 {
		return "1 byte"
	}
	return fmt.Sprintf("%d bytes", n)
}

// maxLine bounds an error in bytes. Two excerpts and the words around them fit,
// unless they are mostly control characters.
const maxLine = 600

// oneLine escapes and shortens untrusted text for a terminal and a report.
func oneLine(text string) string {
	var b strings.Builder
	for _, r := range text {
		if b.Len() > maxLine {
			b.WriteString("...")
			break
		}
		if strconv.IsPrint(r) {
			b.WriteRune(r)
			continue
		}
		quoted := strconv.QuoteRune(r)
		b.WriteString(quoted[1 : len(quoted)-1])
	}
	return b.String()
}

// faults collects the user's mistakes in one check.
type faults []error

func (f *faults) add(format string, args ...any) { *f = append(*f, fmt.Errorf(format, args...)) }

// port rejects 0, the only uint16 that isn't a port.
func (f *faults) port(number uint16) {
	if number == 0 {
		f.add("port is 0: must be 1 to 65535")
	}
}

func (f faults) err() error { return errors.Join(f...) }
