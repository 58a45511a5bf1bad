package cloud

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/ebs"
	ebstypes "github.com/aws/aws-sdk-go-v2/service/ebs/types"
)

const (
	// MaxWorkers is the most blocks that may be on their way at once. More don't
	// help: 64 of them make 1000 calls a second, EBS's own limit, at 64 ms a call.
	MaxWorkers = 64

	// youngSnapshot is how long EBS may not know a snapshot that was just started:
	// up to a minute or two (awslabs/coldsnap issue 56). One that is unknown for
	// longer has been deleted.
	youngSnapshot = 2 * time.Minute

	// firstPause is the first pause after EBS has throttled a call, as a part of
	// [Waits].Delay: EBS's limits are per second.
	firstPause = 8
)

// A Pace is the one retry layer of calls that several workers make at once. If AWS
// throttles one of them, all slow down: fewer calls are on their way at once, after
// a common pause that doubles with each throttled round. Each success then allows
// one call more and halves the pause, up to full speed. A call is repeated until it
// succeeds, is refused, or has had its budget, [Waits].Call.
type Pace struct {
	waits   Waits
	workers int
	attempt time.Duration // the time for one attempt

	mu      sync.Mutex
	running int           // calls that are on their way
	limit   int           // the most of them, at most workers
	pause   time.Duration // the last common pause
	resume  time.Time     // when it ends
	slowed  time.Time     // when it began
	changed chan struct{} // closed when one of these changes
}

// NewPace makes the retry layer for so many workers.
func NewPace(waits Waits, workers int) *Pace {
	return &Pace{waits: waits, workers: workers, attempt: attemptTime(workers), limit: workers, changed: make(chan struct{})}
}

// attemptTime is the time for one attempt to send a block, which shares the line
// with those of all other workers, and to receive the answer.
func attemptTime(workers int) time.Duration {
	return time.Duration(workers)*blockSize/slowestLine*time.Second + requestTimeout
}

// Once turns the SDK's own repetitions of a call off.
func Once(o *ebs.Options) { o.Retryer = aws.NopRetryer{} }

// Do makes a call, which must be safe to repeat and have the option [Once].
func (p *Pace) Do(ctx context.Context, call func(context.Context) error) error {
	budget, cancel := context.WithTimeoutCause(ctx, p.waits.Call, fmt.Errorf("not done within %s", p.waits.Call))
	defer cancel()
	begun, pause := time.Now(), p.waits.Delay/firstPause
	var last error
	for {
		started, err := p.enter(budget)
		if err != nil {
			return joinCause(err, last)
		}
		err = p.try(budget, call)
		p.leave(started, err)
		switch {
		case err == nil:
			return nil
		case budget.Err() != nil:
			return joinCause(context.Cause(budget), err)
		case isYoung(err) && time.Since(begun) > youngSnapshot, !p.repeats(err):
			return err
		}
		if last = err; !slowsDown(err) {
			sleep(budget, jitter(pause))
			pause = min(2*pause, p.waits.MaxDelay)
		}
	}
}

func joinCause(cause, last error) error {
	if last == nil || errors.Is(last, context.Canceled) {
		return cause
	}
	return fmt.Errorf("%w; last failure: %w", cause, Plain(last))
}

// try makes one attempt.
func (p *Pace) try(ctx context.Context, call func(context.Context) error) error {
	attempt, cancel := context.WithTimeout(ctx, p.attempt)
	defer cancel()
	err := call(attempt)
	if err != nil && attempt.Err() != nil && ctx.Err() == nil {
		return errSlow{p.attempt}
	}
	return err
}

// errSlow is an attempt without an answer.
type errSlow struct{ limit time.Duration }

func (e errSlow) Error() string { return fmt.Sprintf("no answer within %s", e.limit) }

// repeats reports whether another attempt may succeed.
func (p *Pace) repeats(err error) bool {
	if _, slow := errors.AsType[errSlow](err); slow || slowsDown(err) || errors.Is(err, io.ErrUnexpectedEOF) {
		return true
	}
	return retry.IsErrorRetryables(retry.DefaultRetryables).IsErrorRetryable(err) == aws.TrueTernary
}

// slowsDown reports whether all workers should slow down: AWS throttles, or doesn't
// know the snapshot yet.
func slowsDown(err error) bool {
	return isYoung(err) || HasCode(err, "ConcurrentLimitExceededException", "ConcurrentLimitExceeded") ||
		retry.IsErrorThrottles(retry.DefaultThrottles).IsErrorThrottle(err) == aws.TrueTernary
}

func isYoung(err error) bool {
	_, young := errors.AsType[*ebstypes.ResourceNotFoundException](err)
	return young
}

// enter waits until a call may be made.
func (p *Pace) enter(ctx context.Context) (time.Time, error) {
	for {
		p.mu.Lock()
		now := time.Now()
		wait := p.resume.Sub(now)
		if wait <= 0 && p.running < p.limit {
			p.running++
			p.mu.Unlock()
			return now, nil
		}
		changed := p.changed
		p.mu.Unlock()
		var resumed <-chan time.Time
		if wait > 0 {
			resumed = time.After(wait)
		}
		select {
		case <-ctx.Done():
			return now, context.Cause(ctx)
		case <-changed:
		case <-resumed:
		}
	}
}

// leave notes the result of a call. Calls that were on their way when the pause
// began belong to the same round: they slow nothing down further.
func (p *Pace) leave(started time.Time, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.running--
	switch {
	case err == nil:
		p.limit, p.pause = min(p.limit+1, p.workers), p.pause/2
	case slowsDown(err) && started.After(p.slowed):
		p.limit = max(1, p.limit/2)
		p.pause = min(max(2*p.pause, p.waits.Delay/firstPause), p.waits.MaxDelay)
		p.slowed = time.Now()
		p.resume = p.slowed.Add(jitter(p.pause))
	}
	close(p.changed)
	p.changed = make(chan struct{})
}

// jitter returns half to all of a pause, so that several builds don't go on at the
// same moment.
func jitter(pause time.Duration) time.Duration {
	return pause/2 + rand.N(pause/2+1) //nolint:gosec // chance, not a secret
}
