package cloud

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

// Endpoints are the URLs of services at other addresses than AWS's. An empty one
// is what AWS_ENDPOINT_URL_SERVICE, AWS_ENDPOINT_URL or the profile say, otherwise
// AWS's own.
type Endpoints struct {
	EC2, EBS, S3, SSM, STS string
}

// A transport is how the calls of a client are sent.
type transport struct {
	client  func(aws.HTTPClient) aws.HTTPClient
	retryer func() aws.Retryer
	// maxAttempts allows AWS_MAX_ATTEMPTS to change the number of attempts.
	maxAttempts bool
}

// control is the transport of every client but the one that uploads blocks.
func (o Options) control() transport {
	same := func(client aws.HTTPClient) aws.HTTPClient { return client }
	return transport{same, o.controlRetryer, o.Retries == 0}
}

// blocks is the transport of block uploads.
func (o Options) blocks() transport { return transport{forBlocks, o.blockRetryer, false} }

// at returns the configuration of one client. An endpoint, unless it is "",
// takes precedence over all settings of the environment.
func (t transport) at(cfg aws.Config, endpoint string) aws.Config {
	cfg.HTTPClient, cfg.Retryer = boundedClient{plainBodies{t.client(cfg.HTTPClient)}}, t.retryer
	if !t.maxAttempts {
		cfg.RetryMaxAttempts = 0
	}
	if endpoint != "" {
		cfg.BaseEndpoint = aws.String(endpoint)
		// The SDK reads AWS_ENDPOINT_URL_SERVICE after BaseEndpoint.
		cfg.ConfigSources = append([]any{fixed(endpoint)}, cfg.ConfigSources...)
	}
	return cfg
}

// fixed is a source of the SDK's configuration with one endpoint for all
// services.
type fixed string

// GetServiceBaseEndpoint implements what the SDK asks its sources for.
func (f fixed) GetServiceBaseEndpoint(context.Context, string) (string, bool, error) {
	return string(f), true, nil
}

// roleSTS is the STS client of the SDK's own credential providers, redirected.
// The SDK makes that client before it reads AWS_ENDPOINT_URL, so a profile with
// role_arn would call the real STS (aws-sdk-go-v2/config 1.33, the order of
// defaultAWSConfigResolvers).
type roleSTS struct {
	*sts.Client
	endpoint *string // "" for AWS's own
}

func (r roleSTS) redirect(o *sts.Options) {
	if *r.endpoint != "" {
		o.BaseEndpoint = r.endpoint
	}
}

// AssumeRole makes the call at the endpoint.
func (r roleSTS) AssumeRole(ctx context.Context, in *sts.AssumeRoleInput, options ...func(*sts.Options)) (*sts.AssumeRoleOutput, error) {
	return r.Client.AssumeRole(ctx, in, append(options, r.redirect)...)
}

// AssumeRoleWithWebIdentity makes the call at the endpoint.
func (r roleSTS) AssumeRoleWithWebIdentity(ctx context.Context, in *sts.AssumeRoleWithWebIdentityInput, options ...func(*sts.Options)) (*sts.AssumeRoleWithWebIdentityOutput, error) {
	return r.Client.AssumeRoleWithWebIdentity(ctx, in, append(options, r.redirect)...)
}
