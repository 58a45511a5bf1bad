package localec2

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// TestLaunchRefusals makes launches that AWS rejects, each with one mistake.
func TestLaunchRefusals(t *testing.T) {
	l := start(t, Options{NoInstances: true})
	ami := l.register("hello", l.snapshot())
	whole := *registration("hvm", l.snapshot())
	whole.VirtualizationType, whole.KernelId = aws.String("hvm"), nil
	hvmAMI := must(l.ec2.RegisterImage(l.ctx, &whole))(t).ImageId
	own := l.ownVPC()
	l.launch(&ec2.RunInstancesInput{
		ImageId: ami, InstanceType: "m1.small", MinCount: aws.Int32(1), MaxCount: aws.Int32(1),
		SubnetId: own.subnet, PrivateIpAddress: aws.String("10.0.0.9"),
	})
	for _, test := range []struct {
		name, want string
		edit       func(*ec2.RunInstancesInput)
	}{
		{"HVM-only type", "InvalidParameterCombination 400", func(in *ec2.RunInstancesInput) { in.InstanceType = "t2.micro" }},
		{"PV-only type", "InvalidParameterCombination 400", func(in *ec2.RunInstancesInput) { in.ImageId = hvmAMI }},
		{"unknown type", "InvalidParameterValue 400", func(in *ec2.RunInstancesInput) { in.InstanceType = "m9.tiny" }},
		{"unknown image", "InvalidAMIID.NotFound 400", func(in *ec2.RunInstancesInput) { in.ImageId = aws.String("ami-12345678") }},
		{"image that is none", "InvalidAMIID.Malformed 400", func(in *ec2.RunInstancesInput) { in.ImageId = aws.String("hello") }},
		{"kernel as image", "InvalidAMIID.Malformed 400", func(in *ec2.RunInstancesInput) { in.ImageId = aws.String("aki-5c21674b") }},
		{"unknown kernel", "InvalidAMIID.NotFound 400", func(in *ec2.RunInstancesInput) { in.KernelId = aws.String("aki-12345678") }},
		{"kernel of 32 bits", "InvalidParameterCombination 400", func(in *ec2.RunInstancesInput) { in.KernelId = aws.String("aki-04206613") }},
		{"unknown subnet", "InvalidSubnetID.NotFound 400", func(in *ec2.RunInstancesInput) { in.SubnetId = aws.String("subnet-12345678") }},
		{"unknown group", "InvalidGroup.NotFound 400", func(in *ec2.RunInstancesInput) { in.SecurityGroupIds = []string{"sg-12345678"} }},
		{"group of another VPC", "InvalidParameter 400", func(in *ec2.RunInstancesInput) { in.SecurityGroupIds = []string{*own.group} }},
		{"unknown group name", "InvalidGroup.NotFound 400", func(in *ec2.RunInstancesInput) { in.SecurityGroups = []string{"nobody"} }},
		{"none at least", "InvalidParameterValue 400", func(in *ec2.RunInstancesInput) { in.MinCount = aws.Int32(0) }},
		{"more at least than at most", "InvalidParameterValue 400", func(in *ec2.RunInstancesInput) { in.MinCount = aws.Int32(2) }},
		{"over the quota", "InstanceLimitExceeded 400", func(in *ec2.RunInstancesInput) { in.MinCount, in.MaxCount = aws.Int32(21), aws.Int32(21) }},
		{"address of the router", "InvalidParameterValue 400", func(in *ec2.RunInstancesInput) { in.SubnetId, in.PrivateIpAddress = own.subnet, aws.String("10.0.0.1") }},
		{"last reserved address", "InvalidParameterValue 400", func(in *ec2.RunInstancesInput) { in.SubnetId, in.PrivateIpAddress = own.subnet, aws.String("10.0.0.3") }},
		{"broadcast address", "InvalidParameterValue 400", func(in *ec2.RunInstancesInput) {
			in.SubnetId, in.PrivateIpAddress = own.subnet, aws.String("10.0.0.255")
		}},
		{"address outside", "InvalidParameterValue 400", func(in *ec2.RunInstancesInput) { in.SubnetId, in.PrivateIpAddress = own.subnet, aws.String("10.0.1.9") }},
		{"address in use", "InvalidIPAddress.InUse 400", func(in *ec2.RunInstancesInput) { in.SubnetId, in.PrivateIpAddress = own.subnet, aws.String("10.0.0.9") }},
		{"one address for two", "InvalidParameterCombination 400", func(in *ec2.RunInstancesInput) {
			in.SubnetId, in.PrivateIpAddress, in.MaxCount = own.subnet, aws.String("10.0.0.10"), aws.Int32(2)
		}},
		{"subnet twice", "InvalidParameterCombination 400", func(in *ec2.RunInstancesInput) {
			in.SubnetId = own.subnet
			in.NetworkInterfaces = []types.InstanceNetworkInterfaceSpecification{{DeviceIndex: aws.Int32(0), SubnetId: own.subnet}}
		}},
		{"unknown key", "InvalidKeyPair.NotFound 400", func(in *ec2.RunInstancesInput) { in.KeyName = aws.String("mine") }},
		{"user data that isn't base64", "InvalidUserData.Malformed 400", func(in *ec2.RunInstancesInput) { in.UserData = aws.String("***") }},
		{"dry run", "DryRunOperation 412", func(in *ec2.RunInstancesInput) { in.DryRun = aws.Bool(true) }},
	} {
		t.Run(test.name, func(t *testing.T) {
			in := launching(ami)
			test.edit(in)
			_, err := l.ec2.RunInstances(l.ctx, in)
			wantRefusal(t, err, test.want)
		})
	}
	in := launching(ami)
	in.InstanceType = "t2.micro"
	_, err := l.ec2.RunInstances(l.ctx, in)
	if want := "Virtualization type 'hvm' is required for instances of type 't2.micro'. Ensure that you are using an AMI with virtualization type 'hvm'."; !strings.HasPrefix(message(err), want) {
		t.Errorf("the message is %q", message(err))
	}
	if got := len(l.Resources()["us-east-1"].Instances); got != 1 {
		t.Errorf("%d instances, want the one that was launched", got)
	}
}

// TestRegionsWithoutPV tests regions with few or no paravirtual types.
func TestRegionsWithoutPV(t *testing.T) {
	l := start(t, Options{NoInstances: true})
	offered := func(region, kind string) int {
		t.Helper()
		out := must(l.as(region, "AKIATEST").ec2.DescribeInstanceTypeOfferings(l.ctx, &ec2.DescribeInstanceTypeOfferingsInput{
			LocationType: "availability-zone", Filters: []types.Filter{filterBy("instance-type", kind)},
		}))(t)
		return len(out.InstanceTypeOfferings)
	}
	for _, test := range []struct {
		region, kind string
		want         int
	}{{"us-east-1", "m1.small", 6}, {"eu-central-1", "m1.small", 0}, {"eu-central-1", "m3.medium", 3}, {"us-east-2", "m3.medium", 0}} {
		if got := offered(test.region, test.kind); got != test.want {
			t.Errorf("%s has %s in %d zones, want %d", test.region, test.kind, got, test.want)
		}
	}
	frankfurt := l.as("eu-central-1", "AKIATEST")
	in := registration("hello", frankfurt.snapshot())
	in.KernelId = aws.String("aki-931fe3fc")
	ami := must(frankfurt.ec2.RegisterImage(l.ctx, in))(t).ImageId
	_, err := frankfurt.ec2.RunInstances(l.ctx, launching(ami))
	wantRefusal(t, err, "Unsupported 400")
}
