// Package lifeline lets work that creates resources clean up after Packer dies,
// because it was killed or its terminal was closed. Without it, the plugin's
// process would end with the connection and leave the resources behind.
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

// ErrGone is the cause with which contexts end when Packer has died.
var ErrGone = errors.New("the packer process has exited")

// Hold returns a context that also ends when Packer has died. The process stays
// alive until done is called.
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

// Watch ends all contexts when this process's parent, which is Packer, has died.
// The SDK's server reports that only after the work is done.
func Watch() {
	const interval = time.Second // soon enough for resources that cost money by the minute
	parent := os.Getppid()
	go func() {
		for os.Getppid() == parent {
			time.Sleep(interval)
		}
		cut(ErrGone)
	}()
}

// Cut ends all contexts and returns when all work is done.
func Cut() {
	cut(ErrGone)
	work.Wait()
}
