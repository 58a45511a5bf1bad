package cloud

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/ebs"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
)

// Options say which account and region to work in. Empty fields are found as
// the AWS SDK finds them: environment, shared configuration files, and the
// roles of the machine.
type Options struct {
	Region  string
	Profile string

	// MaxBackoff is the longest pause between two tries of a call; zero means 20
	// seconds, the SDK's own.
	MaxBackoff time.Duration
}

// A Session is one region of one account, and how EC2 is waited for.
type Session struct {
	Region string
	Waits  Waits

	EC2 *ec2.Client
	EBS *ebs.Client
	STS *sts.Client

	credentials aws.CredentialsProvider
	endpoint    string
}

// Connect finds region and credentials and makes the clients. It makes no call
// to AWS; wrong credentials show in [Session.Plan].
func Connect(ctx context.Context, options Options) (*Session, error) {
	cfg, err := config.LoadDefaultConfig(ctx,
		config.WithRegion(options.Region),
		config.WithSharedConfigProfile(options.Profile),
		config.WithHTTPClient(httpClient()),
		config.WithAppID("packer-plugin-unikernel"),
	)
	if err != nil {
		return nil, fmt.Errorf("read aws configuration: %w", err)
	}
	if cfg.Region == "" {
		return nil, errors.New("read aws configuration: no region: set {Region}, AWS_REGION, or region in the profile")
	}
	return &Session{
		Region: cfg.Region,
		Waits:  DefaultWaits,
		EC2: ec2.NewFromConfig(cfg, func(o *ec2.Options) {
			o.Retryer, o.HTTPClient = options.controlRetryer(), boundedClient{plainBodies{o.HTTPClient}}
		}),
		EBS: ebs.NewFromConfig(cfg, func(o *ebs.Options) {
			o.Retryer, o.HTTPClient = options.blockRetryer(), boundedClient{plainBodies{forBlocks(o.HTTPClient)}}
		}),
		STS: sts.NewFromConfig(cfg, func(o *sts.Options) {
			o.Retryer, o.HTTPClient = options.controlRetryer(), boundedClient{plainBodies{o.HTTPClient}}
		}),
		credentials: cfg.Credentials,
		endpoint:    aws.ToString(cfg.BaseEndpoint),
	}, nil
}

// Endpoint is the address of an EC2 other than Amazon's; "" for Amazon's.
func (s *Session) Endpoint() string { return s.endpoint }

// A NoCredentialsError says that the AWS SDK has found no credentials.
type NoCredentialsError struct{ Err error }

func (e NoCredentialsError) Error() string { return fmt.Sprintf("find aws credentials: %v", e.Err) }

func (e NoCredentialsError) Unwrap() error { return e.Err }

// Account checks the credentials and returns the account that they belong to.
func (s *Session) Account(ctx context.Context) (string, error) {
	if _, err := s.credentials.Retrieve(ctx); err != nil {
		return "", NoCredentialsError{err}
	}
	identity, err := s.STS.GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return "", fmt.Errorf("check aws credentials: %w", err)
	}
	return aws.ToString(identity.Account), nil
}

// Explain adds what the user can't see in an SDK error: that the time was up,
// and that a custom endpoint was asked.
func (s *Session) Explain(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		err = fmt.Errorf("%w: %w", context.Cause(ctx), err)
	}
	return Each(err, func(one error) error {
		if _, called := errors.AsType[*smithy.OperationError](one); called && s.endpoint != "" {
			return fmt.Errorf("%w (the endpoint in use is %s)", one, s.endpoint)
		}
		return one
	})
}
