// Package instance launches an instance of an AMI and watches it:
//
//	plan, _ := instance.NewPlan(ctx, session, request)        // nothing is created
//	in, _   := instance.Launch(ctx, session, plan, ledger)    // in a temporary security group
//	go instance.Watch(ctx, session, in)                       // ends when the instance does
//	ledger.Undo(ctx)                                          // always
package instance

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/unikernel-ami/packer-plugin-unikernel/internal/cloud"
)

// A Port is a port that a test needs open.
type Port struct {
	Protocol string // "tcp" or "udp"; "icmp", which has no number, means echo requests
	Number   uint16
}

// A Request describes the instance that is wanted.
type Request struct {
	RunID   string            // identifies the resources of one launch, as their [cloud.BuildTag]; new for each
	ImageID string            // of an AMI
	Name    string            // the Name tag
	Tags    map[string]string // the user's tags, for everything that is created

	InstanceTypes []string // tried in order; none: the cheapest ones that fit
	MaxMemoryMiB  int64    // the most that the system supports; 0: that of the AMI's [cloud.MaxMemoryTag], if it has one

	// SubnetID or SubnetFilter select the subnet. Without either, there is one for
	// each zone of the VPC that VPCID or VPCFilter select, or of the default VPC.
	// Filters are those of DescribeSubnets and DescribeVpcs.
	SubnetID         string
	VPCID            string
	SubnetFilter     map[string]string
	RandomSubnet     bool // of those that SubnetFilter finds, instead of the one with the most free addresses
	VPCFilter        map[string]string
	AvailabilityZone string // "" is any

	// SecurityGroupIDs or SecurityGroupFilter select the groups. Without either,
	// there is a temporary one, which opens Ports to SourceCIDRs.
	SecurityGroupIDs    []string
	SecurityGroupFilter map[string]string // of DescribeSecurityGroups
	Ports               []Port
	SourceCIDRs         []string // of IPv4 or IPv6; none: as SourcePublicIP says
	SourcePublicIP      bool     // this machine's public address; false: the same if it is known, otherwise any address
	Reach               Reach    // where the test will reach the instance

	AssociatePublicIP  *bool  // nil: as the subnet does by default
	PrivateIP          string // "": EC2 chooses one
	UserData           []byte
	IAMInstanceProfile string            // its name
	SpotPrice          string            // US dollars an hour, or "auto"; "" or "0" is an on-demand instance
	SpotTags           map[string]string // the user's further tags, for the Spot request
	EBSOptimized       bool
	Metadata           Metadata
	Placement          Placement
}

// A Plan is a request that passed all preflight checks.
type Plan struct {
	Request
	Account string
	Region  string
	Image   Image
	Types   []Type // in the order in which they are tried
	VPC     string
	Subnets []Subnet // in the order in which they are tried for each type

	// SourceUnknown is why the temporary group lets any address in; nil if the user
	// wants that, or if it doesn't.
	SourceUnknown error

	// Launched, if set, is called with each instance that EC2 accepts: more than one
	// if the first ends before it runs.
	Launched func(*Instance)

	openings []types.IpPermission // of the temporary security group
}

// A Type is an instance type that runs the image.
type Type struct {
	Name      string
	VCPUs     int32
	MemoryMiB int64
	Zones     []string // those with one of the plan's subnets in which it is offered
}

// A Subnet is a place for an instance.
type Subnet struct {
	ID       string
	Zone     string
	CIDR     string
	Free     int32 // addresses
	PublicIP bool  // an instance gets a public address
}

// NewPlan asks AWS everything about a launch that can be asked without creating
// anything, and returns all problems at once.
func NewPlan(ctx context.Context, s *cloud.Session, request Request) (*Plan, error) {
	plan := &Plan{Request: request, Region: s.Region}
	var err error
	plan.Account, err = s.Preflight(ctx, func(ctx context.Context) error {
		return errors.Join(
			request.Check(),
			planImage(ctx, s, plan),
			planNetwork(ctx, s, plan),
			planGroups(ctx, s, plan),
			planTypes(ctx, s, plan),
		)
	})
	if err != nil {
		return nil, err
	}
	return plan, nil
}

// maxUserData is EC2's limit in bytes, before base64
// (https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/user-data.html).
const maxUserData = 16 << 10

// Check checks the request by itself, without asking AWS.
func (r *Request) Check() error {
	var errs []error
	if n := len(r.UserData); n > maxUserData {
		errs = append(errs, fmt.Errorf("{UserData} has %d bytes: it must have at most %d; let the guest fetch the rest", n, maxUserData))
	}
	if strings.HasPrefix(r.IAMInstanceProfile, "arn:") {
		errs = append(errs, fmt.Errorf("{IAMInstanceProfile} is %q: specify the profile's name, the last part of its ARN", r.IAMInstanceProfile))
	}
	if price, err := strconv.ParseFloat(r.SpotPrice, 64); r.spot() && r.SpotPrice != "auto" && (err != nil || !(price > 0) || math.IsInf(price, 0)) {
		errs = append(errs, fmt.Errorf("{SpotPrice} is %q: specify US dollars per hour, such as 0.02, or auto", r.SpotPrice))
	}
	if len(r.SpotTags) > 0 && !r.spot() {
		errs = append(errs, errors.New("{SpotTags} are set, but no Spot Instance is requested: set {SpotPrice}, for example to auto"))
	}
	return errors.Join(append(errs, r.checkMetadata(), r.checkPlacement())...)
}

// spot reports whether a spot instance is wanted. Price 0 has meant on-demand
// since packer-plugin-amazon.
func (r *Request) spot() bool { return r.SpotPrice != "" && r.SpotPrice != "0" }

// String describes the launch in one line.
func (p *Plan) String() string {
	first := p.Types[0]
	as := fmt.Sprintf("%s (%d MiB)", first.Name, first.MemoryMiB)
	if more := len(p.Types) - 1; more > 0 {
		as += fmt.Sprintf(" or one of %d others", more)
	}
	place := p.VPC
	if len(p.Subnets) == 1 {
		place = p.Subnets[0].ID + " of " + p.VPC
	}
	return fmt.Sprintf("%s, %s %s, as %s in %s", p.ImageID, p.Image.Virtualization, p.Image.Architecture, as, place)
}
