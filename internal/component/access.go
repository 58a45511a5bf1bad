//go:generate packer-sdc struct-markdown

package component

import (
	"context"

	"github.com/unikernel-ami/packer-plugin-unikernel/internal/ec2ami"
)

// Access says which region of which account a component works in. Every
// component that calls AWS has these options.
type Access struct {
	// The AWS region, for example `eu-west-1`. Default: in a post-processor, the
	// region of the artifact; otherwise `AWS_REGION`, or the region of the
	// profile.
	Region string `mapstructure:"region"`
	// The profile in the AWS configuration files to take credentials and the
	// region from. Default: in a post-processor, the profile of the source;
	// otherwise the AWS SDK's default credential chain: environment variables,
	// the default profile, and the role of the machine.
	Profile string `mapstructure:"profile"`
}

// A Connector makes the session for a region. It is [ec2ami.Connect], except in
// tests.
type Connector func(context.Context, ec2ami.Options) (*ec2ami.Session, error)

// Connect makes the session for the region. A nil connector stands for
// [ec2ami.Connect].
func (a Access) Connect(ctx context.Context, connect Connector) (*ec2ami.Session, error) {
	if connect == nil {
		connect = ec2ami.Connect
	}
	return connect(ctx, ec2ami.Options{Region: a.Region, Profile: a.Profile})
}
