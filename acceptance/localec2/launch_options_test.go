package localec2

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

func TestLaunchOptions(t *testing.T) {
	l := start(t, Options{NoInstances: true, InstanceProfiles: []string{"tester"}})
	ami := l.register("hello", l.snapshot())
	const arn = "arn:aws:iam::123456789012:instance-profile/"
	spot := func(price string) *types.InstanceMarketOptionsRequest {
		return &types.InstanceMarketOptionsRequest{MarketType: types.MarketTypeSpot, SpotOptions: &types.SpotMarketOptions{MaxPrice: &price}}
	}
	device := func(name string, ebs *types.EbsBlockDevice) []types.BlockDeviceMapping {
		return []types.BlockDeviceMapping{{DeviceName: &name, Ebs: ebs}}
	}
	for name, test := range map[string]struct {
		change func(*ec2.RunInstancesInput)
		want   string // a refusal, or what the instance shows
	}{
		"a profile's name": {func(in *ec2.RunInstancesInput) {
			in.IamInstanceProfile = &types.IamInstanceProfileSpecification{Name: aws.String("tester")}
		}, arn + "tester true"},
		"a profile's ARN": {func(in *ec2.RunInstancesInput) {
			in.IamInstanceProfile = &types.IamInstanceProfileSpecification{Arn: aws.String(arn + "tester")}
		}, arn + "tester true"},
		"no such profile": {func(in *ec2.RunInstancesInput) {
			in.IamInstanceProfile = &types.IamInstanceProfileSpecification{Name: aws.String("other")}
		}, "InvalidParameterValue 400"},
		"another account's profile": {func(in *ec2.RunInstancesInput) {
			in.IamInstanceProfile = &types.IamInstanceProfileSpecification{Arn: aws.String("arn:aws:iam::999999999999:instance-profile/tester")}
		}, "InvalidParameterValue 400"},
		"a spot price":          {func(in *ec2.RunInstancesInput) { in.InstanceMarketOptions = spot("0.01") }, "spot true"},
		"a spot price too low":  {func(in *ec2.RunInstancesInput) { in.InstanceMarketOptions = spot("0.0001") }, "SpotMaxPriceTooLow 400"},
		"a spot price of words": {func(in *ec2.RunInstancesInput) { in.InstanceMarketOptions = spot("cheap") }, "InvalidParameterValue 400"},
		"the root volume kept": {func(in *ec2.RunInstancesInput) {
			in.BlockDeviceMappings = device("/dev/sda1", &types.EbsBlockDevice{DeleteOnTermination: aws.Bool(false)})
		}, "false"},
		"another device": {func(in *ec2.RunInstancesInput) {
			in.BlockDeviceMappings = device("/dev/sdb", &types.EbsBlockDevice{DeleteOnTermination: aws.Bool(true)})
		}, "InvalidBlockDeviceMapping 400"},
		"another size": {func(in *ec2.RunInstancesInput) {
			in.BlockDeviceMappings = device("/dev/sda1", &types.EbsBlockDevice{VolumeSize: aws.Int32(8)})
		}, "UnknownParameter 400"},
		"user data":              {func(in *ec2.RunInstancesInput) { in.UserData = aws.String("aGVsbG8=") }, "true"},
		"user data of no base64": {func(in *ec2.RunInstancesInput) { in.UserData = aws.String("hello!") }, "InvalidUserData.Malformed 400"},
	} {
		t.Run(name, func(t *testing.T) {
			in := launching(ami)
			test.change(in)
			out, err := l.ec2.RunInstances(l.ctx, in)
			if strings.HasSuffix(test.want, " 400") {
				wantRefusal(t, err, test.want)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := shownOptions(out.Instances[0]); got != test.want {
				t.Errorf("the instance shows %q, want %q", got, test.want)
			}
		})
	}
}

// shownOptions puts an instance's profile, market and root volume in words.
func shownOptions(in types.Instance) string {
	var words []string
	if in.IamInstanceProfile != nil {
		words = append(words, *in.IamInstanceProfile.Arn)
	}
	if in.SpotInstanceRequestId != nil {
		words = append(words, string(in.InstanceLifecycle))
	}
	if *in.BlockDeviceMappings[0].Ebs.DeleteOnTermination {
		return strings.Join(append(words, "true"), " ")
	}
	return strings.Join(append(words, "false"), " ")
}

// TestInterface launches with an interface's own settings, and finds it.
func TestInterface(t *testing.T) {
	l := start(t, Options{NoInstances: true})
	n := l.ownVPC()
	in := launching(l.register("hello", l.snapshot()))
	in.NetworkInterfaces = []types.InstanceNetworkInterfaceSpecification{{
		DeviceIndex: aws.Int32(0), SubnetId: n.subnet, Groups: []string{*n.group}, PrivateIpAddress: aws.String("10.0.0.10"),
		AssociatePublicIpAddress: aws.Bool(true), DeleteOnTermination: aws.Bool(true),
	}}
	name := []types.Tag{{Key: aws.String("Name"), Value: aws.String("x")}}
	in.TagSpecifications = []types.TagSpecification{
		{ResourceType: "instance", Tags: name}, {ResourceType: "volume", Tags: name}, {ResourceType: "network-interface", Tags: name},
	}
	id := l.launch(in).InstanceId
	find := &ec2.DescribeNetworkInterfacesInput{Filters: []types.Filter{filterBy("tag:Name", "x"), filterBy("group-id", *n.group)}}
	cards := must(l.ec2.DescribeNetworkInterfaces(l.ctx, find))(t).NetworkInterfaces
	if len(cards) != 1 || *cards[0].Attachment.InstanceId != *id || *cards[0].PrivateIpAddress != "10.0.0.10" || cards[0].Association == nil {
		t.Fatalf("found %+v", cards)
	}
	l.settle(id, "running")
	_, err := l.ec2.DeleteSecurityGroup(l.ctx, &ec2.DeleteSecurityGroupInput{GroupId: n.group})
	wantRefusal(t, err, "DependencyViolation 400")
	l.terminate(id)
	l.settle(id, "terminated")
	if left := must(l.ec2.DescribeNetworkInterfaces(l.ctx, find))(t).NetworkInterfaces; len(left) != 0 {
		t.Errorf("after its end there is %+v", left)
	}
	_, err = l.ec2.DescribeNetworkInterfaces(l.ctx, &ec2.DescribeNetworkInterfacesInput{NetworkInterfaceIds: []string{*cards[0].NetworkInterfaceId}})
	wantRefusal(t, err, "InvalidNetworkInterfaceID.NotFound 400")
}

// TestConsoleAfterTermination reads the console of a terminated instance: its
// time is not before the end, and after an hour it is gone.
func TestConsoleAfterTermination(t *testing.T) {
	clk := newClock()
	clk.turn(time.Until(clk.Now()) * -1) // the console's time is real
	l := start(t, Options{NoInstances: true, Now: clk.Now})
	id := l.launch(launching(l.register("hello", l.snapshot()))).InstanceId
	l.settle(id, "running")
	clk.turn(10 * time.Minute)
	l.terminate(id)
	l.settle(id, "terminated")
	clk.turn(59 * time.Minute)
	out := must(l.ec2.GetConsoleOutput(l.ctx, &ec2.GetConsoleOutputInput{InstanceId: id}))(t)
	if age := clk.Now().Sub(*out.Timestamp); *out.Output == "" || age > time.Hour {
		t.Errorf("the console is of %v before now: %q", age, *out.Output)
	}
	clk.turn(2 * time.Minute)
	_, err := l.ec2.GetConsoleOutput(l.ctx, &ec2.GetConsoleOutputInput{InstanceId: id})
	wantRefusal(t, err, "InvalidInstanceID.NotFound 400")
}
