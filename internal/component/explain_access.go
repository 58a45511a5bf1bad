package component

import (
	"errors"
	"fmt"

	"github.com/unikernel-ami/packer-plugin-unikernel/internal/cloud"
)

// remediedAccess adds how to correct an error about credentials, permissions or
// the region.
func remediedAccess(err error) error {
	if unknown, ok := errors.AsType[cloud.UnknownRegionError](err); ok {
		return fmt.Errorf("unknown region %q: set region to a region of AWS, for example eu-west-1", unknown.Region)
	}
	if missing, ok := errors.AsType[cloud.NoProfileError](err); ok {
		return fmt.Errorf("profile is %q, which the AWS configuration files don't have: create it with aws configure, or set profile or AWS_PROFILE to another", missing.Name)
	}
	if serial, ok := errors.AsType[cloud.MFASerialError](err); ok {
		return fmt.Errorf("mfa_code is set, but the profile %q has no mfa_serial: set mfa_serial in the profile to the ARN of the device, or remove mfa_code", serial.Profile)
	}
	if denied, ok := errors.AsType[*cloud.DeniedError](err); ok {
		return fmt.Errorf("%w: allow %s in the caller's IAM policy; see https://github.com/unikernel-ami/packer-plugin-unikernel/blob/main/docs/access.md#permissions", err, denied.Action)
	}
	switch {
	case errors.Is(err, cloud.ErrNoMFACode):
		return fmt.Errorf("%w: set mfa_code to the current code of the device", err)
	case errors.Is(err, cloud.ErrMFACodeSpent):
		return fmt.Errorf("%w: allow longer sessions with duration_seconds in the profile, or put the role in an assume_role block instead of the profile", err)
	case errors.Is(err, cloud.ErrSSOExpired):
		return fmt.Errorf("%w: run aws sso login", err)
	case cloud.HasCode(err, "InvalidClientTokenId", "UnrecognizedClientException", "AuthFailure"):
		return fmt.Errorf("%w: check the access key, and that the region is enabled in the account", err)
	case cloud.HasCode(err, "ExpiredToken", "ExpiredTokenException", "RequestExpired"):
		return fmt.Errorf("%w: the credentials have expired, or this machine's clock is wrong: get new credentials, or use a role or profile that can be renewed", err)
	}
	if _, ok := errors.AsType[cloud.NoCredentialsError](err); ok {
		return fmt.Errorf("%w: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or profile, or run on a machine that has a role", err)
	}
	return err
}
