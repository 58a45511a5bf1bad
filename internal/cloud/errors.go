package cloud

import (
	"context"
	"errors"
	"net/http"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/ebs"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"
)

// HasCode reports whether AWS answered with one of these error codes.
func HasCode(err error, codes ...string) bool {
	answer, ok := errors.AsType[smithy.APIError](err)
	return ok && slices.Contains(codes, answer.ErrorCode())
}

// Attempts records what became of the attempts of a call. If AWS declined or
// throttled all of them, they created nothing. If one of them got another answer,
// or none, it may have taken effect, whatever the last answer says.
type Attempts struct{ sent, declined int }

// OnEC2 makes a call of EC2 count its attempts.
func (n *Attempts) OnEC2(o *ec2.Options) { o.APIOptions = append(o.APIOptions, n.count) }

// OnS3 makes a call of S3 count its attempts.
func (n *Attempts) OnS3(o *s3.Options) { o.APIOptions = append(o.APIOptions, n.count) }

// OnEBS makes a call of the EBS direct APIs count its attempts.
func (n *Attempts) OnEBS(o *ebs.Options) { o.APIOptions = append(o.APIOptions, n.count) }

// OnSSM makes a call of SSM count its attempts.
func (n *Attempts) OnSSM(o *ssm.Options) { o.APIOptions = append(o.APIOptions, n.count) }

func (n *Attempts) count(stack *middleware.Stack) error {
	return stack.Finalize.Insert(middleware.FinalizeMiddlewareFunc("CountAttempts",
		func(ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler) (middleware.FinalizeOutput, middleware.Metadata, error) {
			out, metadata, err := next.HandleFinalize(ctx, in)
			n.add(err)
			return out, metadata, err
		}), "Retry", middleware.After)
}

// add records an attempt that ended with err.
func (n *Attempts) add(err error) {
	n.sent++
	if IsRefusal(err) || IsThrottled(err) || LacksCapacity(err) {
		n.declined++
	}
}

// Sent is how often the call was sent.
func (n *Attempts) Sent() int { return n.sent }

// Refused reports whether the call was declined and created nothing.
func (n *Attempts) Refused() bool { return n.sent > 0 && n.declined == n.sent }

// IsTransient reports whether a call failed on the way to AWS, or inside AWS, or
// was throttled, so that repeating it may help.
func IsTransient(err error) bool {
	_, sent := errors.AsType[*smithy.OperationError](err)
	return sent && !IsRefusal(err) && !errors.Is(err, ErrNoMFACode) && !errors.Is(err, ErrMFACodeSpent)
}

// IsRefusal reports whether AWS declined a request for what it asked. A server
// error (5xx), throttling, or a lost answer is not a refusal.
func IsRefusal(err error) bool {
	answer, ok := errors.AsType[*awshttp.ResponseError](err)
	return ok && answer.HTTPStatusCode() >= http.StatusBadRequest &&
		answer.HTTPStatusCode() < http.StatusInternalServerError && !IsThrottled(err)
}

// IsThrottled reports whether AWS, or a proxy on the way, has declined a request
// only because there were too many. Services differ in the status: 400, 429 or
// 503.
func IsThrottled(err error) bool {
	if answer, ok := errors.AsType[smithy.APIError](err); ok {
		if _, throttled := retry.DefaultThrottleErrorCodes[answer.ErrorCode()]; throttled {
			return true
		}
	}
	answer, ok := errors.AsType[*awshttp.ResponseError](err)
	return ok && answer.HTTPStatusCode() == http.StatusTooManyRequests
}

// Reason is AWS's answer, without what the SDK puts around it.
func Reason(err error) string {
	if answer, ok := errors.AsType[smithy.APIError](err); ok {
		return answer.ErrorCode() + ": " + answer.ErrorMessage()
	}
	return err.Error()
}

// LacksCapacity reports whether EC2 has no room for what was requested. EC2
// sends that with status 500, although it is a refusal.
func LacksCapacity(err error) bool {
	return HasCode(err, "InsufficientInstanceCapacity", "InsufficientAddressCapacity", "InsufficientVolumeCapacity")
}
