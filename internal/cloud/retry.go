package cloud

import (
	"errors"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	ebstypes "github.com/aws/aws-sdk-go-v2/service/ebs/types"
)

const (
	// ControlAttempts is the SDK's own default number of tries. Calls of the
	// control plane are few, and a refusal is to be seen soon.
	ControlAttempts = 3

	// blockAttempts is how often a block, or a snapshot's completion, is tried. With waits that
	// double up to 20 s, twelve tries outlast the time (a minute or two) in which
	// EBS may not know a snapshot that was just started.
	blockAttempts = 12
)

func (o Options) maxBackoff() time.Duration {
	if o.MaxBackoff == 0 {
		return retry.DefaultMaxBackoff
	}
	return o.MaxBackoff
}

// controlRetryer leaves out what EC2 has no room for: it answers that with
// status 500, and seconds later it has no more (aws/aws-sdk-ruby issue 568).
func (o Options) controlRetryer() aws.Retryer {
	return retry.NewStandard(func(s *retry.StandardOptions) {
		s.MaxAttempts = ControlAttempts
		s.MaxBackoff = o.maxBackoff()
		s.Retryables = append([]retry.IsErrorRetryable{retry.IsErrorRetryableFunc(lacksCapacity)}, s.Retryables...)
	})
}

// blockRetryer is the one retry layer of block uploads. The SDK's shared quota
// of retries is off: workers that are throttled at once would use it up, and each
// has its own bound.
func (o Options) blockRetryer() aws.Retryer {
	return retry.NewStandard(func(s *retry.StandardOptions) {
		s.MaxAttempts = blockAttempts
		s.MaxBackoff = o.maxBackoff()
		s.RateLimiter = ratelimit.None
		s.Retryables = append(s.Retryables, retry.IsErrorRetryableFunc(isYoungSnapshot))
	})
}

func lacksCapacity(err error) aws.Ternary {
	if LacksCapacity(err) {
		return aws.FalseTernary
	}
	return aws.UnknownTernary
}

// isYoungSnapshot tells the answer that EBS gives for a snapshot which was
// started a moment ago: it doesn't exist (awslabs/coldsnap issue 56).
func isYoungSnapshot(err error) aws.Ternary {
	if _, ok := errors.AsType[*ebstypes.ResourceNotFoundException](err); ok {
		return aws.TrueTernary
	}
	return aws.UnknownTernary
}
