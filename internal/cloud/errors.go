package cloud

import (
	"context"
	"errors"
	"net/http"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"
)

// HasCode tells whether AWS answered with one of these error codes.
func HasCode(err error, codes ...string) bool {
	answer, ok := errors.AsType[smithy.APIError](err)
	return ok && slices.Contains(codes, answer.ErrorCode())
}

// Attempts counts how often a call was sent. Of a call that was sent once and
// Refused nothing came; one that was sent again may have taken effect the first
// time, whatever the last answer says.
type Attempts int

// Count is an option of a call.
func (n *Attempts) Count(stack *middleware.Stack) error {
	return stack.Finalize.Insert(middleware.FinalizeMiddlewareFunc("CountAttempts",
		func(ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler) (middleware.FinalizeOutput, middleware.Metadata, error) {
			*n++
			return next.HandleFinalize(ctx, in)
		}), "Retry", middleware.After)
}

// Refused tells whether the call was declined and nothing was made.
func (n *Attempts) Refused(err error) bool { return *n == 1 && IsRefusal(err) }

// IsTransient tells an error of the way to AWS, or of AWS itself, from its
// answers.
func IsTransient(err error) bool {
	_, sent := errors.AsType[*smithy.OperationError](err)
	return sent && !IsRefusal(err)
}

// IsRefusal tells whether AWS declined a request. A server's fault (5xx) or a
// lost answer is none.
func IsRefusal(err error) bool {
	answer, ok := errors.AsType[*awshttp.ResponseError](err)
	return ok && answer.HTTPStatusCode() >= http.StatusBadRequest &&
		answer.HTTPStatusCode() < http.StatusInternalServerError
}

// IsFull tells the SDK which of AWS's own faults (5xx) are none: that there is
// no room is an answer, and doesn't change in the seconds of a repetition.
func IsFull(err error) aws.Ternary {
	if HasCode(err, "InsufficientInstanceCapacity", "InsufficientAddressCapacity", "InsufficientVolumeCapacity") {
		return aws.FalseTernary
	}
	return aws.UnknownTernary
}
