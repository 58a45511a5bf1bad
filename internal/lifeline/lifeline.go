// Package lifeline lets work that creates things end in order when Packer has
// gone: killed, or hung up with its terminal. The plugin's process would end
// with the connection, and leave behind whatever was made.
package lifeline

import (
	"context"
	"errors"
	"os"
	"sync"
	"time"
)

var (
	held, cut = context.WithCancelCause(context.Background())
	work      sync.WaitGroup
)

// ErrGone is the cause of the end of a context when Packer has gone.
var ErrGone = errors.New("packer has gone")

// Hold returns a context that also ends when Packer has gone. The process lives
// until done is called.
func Hold(ctx context.Context) (_ context.Context, done func()) {
	work.Add(1)
	ctx, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(held, func() { cancel(ErrGone) })
	return ctx, func() {
		stop()
		cancel(nil)
		work.Done()
	}
}

// Watch ends all contexts when this process's parent, which is Packer, has
// gone. The SDK's server tells only when the work is done.
func Watch() {
	const interval = time.Second // soon enough for what costs money by the minute
	parent := os.Getppid()
	go func() {
		for os.Getppid() == parent {
			time.Sleep(interval)
		}
		cut(ErrGone)
	}()
}

// Cut ends all contexts, and returns when all work is done.
func Cut() {
	cut(ErrGone)
	work.Wait()
}
