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

// Options select the account and region. Empty fields are filled in as the AWS
// SDK does it: from the environment, shared configuration files, and the roles of
// the machine.
type Options struct {
	Region  string
	Profile string

	// MaxBackoff is the longest pause between two attempts of a call; zero means 20
	// seconds, the SDK's own.
	MaxBackoff time.Duration
}

// A Session is one region of one account: the clients of its services, and how
// long to wait for them.
type Session struct {
	Region string
	Waits  Waits

	EC2 *ec2.Client
	EBS *ebs.Client
	STS *sts.Client

	credentials aws.CredentialsProvider
	endpoint    string
}

// Connect finds the region and credentials and makes the clients. It doesn't call
// AWS; [Session.Account] is the first to notice wrong credentials.
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

// A NoCredentialsError is returned if the AWS SDK finds no credentials.
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

// explain adds what an SDK error hides: that the time was up,
// and that a custom endpoint was called.
func (s *Session) explain(ctx context.Context, err error) error {
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
