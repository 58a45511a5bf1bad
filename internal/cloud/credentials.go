package cloud

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/feature/ec2/imds"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	ststypes "github.com/aws/aws-sdk-go-v2/service/sts/types"
)

// expiryWindow is how long before they expire credentials are replaced. A
// request that is signed just before that must still arrive in time, with the
// clock of this machine a little off.
const expiryWindow = time.Minute

// Keys are an access key with its secret, and the token of temporary ones.
type Keys struct {
	AccessKey, SecretKey, Token string
}

// A Role is an IAM role to assume. Empty fields are not sent.
type Role struct {
	ARN               string
	SessionName       string
	ExternalID        string
	Duration          time.Duration
	Policy            string
	PolicyARNs        []string
	Tags              map[string]string
	TransitiveTagKeys []string
}

// A WebIdentity is a role to assume with an OpenID Connect token, or with one
// that is read from a file whenever credentials are needed.
type WebIdentity struct {
	Role
	Token, TokenFile string
}

func (w *WebIdentity) token() stscreds.IdentityTokenRetriever {
	if w.Token != "" {
		return identityToken(w.Token)
	}
	return stscreds.IdentityTokenFile(w.TokenFile)
}

type identityToken string

// GetIdentityToken implements [stscreds.IdentityTokenRetriever].
func (t identityToken) GetIdentityToken() ([]byte, error) { return []byte(t), nil }

// load reads the AWS configuration of the environment and adds the options.
func (o Options) load(ctx context.Context) (aws.Config, error) {
	stsEndpoint, mfa := new(string), &mfaCode{code: o.MFACode}
	settings := []func(*config.LoadOptions) error{
		config.WithRegion(o.Region),
		config.WithSharedConfigProfile(o.Profile),
		config.WithHTTPClient(o.httpClient()),
		config.WithAppID("packer-plugin-unikernel"),
		config.WithCredentialsCacheOptions(withWindow),
		config.WithAssumeRoleCredentialOptions(func(r *stscreds.AssumeRoleOptions) {
			r.TokenProvider = mfa.take
			if r.SerialNumber != nil && r.Duration == 0 {
				r.Duration = time.Hour // the longest that every role allows; the code works only once
			}
			if client, ok := r.Client.(*sts.Client); ok {
				r.Client = roleSTS{client, stsEndpoint}
			}
		}),
		config.WithWebIdentityRoleCredentialOptions(func(r *stscreds.WebIdentityRoleOptions) {
			if client, ok := r.Client.(*sts.Client); ok {
				r.Client = roleSTS{client, stsEndpoint}
			}
		}),
	}
	if o.CredentialsFile != "" {
		settings = append(settings, config.WithSharedCredentialsFiles([]string{o.CredentialsFile}))
	}
	if k := o.Keys; k.AccessKey != "" {
		settings = append(settings, config.WithCredentialsProvider(credentials.NewStaticCredentialsProvider(k.AccessKey, k.SecretKey, k.Token)))
	}
	if o.NoMetadata {
		settings = append(settings, config.WithEC2IMDSClientEnableState(imds.ClientDisabled))
	}
	cfg, err := config.LoadDefaultConfig(ctx, settings...)
	if err != nil {
		return aws.Config{}, configurationError(err)
	}
	if cfg.Region == "" {
		return aws.Config{}, errors.New("read aws configuration: no region: set {Region}, AWS_REGION, or region in the profile")
	}
	*stsEndpoint = aws.ToString(sts.NewFromConfig(o.control().at(cfg, o.Endpoints.STS)).Options().BaseEndpoint)
	return o.withRoles(cfg, mfa)
}

// withRoles adds, in this order, the session of an MFA device, and the roles to
// assume. Each is assumed with the credentials before it.
func (o Options) withRoles(cfg aws.Config, mfa *mfaCode) (aws.Config, error) {
	assume := func(provider aws.CredentialsProvider) {
		cfg.Credentials = aws.NewCredentialsCache(provider, withWindow)
	}
	client := func() *sts.Client { return sts.NewFromConfig(o.control().at(cfg, o.Endpoints.STS)) }
	if o.MFACode != "" {
		profile := sharedProfile(cfg)
		if profile.MFASerial == "" {
			return cfg, MFASerialError{profile.Profile}
		}
		if profile.RoleARN == "" { // otherwise the SDK uses the code for the role
			assume(mfa.session(client(), profile.MFASerial))
		}
	}
	if w := o.WebIdentity; w != nil {
		assume(stscreds.NewWebIdentityRoleProvider(client(), w.ARN, w.token(), w.webIdentity))
	}
	if o.Role != nil {
		assume(stscreds.NewAssumeRoleProvider(client(), o.Role.ARN, o.Role.assume))
	}
	return cfg, nil
}

func withWindow(o *aws.CredentialsCacheOptions) { o.ExpiryWindow = expiryWindow }

// sharedProfile is the profile that is in use.
func sharedProfile(cfg aws.Config) config.SharedConfig {
	for _, source := range cfg.ConfigSources {
		if shared, ok := source.(config.SharedConfig); ok {
			return shared
		}
	}
	return config.SharedConfig{}
}

func (r *Role) assume(o *stscreds.AssumeRoleOptions) {
	o.RoleSessionName, o.Duration = r.SessionName, r.Duration
	o.ExternalID, o.Policy, o.PolicyARNs = optional(r.ExternalID), optional(r.Policy), r.policies()
	o.TransitiveTagKeys = r.TransitiveTagKeys
	for key, value := range r.Tags {
		o.Tags = append(o.Tags, ststypes.Tag{Key: aws.String(key), Value: aws.String(value)})
	}
}

func (r *Role) webIdentity(o *stscreds.WebIdentityRoleOptions) {
	o.RoleSessionName, o.Duration = r.SessionName, r.Duration
	o.Policy, o.PolicyARNs = optional(r.Policy), r.policies()
}

func (r *Role) policies() []ststypes.PolicyDescriptorType {
	var all []ststypes.PolicyDescriptorType
	for _, arn := range r.PolicyARNs {
		all = append(all, ststypes.PolicyDescriptorType{Arn: aws.String(arn)})
	}
	return all
}

// optional returns nil for an empty string.
func optional(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

// An mfaCode can be used once.
type mfaCode struct {
	code  string
	spent atomic.Bool
}

func (m *mfaCode) take() (string, error) {
	if m.code == "" {
		return "", ErrNoMFACode
	}
	if m.spent.Swap(true) {
		return "", ErrMFACodeSpent
	}
	return m.code, nil
}

// session exchanges keys and the code for temporary keys, which last twelve
// hours by default: roles can be assumed with them again and again.
func (m *mfaCode) session(client *sts.Client, serial string) aws.CredentialsProvider {
	return aws.CredentialsProviderFunc(func(ctx context.Context) (aws.Credentials, error) {
		code, err := m.take()
		if err != nil {
			return aws.Credentials{}, err
		}
		answer, err := client.GetSessionToken(ctx, &sts.GetSessionTokenInput{SerialNumber: &serial, TokenCode: &code})
		if err != nil {
			return aws.Credentials{}, err
		}
		keys := answer.Credentials
		return aws.Credentials{
			AccessKeyID: aws.ToString(keys.AccessKeyId), SecretAccessKey: aws.ToString(keys.SecretAccessKey),
			SessionToken: aws.ToString(keys.SessionToken), CanExpire: true, Expires: aws.ToTime(keys.Expiration), Source: "MFA",
		}, nil
	})
}
