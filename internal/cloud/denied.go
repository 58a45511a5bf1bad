package cloud

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"

	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"
)

// A DeniedError is returned if the caller has no permission for a call.
type DeniedError struct {
	// Action is the IAM action to allow, for example "ec2:RegisterImage".
	Action string
	// Reason is AWS's decoded message, a JSON document; "" if it isn't known.
	Reason string
	// Undecoded is why Reason is not known, although it was to be decoded.
	Undecoded error
	Err       error // of the AWS SDK
}

func (e *DeniedError) Error() string {
	text := fmt.Sprintf("%s is denied: %s", e.Action, encodedMessage.ReplaceAllString(describeFailure(e.Err), ""))
	if e.Reason != "" {
		text += "; decoded message: " + e.Reason
	}
	if e.Undecoded != nil {
		text += fmt.Sprintf("; the encoded message can't be decoded: %v", Plain(e.Undecoded))
	}
	return text
}

func (e *DeniedError) Unwrap() error { return e.Err }

// encodedMessage is what AWS adds to its error: only DecodeAuthorizationMessage
// can read it.
var encodedMessage = regexp.MustCompile(`\.? *Encoded authorization failure message: *([A-Za-z0-9_+/=-]+)\.?`)

// A decoder asks AWS what an encoded message says.
type decoder func(ctx context.Context, message string) (string, error)

// decoder returns nil unless messages are to be decoded.
func (o Options) decoder(client *sts.Client) decoder {
	if !o.Decode {
		return nil
	}
	return func(ctx context.Context, message string) (string, error) {
		answer, err := client.DecodeAuthorizationMessage(ctx, &sts.DecodeAuthorizationMessageInput{EncodedMessage: &message})
		if err != nil {
			return "", err
		}
		return *answer.DecodedMessage, nil
	}
}

// explainDenials makes the calls of a client return a [DeniedError] when they are
// denied.
func explainDenials(decode decoder) func(*middleware.Stack) error {
	return func(stack *middleware.Stack) error {
		return stack.Initialize.Add(middleware.InitializeMiddlewareFunc("ExplainDenials",
			func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
				out, metadata, err := next.HandleInitialize(ctx, in)
				if isDenial(err) {
					action := iamAction(awsmiddleware.GetServiceID(ctx), awsmiddleware.GetOperationName(ctx))
					err = explainDenial(ctx, action, err, decode)
				}
				return out, metadata, err
			}), middleware.Before)
	}
}

// isDenial doesn't look into the calls that fetch credentials: they are denied
// to another caller.
func isDenial(err error) bool {
	if _, nested := errors.AsType[*smithy.OperationError](err); nested {
		return false
	}
	return HasCode(err, "UnauthorizedOperation", "AccessDenied", "AccessDeniedException", "UnauthorizedAccess")
}

func explainDenial(ctx context.Context, action string, err error, decode decoder) error {
	denied := &DeniedError{Action: action, Err: err}
	found := encodedMessage.FindStringSubmatch(describeFailure(err))
	if decode != nil && found != nil {
		denied.Reason, denied.Undecoded = decode(ctx, found[1])
	}
	return denied
}

// s3Actions are the calls of S3 that need permission for another action than
// their name says
// (https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html).
var s3Actions = map[string]string{
	"AbortMultipartUpload":    "AbortMultipartUpload",
	"CompleteMultipartUpload": "PutObject",
	"CreateMultipartUpload":   "PutObject",
	"DeleteObjects":           "DeleteObject",
	"HeadBucket":              "ListBucket",
	"HeadObject":              "GetObject",
	"ListObjectsV2":           "ListBucket",
	"UploadPart":              "PutObject",
}

// iamAction is the IAM action that allows a call.
func iamAction(service, operation string) string {
	if service == "S3" {
		if action, ok := s3Actions[operation]; ok {
			operation = action
		}
	}
	return strings.ToLower(service) + ":" + operation
}
