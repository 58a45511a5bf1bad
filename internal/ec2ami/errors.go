package ec2ami

import (
	"context"
	"errors"
	"net/http"
	"slices"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"
)

// hasCode tells whether AWS answered with one of these error codes.
func hasCode(err error, codes ...string) bool {
	answer, ok := errors.AsType[smithy.APIError](err)
	return ok && slices.Contains(codes, answer.ErrorCode())
}

// attempts counts how often a call was sent. Of a call that was sent once and
// refused nothing came; one that was sent again may have taken effect the first
// time, whatever the last answer says.
type attempts int

// count is an option of a call.
func (n *attempts) count(stack *middleware.Stack) error {
	return stack.Finalize.Insert(middleware.FinalizeMiddlewareFunc("CountAttempts",
		func(ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler) (middleware.FinalizeOutput, middleware.Metadata, error) {
			*n++
			return next.HandleFinalize(ctx, in)
		}), "Retry", middleware.After)
}

// refused tells whether the call was declined and nothing was made.
func (n *attempts) refused(err error) bool { return *n == 1 && isRefusal(err) }

// isTransient tells an error of the way to AWS, or of AWS itself, from its
// answers.
func isTransient(err error) bool {
	_, sent := errors.AsType[*smithy.OperationError](err)
	return sent && !isRefusal(err)
}

// isRefusal tells whether AWS declined a request. A server's fault (5xx) or a
// lost answer is none.
func isRefusal(err error) bool {
	answer, ok := errors.AsType[*awshttp.ResponseError](err)
	return ok && answer.HTTPStatusCode() >= http.StatusBadRequest &&
		answer.HTTPStatusCode() < http.StatusInternalServerError
}
