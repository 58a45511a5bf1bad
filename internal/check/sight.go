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

// noAnswer is the cause with which a probe's time ends: silence is all there
// was to see.
type noAnswer time.Duration

func (d noAnswer) Error() string { return "no answer within " + time.Duration(d).String() }

// refused is [syscall.ECONNREFUSED] in a report's words.
type refused struct{}

func (refused) Error() string { return "refused" }

func (refused) Unwrap() error { return syscall.ECONNREFUSED }

// orCause returns the cause of ctx's end in an error's place where ctx is done:
// what was cut off says nothing.
func orCause(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// seen puts an error of the network into a report's words, without the
// addresses and system calls that Go names: the check's title says enough.
func seen(ctx context.Context, err error) error {
	if deadline, ok := ctx.Deadline(); ok && err != nil && !time.Now().Before(deadline) {
		<-ctx.Done() // a connection's own clock can be a moment ahead of that of ctx
	}
	switch {
	case err == nil, ctx.Err() != nil:
		return orCause(ctx, err)
	case errors.Is(err, syscall.ECONNREFUSED):
		return refused{}
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return errors.New("reset")
	case errors.Is(err, io.ErrUnexpectedEOF):
		return errors.New("closed too early")
	case errors.Is(err, io.EOF):
		return errors.New("closed without an answer")
	}
	return errors.New(oneLine(innermost(err).Error()))
}

// innermost strips what Go's network packages wrap around a cause.
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

// excerptSize is how many bytes of the guest's are shown: the beginning of an
// error page, in about two lines of a terminal.
const excerptSize = 200

// excerpt quotes data, long data only in part.
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

// maxLine bounds an error in bytes: two excerpts and the words around them,
// unless they are mostly control characters.
const maxLine = 600

// oneLine makes text from anywhere fit for a terminal and a report.
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

// faults are the user's mistakes in one check, found all at once.
type faults []error

func (f *faults) add(format string, args ...any) { *f = append(*f, fmt.Errorf(format, args...)) }

// port refuses the one number that fits the type and is no port.
func (f *faults) port(number uint16) {
	if number == 0 {
		f.add("port 0: a guest listens on a port from 1 to 65535: name it")
	}
}

func (f faults) err() error { return errors.Join(f...) }
