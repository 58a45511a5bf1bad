package cloud

import (
	"context"
	"errors"
	"net/http"
	"slices"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/ebs"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"
)

// HasCode reports whether AWS answered with one of these error codes.
func HasCode(err error, codes ...string) bool {
	answer, ok := errors.AsType[smithy.APIError](err)
	return ok && slices.Contains(codes, answer.ErrorCode())
}

// Attempts counts how often a call was sent. If a call was sent once and
// refused, it created nothing. If it was sent again, the first attempt may have
// taken effect, whatever the last answer says.
type Attempts int

// OnEC2 makes a call of EC2 count its attempts.
func (n *Attempts) OnEC2(o *ec2.Options) { o.APIOptions = append(o.APIOptions, n.count) }

// OnEBS makes a call of the EBS direct APIs count its attempts.
func (n *Attempts) OnEBS(o *ebs.Options) { o.APIOptions = append(o.APIOptions, n.count) }

// OnSSM makes a call of SSM count its attempts.
func (n *Attempts) OnSSM(o *ssm.Options) { o.APIOptions = append(o.APIOptions, n.count) }

func (n *Attempts) count(stack *middleware.Stack) error {
	return stack.Finalize.Insert(middleware.FinalizeMiddlewareFunc("CountAttempts",
		func(ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler) (middleware.FinalizeOutput, middleware.Metadata, error) {
			*n++
			return next.HandleFinalize(ctx, in)
		}), "Retry", middleware.After)
}

// Refused reports whether the call was declined and created nothing.
func (n *Attempts) Refused(err error) bool { return *n == 1 && (IsRefusal(err) || LacksCapacity(err)) }

// IsTransient reports whether a call failed on the way to AWS, or inside AWS,
// so that repeating it may help.
func IsTransient(err error) bool {
	_, sent := errors.AsType[*smithy.OperationError](err)
	return sent && !IsRefusal(err) && !errors.Is(err, ErrNoMFACode) && !errors.Is(err, ErrMFACodeSpent)
}

// IsRefusal reports whether AWS declined a request. A server error (5xx) or a
// lost answer is not a refusal.
func IsRefusal(err error) bool {
	answer, ok := errors.AsType[*awshttp.ResponseError](err)
	return ok && answer.HTTPStatusCode() >= http.StatusBadRequest &&
		answer.HTTPStatusCode() < http.StatusInternalServerError
}

// LacksCapacity reports whether EC2 has no room for what was requested. EC2
// sends that with status 500, although it is a refusal.
func LacksCapacity(err error) bool {
	return HasCode(err, "InsufficientInstanceCapacity", "InsufficientAddressCapacity", "InsufficientVolumeCapacity")
}
