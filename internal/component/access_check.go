package component

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/unikernel-ami/packer-plugin-unikernel/internal/cloud"
)

// The forms and limits are those of STS's AssumeRole
// (https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html).
var (
	roleForm        = regexp.MustCompile(`^arn:aws(-[a-z]+)*:iam::[0-9]{12}:role/[\w+=,.@/-]+$`)
	policyForm      = regexp.MustCompile(`^arn:aws(-[a-z]+)*:iam::([0-9]{12}|aws):policy/[\w+=,.@/-]+$`)
	sessionNameForm = regexp.MustCompile(`^[\w+=,.@-]{2,64}$`)
	externalIDForm  = regexp.MustCompile(`^[\w+=,.@:/-]{2,}$`)
	mfaCodeForm     = regexp.MustCompile(`^[0-9]{6}$`)
)

const (
	shortestSession, longestSession = 900, 43200 // seconds
	maxPolicy                       = 2048       // characters
	maxPolicyARNs                   = 10
	maxSessionTags                  = 50
	maxExternalID                   = 1224 // characters
)

// CheckAccess registers the secrets among the options, so that no log shows
// them, and returns all faults of the options. It doesn't call AWS. No error
// quotes a secret.
func (a Access) CheckAccess() []error {
	a.hideSecrets()
	errs := slices.Concat(a.checkKeys(), a.checkEndpoints(), a.AssumeRole.check(), a.AssumeRoleWithWebIdentity.check())
	errs = append(errs,
		unless(a.Region == "" || a.SkipRegionValidation || cloud.IsRegion(a.Region),
			"region is %q: a region looks like eu-west-1; set skip_region_validation if a service of yours has such a region", a.Region),
		unless(a.MaxRetries >= 0, "max_retries is %d: it must be positive, or 0 for the default", a.MaxRetries),
		unless(a.AWSPolling.DelaySeconds >= 0, "aws_polling: delay_seconds is %d: it must be positive", a.AWSPolling.DelaySeconds),
		unless(a.AWSPolling.MaxAttempts >= 0, "aws_polling: max_attempts is %d: it must be positive", a.AWSPolling.MaxAttempts),
	)
	return slices.DeleteFunc(errs, func(err error) bool { return err == nil })
}

// hideSecrets leaves out the MFA code: it works once, and six digits are also part
// of account numbers.
func (a Access) hideSecrets() {
	HideSecrets(a.SecretKey, a.Token, a.AssumeRole.ExternalID, a.AssumeRoleWithWebIdentity.WebIdentityToken)
}

func unless(right bool, format string, args ...any) error {
	if right {
		return nil
	}
	return fmt.Errorf(format, args...)
}

func (a Access) checkKeys() []error {
	return []error{
		unless(a.SecretKey == "" || a.AccessKey != "", "secret_key is set without access_key: set both, or neither"),
		unless(a.AccessKey == "" || a.SecretKey != "", "access_key is set without secret_key: set both, or neither"),
		unless(a.Token == "" || a.AccessKey != "", "token is set without access_key: a session token belongs to an access_key and a secret_key"),
		unless(!strings.ContainsFunc(a.AccessKey, isSpace), "access_key contains a space: remove it"),
		unless(!strings.ContainsFunc(a.SecretKey, isLineEnd), "secret_key contains a line break: remove it"),
		unless(!strings.ContainsFunc(a.Token, isLineEnd), "token contains a line break: remove it"),
		unless(a.MFACode == "" || mfaCodeForm.MatchString(a.MFACode), "mfa_code must have six digits"),
		unless(a.AccessKey == "" || a.AssumeRoleWithWebIdentity.RoleARN == "", "access_key and assume_role_with_web_identity are both set: remove one of them"),
		checkFile("shared_credentials_file", a.SharedCredentialsFile),
	}
}

func isSpace(r rune) bool { return r == ' ' || r == '\t' || isLineEnd(r) }

func isLineEnd(r rune) bool { return r == '\n' || r == '\r' }

func checkFile(option, path string) error {
	if path == "" {
		return nil
	}
	info, err := os.Stat(inHome(path))
	if err != nil {
		return fmt.Errorf("%s is %q: %w: specify an existing file", option, path, errors.Unwrap(err))
	}
	return unless(!info.IsDir(), "%s is %q: this is a directory: specify a file", option, path)
}

func (a Access) checkEndpoints() []error {
	var errs []error
	for _, one := range []struct{ option, url string }{
		{"custom_endpoint_ec2", a.CustomEndpointEC2},
		{"custom_endpoint_ebs", a.CustomEndpointEBS},
		{"custom_endpoint_s3", a.CustomEndpointS3},
		{"custom_endpoint_ssm", a.CustomEndpointSSM},
		{"custom_endpoint_sts", a.CustomEndpointSTS},
	} {
		errs = append(errs, checkEndpoint(one.option, one.url))
	}
	return errs
}

// checkEndpoint doesn't quote an endpoint that has a password.
func checkEndpoint(option, text string) error {
	if text == "" {
		return nil
	}
	parsed, err := url.Parse(text)
	switch {
	case strings.Contains(text, "@"):
		return fmt.Errorf("%s contains a user name or password: remove it; requests are signed with the AWS credentials", option)
	case err != nil || parsed.Scheme != "http" && parsed.Scheme != "https" || parsed.Hostname() == "":
		return fmt.Errorf("%s is %q: it must be a URL such as https://ec2.example.com:8443", option, text)
	case parsed.RawQuery != "" || parsed.Fragment != "":
		return fmt.Errorf("%s is %q: remove everything from the first ? or # on", option, text)
	}
	return nil
}

func (r AssumeRole) check() []error {
	if reflect.ValueOf(r).IsZero() {
		return nil
	}
	errs := checkRole(r.RoleARN, r.SessionName, r.DurationSeconds, r.Policy, r.PolicyARNs)
	errs = append(errs,
		unless(r.ExternalID == "" || externalIDForm.MatchString(r.ExternalID) && len(r.ExternalID) <= maxExternalID, "external_id must have 2 to 1224 letters, digits, and _+=,.@:/-"),
		unless(len(r.Tags) <= maxSessionTags, "tags has %d tags: the maximum is %d", len(r.Tags), maxSessionTags),
	)
	for key, value := range r.Tags {
		n := utf8.RuneCountInString(key)
		errs = append(errs,
			unless(n >= 1 && n <= 128, "tags has a key of %d characters: it must have 1 to 128", n),
			unless(utf8.RuneCountInString(value) <= 256, "tags: the value of %q has more than 256 characters", key))
	}
	for _, key := range r.TransitiveTagKeys {
		_, known := r.Tags[key]
		errs = append(errs, unless(known, "transitive_tag_keys contains %q, which is not in tags: add the tag, or remove the key", key))
	}
	return of("assume_role", errs)
}

func (w AssumeRoleWithWebIdentity) check() []error {
	if reflect.ValueOf(w).IsZero() {
		return nil
	}
	errs := checkRole(w.RoleARN, w.SessionName, w.DurationSeconds, w.Policy, w.PolicyARNs)
	return of("assume_role_with_web_identity", append(errs,
		unless(w.WebIdentityToken != "" || w.WebIdentityTokenFile != "", "web_identity_token_file is not set: set it to the file with the token"),
		unless(w.WebIdentityToken == "" || w.WebIdentityTokenFile == "", "web_identity_token and web_identity_token_file are both set: remove one of them"),
	))
}

// of names the block that errors are about.
func of(block string, errs []error) []error {
	for i, err := range errs {
		if err != nil {
			errs[i] = fmt.Errorf("%s: %w", block, err)
		}
	}
	return errs
}

// checkRole checks what both blocks have.
func checkRole(arn, session string, duration int, policy string, policies []string) []error {
	n := utf8.RuneCountInString(policy)
	errs := []error{
		unless(arn != "", "role_arn is not set: set it to the role's ARN, for example arn:aws:iam::123456789012:role/packer"),
		unless(arn == "" || roleForm.MatchString(arn), "role_arn is %q: a role's ARN looks like arn:aws:iam::123456789012:role/packer", arn),
		unless(session == "" || sessionNameForm.MatchString(session), "session_name is %q: it must have 2 to 64 letters, digits, and _+=,.@-", session),
		unless(duration == 0 || duration >= shortestSession && duration <= longestSession,
			"duration_seconds is %d: it must be %d to %d", duration, shortestSession, longestSession),
		unless(policy == "" || json.Valid([]byte(policy)), "policy is not valid JSON: use jsonencode, or file"),
		unless(n <= maxPolicy, "policy has %d characters: the maximum is %d; use policy_arns", n, maxPolicy),
		unless(len(policies) <= maxPolicyARNs, "policy_arns has %d policies: the maximum is %d", len(policies), maxPolicyARNs),
	}
	for _, policy := range policies {
		errs = append(errs, unless(policyForm.MatchString(policy), "policy_arns contains %q: a policy's ARN looks like arn:aws:iam::aws:policy/ReadOnlyAccess", policy))
	}
	return errs
}
