package cloud

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"
)

// Plain returns err with the AWS SDK's account of a failed call replaced by what
// matters to a user: the call, AWS's code and message, and the request's ID.
func Plain(err error) error {
	call, ok := errors.AsType[*smithy.OperationError](err)
	if !ok {
		return err
	}
	return plain{err, strings.ReplaceAll(err.Error(), call.Error(), describeCall(call))}
}

type plain struct {
	error
	text string
}

func (p plain) Error() string { return p.text }

func (p plain) Unwrap() error { return p.error }

// describeCall words the failure of a call.
func describeCall(call *smithy.OperationError) string {
	name := strings.ToUpper(call.ServiceID) + " " + call.OperationName
	if inner := innermost(call); inner != call {
		return name + ": no credentials: " + describeCall(inner)
	}
	if denied, ok := errors.AsType[*DeniedError](call.Err); ok {
		return name + ": " + denied.Error()
	}
	return name + ": " + describeFailure(call.Err)
}

// describeFailure words why a call failed.
func describeFailure(err error) string {
	response, answered := errors.AsType[*awshttp.ResponseError](err)
	request := ""
	if answered && response.ServiceRequestID() != "" {
		request = " (request " + response.ServiceRequestID() + ")"
	}
	if answer, ok := errors.AsType[smithy.APIError](err); ok {
		if answer.ErrorMessage() == "" {
			return answer.ErrorCode() + request
		}
		return answer.ErrorCode() + ": " + strings.TrimSpace(answer.ErrorMessage()) + request
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return "no response in time"
	}
	if network, ok := errors.AsType[*url.Error](err); ok {
		return fmt.Sprintf("send request to %s: %v", host(network.URL), network.Err)
	}
	if refused, ok := errors.AsType[*net.OpError](err); ok {
		return refused.Error()
	}
	if answered && response.HTTPStatusCode() != 0 {
		return fmt.Sprintf("the response, with HTTP status %d, is not AWS's, but perhaps a proxy's%s", response.HTTPStatusCode(), request)
	}
	return err.Error()
}

// host is the part of a URL that can be shown: presigned URLs have a signature in
// their query.
func host(text string) string {
	parsed, err := url.Parse(text)
	if err != nil {
		return "the endpoint"
	}
	return parsed.Host
}
