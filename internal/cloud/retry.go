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
	// ControlAttempts is how often a call of the control plane is sent: the SDK's
	// own default. There are few such calls, and the user should see a refusal soon.
	ControlAttempts = 3

	// blockAttempts is how often a block, or a snapshot's completion, is sent. With
	// pauses that double up to 20 s, twelve attempts outlast the minute or two in
	// which EBS may not know a snapshot that was just started.
	blockAttempts = 12
)

func (o Options) maxBackoff() time.Duration {
	if o.MaxBackoff == 0 {
		return retry.DefaultMaxBackoff
	}
	return o.MaxBackoff
}

// attempts is how often a call is sent: as the user wishes, or normally.
func (o Options) attempts(normal int) int {
	if o.Retries == 0 {
		return normal
	}
	return o.Retries + 1
}

// controlRetryer doesn't repeat what EC2 has no capacity for. EC2 sends that with
// status 500, but has no more capacity seconds later (aws/aws-sdk-ruby issue 568).
func (o Options) controlRetryer() aws.Retryer {
	return retry.NewStandard(func(s *retry.StandardOptions) {
		s.MaxAttempts = o.attempts(ControlAttempts)
		s.MaxBackoff = o.maxBackoff()
		s.Retryables = append([]retry.IsErrorRetryable{retry.IsErrorRetryableFunc(lacksCapacity)}, s.Retryables...)
	})
}

// blockRetryer is the one retry layer of block uploads. The SDK's shared quota
// of retries is off: workers that are throttled at once would use it up, and each
// has a limit of its own.
func (o Options) blockRetryer() aws.Retryer {
	return retry.NewStandard(func(s *retry.StandardOptions) {
		s.MaxAttempts = o.attempts(blockAttempts)
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

// isYoungSnapshot recognizes what EBS may answer for a snapshot that was started
// a moment ago: that it doesn't exist (awslabs/coldsnap issue 56).
func isYoungSnapshot(err error) aws.Ternary {
	if _, ok := errors.AsType[*ebstypes.ResourceNotFoundException](err); ok {
		return aws.TrueTernary
	}
	return aws.UnknownTernary
}
