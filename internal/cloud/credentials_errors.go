package cloud

import (
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials/ssocreds"
	"github.com/aws/smithy-go"
)

// A NoCredentialsError is returned if the AWS SDK finds no credentials.
type NoCredentialsError struct{ Err error }

func (e NoCredentialsError) Error() string {
	if isMetadata(e.Err) {
		return "find aws credentials: the environment and the profile have none, and this machine has no role"
	}
	return fmt.Sprintf("find aws credentials: %v", e.Err)
}

func (e NoCredentialsError) Unwrap() error { return e.Err }

// isMetadata reports whether the last resort has failed: the role of the machine.
func isMetadata(err error) bool {
	call, ok := errors.AsType[*smithy.OperationError](err)
	return ok && call.ServiceID == "ec2imds"
}

// A NoProfileError is returned if the files of the AWS configuration don't have
// a profile.
type NoProfileError struct{ Name string }

func (e NoProfileError) Error() string {
	return fmt.Sprintf("read aws configuration: there is no profile %q", e.Name)
}

func configurationError(err error) error {
	if missing, ok := errors.AsType[config.SharedConfigProfileNotExistError](err); ok {
		return NoProfileError{missing.Profile}
	}
	return fmt.Errorf("read aws configuration: %w", err)
}

// Errors about MFA.
var (
	// ErrNoMFACode is returned if a profile needs a code and there is none.
	ErrNoMFACode = errors.New("the profile has mfa_serial, and no code of the device was given")
	// ErrMFACodeSpent is returned if a role that was assumed with a code has
	// expired: AWS accepts each code once.
	ErrMFACodeSpent = errors.New("the role that was assumed with an MFA code has expired, and the code can't be used again")
)

// An MFASerialError is returned if there is a code, but the profile names no
// device.
type MFASerialError struct{ Profile string }

func (e MFASerialError) Error() string {
	return fmt.Sprintf("an MFA code was given, but the profile %q has no mfa_serial", e.Profile)
}

// ErrSSOExpired is returned if the profile's SSO session has ended.
var ErrSSOExpired = errors.New("the SSO session of the profile has expired")

// innermost returns the call that failed: to assume a role can need another call.
func innermost(call *smithy.OperationError) *smithy.OperationError {
	for {
		inner, ok := errors.AsType[*smithy.OperationError](call.Err)
		if !ok {
			return call
		}
		call = inner
	}
}

// credentialsError words why there are no credentials, without the SDK's list of
// everything that it tried.
func credentialsError(err error) error {
	for _, cause := range []error{ErrNoMFACode, ErrMFACodeSpent} {
		if errors.Is(err, cause) {
			return fmt.Errorf("get aws credentials: %w", cause)
		}
	}
	if _, ok := errors.AsType[*ssocreds.InvalidTokenError](err); ok {
		return fmt.Errorf("get aws credentials: %w", ErrSSOExpired)
	}
	if call, ok := errors.AsType[*smithy.OperationError](err); ok && !isMetadata(err) {
		return fmt.Errorf("get aws credentials: %w", innermost(call))
	}
	return NoCredentialsError{err}
}
