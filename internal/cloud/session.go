package cloud

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ebs"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
)

// Options select the account and region. Empty fields are filled in as the AWS
// SDK does it: from the environment, shared configuration files, and the roles of
// the machine.
type Options struct {
	Region  string
	Profile string

	// CredentialsFile replaces the shared credentials file.
	CredentialsFile string
	// Keys take precedence over all other credentials.
	Keys Keys
	// Role is assumed with those credentials.
	Role *Role
	// WebIdentity is the role to assume with a token instead.
	WebIdentity *WebIdentity
	// MFACode is the current code of the device that the profile names.
	MFACode string

	Endpoints   Endpoints
	InsecureTLS bool // accepts any certificate
	NoMetadata  bool // doesn't ask the machine for a role
	// Unchecked skips the check of the credentials in [Session.Account].
	Unchecked bool
	// Decode asks AWS for the reasons of a denied call.
	Decode bool

	// Retries is how often a failed call is repeated. Zero means 2, and 11 for the
	// blocks of a snapshot.
	Retries int
	// MaxBackoff is the longest pause between two attempts of a call; zero means 20
	// seconds, the SDK's own.
	MaxBackoff time.Duration

	Polling Polling
}

// A Session is one region of one account: the clients of its services, and how
// long to wait for them.
type Session struct {
	Region string
	Waits  Waits

	EC2 *ec2.Client
	EBS *ebs.Client
	SSM *ssm.Client
	STS *sts.Client
	S3  *s3.Client
	IAM *iam.Client

	credentials aws.CredentialsProvider
	unchecked   bool
	endpoint    string
}

// Connect finds the region and credentials and makes the clients. It doesn't call
// AWS; [Session.Account] is the first to notice wrong credentials.
func Connect(ctx context.Context, options Options) (*Session, error) {
	cfg, err := options.load(ctx)
	if err != nil {
		return nil, err
	}
	at, control, blocks := options.Endpoints, options.control(), options.blocks()
	caller := sts.NewFromConfig(control.at(cfg, at.STS))
	cfg.APIOptions = append(cfg.APIOptions, explainDenials(options.decoder(caller)))
	s := &Session{
		Region:      cfg.Region,
		Waits:       DefaultWaits,
		EC2:         ec2.NewFromConfig(control.at(cfg, at.EC2)),
		EBS:         ebs.NewFromConfig(blocks.at(cfg, at.EBS)),
		SSM:         ssm.NewFromConfig(control.at(cfg, at.SSM)),
		STS:         sts.NewFromConfig(control.at(cfg, at.STS)),
		S3:          s3.NewFromConfig(blocks.at(cfg, at.S3), pathStyle),
		IAM:         iam.NewFromConfig(control.at(cfg, "")),
		credentials: cfg.Credentials,
		unchecked:   options.Unchecked,
	}
	s.Waits.Polling = options.Polling
	s.endpoint = aws.ToString(s.EC2.Options().BaseEndpoint)
	return s, nil
}

// pathStyle puts buckets in the path at another endpoint than AWS's, where they
// have no host names.
func pathStyle(o *s3.Options) { o.UsePathStyle = o.BaseEndpoint != nil }

// Endpoint is the address of an EC2 other than Amazon's; "" for Amazon's.
func (s *Session) Endpoint() string { return s.endpoint }

// Account checks the credentials and returns the account that they belong to, or
// "" if the user wants no check.
func (s *Session) Account(ctx context.Context) (string, error) {
	if _, err := s.credentials.Retrieve(ctx); err != nil {
		return "", credentialsError(err)
	}
	if s.unchecked {
		return "", nil
	}
	identity, err := s.STS.GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return "", fmt.Errorf("check aws credentials: %w", err)
	}
	return aws.ToString(identity.Account), nil
}

// Keys returns the credentials in use, for a process that can't get them itself.
func (s *Session) Keys(ctx context.Context) (Keys, error) {
	keys, err := s.credentials.Retrieve(ctx)
	if err != nil {
		return Keys{}, credentialsError(err)
	}
	return Keys{keys.AccessKeyID, keys.SecretAccessKey, keys.SessionToken}, nil
}

// Preflight checks the credentials and then calls ask, which asks AWS further
// questions and creates nothing. Both share the Plan budget.
func (s *Session) Preflight(ctx context.Context, ask func(context.Context) error) (account string, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, s.Waits.Plan,
		fmt.Errorf("no response from AWS within %s", s.Waits.Plan))
	defer cancel()
	account, err = s.Account(ctx)
	if err == nil {
		err = ask(ctx)
	}
	if err != nil {
		return "", s.explain(ctx, err)
	}
	return account, nil
}

// explain adds what an SDK error hides: that the time was up, that there is no
// such region, and that a custom endpoint was called.
func (s *Session) explain(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		err = fmt.Errorf("%w: %w", context.Cause(ctx), err)
	}
	if lacksRegion(err, s.Region) {
		return UnknownRegionError{s.Region}
	}
	return Each(err, func(one error) error {
		if _, called := errors.AsType[*smithy.OperationError](one); called && s.endpoint != "" && !isMetadata(one) {
			return fmt.Errorf("%w (the endpoint in use is %s)", one, s.endpoint)
		}
		return one
	})
}
