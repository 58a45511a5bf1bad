//go:generate packer-sdc struct-markdown

package component

import (
	"context"

	"github.com/unikernel-ami/packer-plugin-unikernel/internal/cloud"
)

// Access says which region of which account a component works in. Every
// component that calls AWS has these options.
type Access struct {
	// The AWS region, for example `eu-west-1`. Default: in a post-processor, the
	// region of the artifact; otherwise `AWS_REGION`, or the region of the
	// profile.
	Region string `mapstructure:"region"`
	// The profile in the AWS configuration files that supplies credentials and
	// the region. Default: in a post-processor, the profile of the source;
	// otherwise the AWS SDK's default credential chain: environment variables,
	// the default profile, and the role of the machine.
	Profile string `mapstructure:"profile"`
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
	return connect(ctx, cloud.Options{Region: a.Region, Profile: a.Profile})
}
