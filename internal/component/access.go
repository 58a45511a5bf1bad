//go:generate packer-sdc mapstructure-to-hcl2 -type AssumeRole,AssumeRoleWithWebIdentity,AWSPolling
//go:generate packer-sdc struct-markdown

package component

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"time"

	"github.com/unikernel-ami/packer-plugin-unikernel/internal/cloud"
)

// Access says which region of which account a component works in, and with
// whose permissions. Every component that calls AWS has these options.
type Access struct {
	// The AWS region, for example `eu-west-1`. Default: in a post-processor, the
	// region of the artifact; otherwise `AWS_REGION`, or the region of the
	// profile.
	Region string `mapstructure:"region"`
	// The access key. Default: in a post-processor, the credentials of the source;
	// otherwise the AWS SDK's default credential chain: environment variables, the
	// profile, SSO, web identity, and the role of the machine.
	AccessKey string `mapstructure:"access_key"`
	// The secret of `access_key`.
	SecretKey string `mapstructure:"secret_key"`
	// The session token, if `access_key` is a temporary one.
	Token string `mapstructure:"token"`
	// The profile in the AWS configuration files that supplies credentials and
	// the region. Default: `AWS_PROFILE`, or `default`.
	Profile string `mapstructure:"profile"`
	// The shared credentials file, for example `~/ci/credentials`. Default:
	// `AWS_SHARED_CREDENTIALS_FILE`, or `~/.aws/credentials`.
	SharedCredentialsFile string `mapstructure:"shared_credentials_file"`
	// The current six-digit code of the MFA device that `mfa_serial` names in the
	// profile. Set it in the source only: AWS accepts a code once, and
	// post-processors use the session that the source started.
	MFACode string `mapstructure:"mfa_code"`
	// A role to assume with these credentials. See [Roles](../access.md#roles).
	AssumeRole AssumeRole `mapstructure:"assume_role"`
	// A role to assume with an OpenID Connect token, for example in a CI job. See
	// [Roles](../access.md#roles).
	AssumeRoleWithWebIdentity AssumeRoleWithWebIdentity `mapstructure:"assume_role_with_web_identity"`

	// The URL of EC2 in every region, for example
	// `https://vpce-0123-abc.ec2.eu-west-1.vpce.amazonaws.com`. Default:
	// `AWS_ENDPOINT_URL_EC2`, `AWS_ENDPOINT_URL`, or AWS's own. The same applies to
	// the other services.
	CustomEndpointEC2 string `mapstructure:"custom_endpoint_ec2"`
	// The URL of the EBS direct APIs.
	CustomEndpointEBS string `mapstructure:"custom_endpoint_ebs"`
	// The URL of S3.
	CustomEndpointS3 string `mapstructure:"custom_endpoint_s3"`
	// The URL of Systems Manager.
	CustomEndpointSSM string `mapstructure:"custom_endpoint_ssm"`
	// The URL of STS. It is also used to assume roles, including those of profiles.
	CustomEndpointSTS string `mapstructure:"custom_endpoint_sts"`
	// Accept any TLS certificate. Use this only for tests.
	InsecureSkipTLSVerify bool `mapstructure:"insecure_skip_tls_verify"`

	// How often a call is repeated if it is throttled or fails on the way. Default:
	// 2 times, and 11 times for the blocks of a snapshot.
	MaxRetries int `mapstructure:"max_retries"`
	// How often, and for how long, to check a resource that AWS is still working
	// on. See [Waits](../access.md#waits).
	AWSPolling AWSPolling `mapstructure:"aws_polling"`
	// Show why AWS denied a call, if the caller has the permission
	// `sts:DecodeAuthorizationMessage`. The decoded message contains the caller's
	// ARN and the request's conditions.
	DecodeAuthorizationMessages bool `mapstructure:"decode_authorization_messages"`
	// Don't check the credentials with STS before the first call. The account is
	// then not shown.
	SkipCredentialValidation bool `mapstructure:"skip_credential_validation"`
	// Don't query the instance metadata service for the machine's role.
	SkipMetadataAPICheck bool `mapstructure:"skip_metadata_api_check"`
	// Accept a `region` that doesn't look like an AWS region, for EC2-compatible
	// services.
	SkipRegionValidation bool `mapstructure:"skip_region_validation"`
}

// AssumeRole is a role to assume.
type AssumeRole struct {
	// The ARN of the role, for example `arn:aws:iam::123456789012:role/packer`.
	RoleARN string `mapstructure:"role_arn" required:"true"`
	// The name of the session, which CloudTrail shows. Default: a name that contains
	// the time.
	SessionName string `mapstructure:"session_name"`
	// The external ID that the role's owner requires.
	ExternalID string `mapstructure:"external_id"`
	// How long a session lasts, in seconds: 900 to 43200, and at most what the role
	// allows. Default: 900. Sessions that end are renewed, so a longer one is needed
	// only if the role can't be assumed again.
	DurationSeconds int `mapstructure:"duration_seconds"`
	// A policy in JSON that narrows the role's permissions.
	Policy string `mapstructure:"policy"`
	// The ARNs of up to 10 managed policies that narrow the role's permissions.
	PolicyARNs []string `mapstructure:"policy_arns"`
	// Tags of the session.
	Tags map[string]string `mapstructure:"tags"`
	// The keys of `tags` that are passed on to roles that the role assumes.
	TransitiveTagKeys []string `mapstructure:"transitive_tag_keys"`
}

// AssumeRoleWithWebIdentity is a role to assume with a token.
type AssumeRoleWithWebIdentity struct {
	// The ARN of the role.
	RoleARN string `mapstructure:"role_arn" required:"true"`
	// The file with the token. It is read again when the session is renewed.
	WebIdentityTokenFile string `mapstructure:"web_identity_token_file"`
	// The token itself.
	WebIdentityToken string `mapstructure:"web_identity_token"`
	// The name of the session. Default: a name that contains the time.
	SessionName string `mapstructure:"session_name"`
	// How long a session lasts, in seconds: 900 to 43200. Default: 3600.
	DurationSeconds int `mapstructure:"duration_seconds"`
	// A policy in JSON that narrows the role's permissions.
	Policy string `mapstructure:"policy"`
	// The ARNs of up to 10 managed policies that narrow the role's permissions.
	PolicyARNs []string `mapstructure:"policy_arns"`
}

// AWSPolling replaces the pauses and time limits of waits.
type AWSPolling struct {
	// The pause between two checks, in seconds. Default: 1, which grows to 15.
	DelaySeconds int `mapstructure:"delay_seconds"`
	// How often to check before the build fails. Default: as often as the wait's
	// time limit allows.
	MaxAttempts int `mapstructure:"max_attempts"`
}

// A Connector makes the session for a region. It is [cloud.Connect], except in
// tests.
type Connector func(context.Context, cloud.Options) (*cloud.Session, error)

// Connect makes the session for the region. A nil connector stands for
// [cloud.Connect].
func (a Access) Connect(ctx context.Context, connect Connector) (*cloud.Session, error) {
	if connect == nil {
		connect = cloud.Connect
	}
	return connect(ctx, a.options())
}

func (a Access) options() cloud.Options {
	o := cloud.Options{
		Region:          a.Region,
		Profile:         a.Profile,
		CredentialsFile: inHome(a.SharedCredentialsFile),
		Keys:            cloud.Keys{AccessKey: a.AccessKey, SecretKey: a.SecretKey, Token: a.Token},
		MFACode:         a.MFACode,
		Endpoints: cloud.Endpoints{
			EC2: a.CustomEndpointEC2, EBS: a.CustomEndpointEBS, S3: a.CustomEndpointS3, SSM: a.CustomEndpointSSM, STS: a.CustomEndpointSTS,
		},
		InsecureTLS: a.InsecureSkipTLSVerify,
		NoMetadata:  a.SkipMetadataAPICheck,
		Unchecked:   a.SkipCredentialValidation,
		Decode:      a.DecodeAuthorizationMessages,
		Retries:     a.MaxRetries,
		Polling:     cloud.Polling{Delay: seconds(a.AWSPolling.DelaySeconds), Attempts: a.AWSPolling.MaxAttempts},
	}
	if r := a.AssumeRole; r.RoleARN != "" {
		o.Role = &cloud.Role{
			ARN: r.RoleARN, SessionName: r.SessionName, ExternalID: r.ExternalID, Duration: seconds(r.DurationSeconds),
			Policy: r.Policy, PolicyARNs: r.PolicyARNs, Tags: r.Tags, TransitiveTagKeys: r.TransitiveTagKeys,
		}
	}
	if w := a.AssumeRoleWithWebIdentity; w.RoleARN != "" {
		o.WebIdentity = &cloud.WebIdentity{
			Role:      cloud.Role{ARN: w.RoleARN, SessionName: w.SessionName, Duration: seconds(w.DurationSeconds), Policy: w.Policy, PolicyARNs: w.PolicyARNs},
			TokenFile: inHome(w.WebIdentityTokenFile), Token: w.WebIdentityToken,
		}
	}
	return o
}

func seconds(n int) time.Duration { return time.Duration(n) * time.Second }

// inHome replaces the ~ at the beginning of a path.
func inHome(path string) string {
	rest, ok := strings.CutPrefix(path, "~/")
	home, err := os.UserHomeDir()
	if !ok || err != nil {
		return path
	}
	return filepath.Join(home, rest)
}

// Handover returns the access for post-processors, which are other processes. An
// MFA code works only once, so they get the credentials that it gave.
func (a Access) Handover(ctx context.Context, session *cloud.Session) (Access, error) {
	a.Region = session.Region
	if a.MFACode == "" {
		return a, nil
	}
	keys, err := session.Keys(ctx)
	if err != nil {
		return a, fmt.Errorf("hand over aws credentials: %w", err)
	}
	a = a.withCredentialsOf(Access{})
	a.AccessKey, a.SecretKey, a.Token = keys.AccessKey, keys.SecretKey, keys.Token
	return a, nil
}

// over returns the options of a post-processor, and those of the source where it
// has none. Credentials are taken from one of them, never from both.
func (a Access) over(source Access) Access {
	if !a.hasCredentials() {
		a = a.withCredentialsOf(source)
	}
	a.CustomEndpointEC2 = cmp.Or(a.CustomEndpointEC2, source.CustomEndpointEC2)
	a.CustomEndpointEBS = cmp.Or(a.CustomEndpointEBS, source.CustomEndpointEBS)
	a.CustomEndpointS3 = cmp.Or(a.CustomEndpointS3, source.CustomEndpointS3)
	a.CustomEndpointSSM = cmp.Or(a.CustomEndpointSSM, source.CustomEndpointSSM)
	a.CustomEndpointSTS = cmp.Or(a.CustomEndpointSTS, source.CustomEndpointSTS)
	a.InsecureSkipTLSVerify = a.InsecureSkipTLSVerify || source.InsecureSkipTLSVerify
	a.MaxRetries = cmp.Or(a.MaxRetries, source.MaxRetries)
	a.AWSPolling = cmp.Or(a.AWSPolling, source.AWSPolling)
	a.DecodeAuthorizationMessages = a.DecodeAuthorizationMessages || source.DecodeAuthorizationMessages
	a.SkipCredentialValidation = a.SkipCredentialValidation || source.SkipCredentialValidation
	a.SkipMetadataAPICheck = a.SkipMetadataAPICheck || source.SkipMetadataAPICheck
	a.SkipRegionValidation = a.SkipRegionValidation || source.SkipRegionValidation
	return a
}

// WithProfile returns the access with the credentials of a profile, or as it is
// if the profile is "".
func (a Access) WithProfile(profile string) Access {
	if profile == "" {
		return a
	}
	return a.withCredentialsOf(Access{Profile: profile})
}

// hasCredentials reports whether an option selects credentials.
func (a Access) hasCredentials() bool {
	return !reflect.DeepEqual(Access{}.withCredentialsOf(a), Access{})
}

// withCredentialsOf replaces the options that select credentials.
func (a Access) withCredentialsOf(other Access) Access {
	a.AccessKey, a.SecretKey, a.Token = other.AccessKey, other.SecretKey, other.Token
	a.Profile, a.SharedCredentialsFile, a.MFACode = other.Profile, other.SharedCredentialsFile, other.MFACode
	a.AssumeRole, a.AssumeRoleWithWebIdentity = other.AssumeRole, other.AssumeRoleWithWebIdentity
	return a
}
