package localec2

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// TestMetadataOptions tests where an instance's options come from: the request,
// the account, the image.
func TestMetadataOptions(t *testing.T) {
	l := start(t, Options{NoInstances: true})
	plain := l.register("plain", l.snapshot())
	modern := *registration("modern", l.snapshot())
	modern.VirtualizationType, modern.KernelId, modern.ImdsSupport = aws.String("hvm"), nil, types.ImdsSupportValuesV20
	v2 := must(l.ec2.RegisterImage(l.ctx, &modern))(t).ImageId
	type defaults = ec2.ModifyInstanceMetadataDefaultsInput
	for _, test := range []struct {
		name    string
		account defaults
		image   *string
		asked   *types.InstanceMetadataOptionsRequest
		want    string
	}{
		{"nothing", defaults{}, plain, nil, "enabled optional 1 disabled"},
		{"the image", defaults{}, v2, nil, "enabled required 2 disabled"},
		{"the request", defaults{}, plain, &types.InstanceMetadataOptionsRequest{HttpEndpoint: "disabled", HttpTokens: "required", HttpPutResponseHopLimit: aws.Int32(64), InstanceMetadataTags: "enabled"}, "disabled required 64 enabled"},
		{"the account", defaults{HttpTokens: "required", HttpPutResponseHopLimit: aws.Int32(3), InstanceMetadataTags: "enabled", HttpEndpoint: "disabled"}, plain, nil, "disabled required 3 enabled"},
		{"the request before the account", defaults{}, plain, &types.InstanceMetadataOptionsRequest{HttpTokens: "optional"}, "disabled optional 3 enabled"},
		{"the account before the image", defaults{HttpTokens: "optional"}, v2, nil, "disabled optional 3 enabled"},
		{"no preference", defaults{HttpTokens: "no-preference", HttpPutResponseHopLimit: aws.Int32(-1), InstanceMetadataTags: "no-preference", HttpEndpoint: "no-preference"}, v2, nil, "enabled required 2 disabled"},
	} {
		t.Run(test.name, func(t *testing.T) {
			must(l.ec2.ModifyInstanceMetadataDefaults(l.ctx, &test.account))(t)
			in := launching(test.image)
			if test.image == v2 {
				in.InstanceType = "t2.micro"
			}
			in.MetadataOptions = test.asked
			got := l.launch(in).MetadataOptions
			if shown := fmt.Sprint(got.HttpEndpoint, " ", got.HttpTokens, " ", *got.HttpPutResponseHopLimit, " ", got.InstanceMetadataTags); shown != test.want || got.State != "applied" {
				t.Errorf("%s, %s; want %s", shown, got.State, test.want)
			}
		})
	}
}

// TestIMDSv2Enforced launches in an account that allows only instances that
// require IMDSv2.
func TestIMDSv2Enforced(t *testing.T) {
	l := start(t, Options{NoInstances: true})
	ami := l.register("hello", l.snapshot())
	must(l.ec2.ModifyInstanceMetadataDefaults(l.ctx, &ec2.ModifyInstanceMetadataDefaultsInput{HttpTokensEnforced: "enabled"}))(t)
	if got := must(l.ec2.GetInstanceMetadataDefaults(l.ctx, &ec2.GetInstanceMetadataDefaultsInput{}))(t).AccountLevel; got.HttpTokensEnforced != "enabled" || got.ManagedBy != "account" {
		t.Errorf("the account has %+v", got)
	}
	in := launching(ami)
	_, err := l.ec2.RunInstances(l.ctx, in)
	wantRefusal(t, err, "UnsupportedOperation 400")
	if !strings.HasPrefix(message(err), "You can't launch instances with IMDSv1 because httpTokensEnforced is enabled for this account.") {
		t.Errorf("the message is %q", message(err))
	}
	in.MetadataOptions = &types.InstanceMetadataOptionsRequest{HttpTokens: "required"}
	l.launch(in)
	ireland := l.as("eu-west-1", "AKIATEST") // the setting is of one region
	web := registration("web", ireland.snapshot())
	web.KernelId = aws.String("aki-dc9ed9af")
	ireland.launch(launching(must(ireland.ec2.RegisterImage(l.ctx, web))(t).ImageId))
}

// TestPlacementAndEBS tests the options for the machine that an instance runs on.
func TestPlacementAndEBS(t *testing.T) {
	l := start(t, Options{NoInstances: true})
	ami := l.register("hello", l.snapshot())
	for name, test := range map[string]struct {
		change func(*ec2.RunInstancesInput)
		want   string
	}{
		"shared":         {func(*ec2.RunInstancesInput) {}, "default false"},
		"dedicated":      {func(in *ec2.RunInstancesInput) { in.Placement = &types.Placement{Tenancy: "dedicated"} }, "dedicated false"},
		"EBS-optimized":  {func(in *ec2.RunInstancesInput) { in.InstanceType, in.EbsOptimized = "m1.large", aws.Bool(true) }, "default true"},
		"too small":      {func(in *ec2.RunInstancesInput) { in.EbsOptimized = aws.Bool(true) }, "Unsupported 400"},
		"host":           {func(in *ec2.RunInstancesInput) { in.Placement = &types.Placement{Tenancy: "host"} }, "InsufficientHostCapacity 400"},
		"no such host":   {func(in *ec2.RunInstancesInput) { in.Placement = placedOn("h-0123456789abcdef0", "") }, "InvalidHostID.NotFound 400"},
		"no host":        {func(in *ec2.RunInstancesInput) { in.Placement = placedOn("host1", "") }, "InvalidHostID.Malformed 400"},
		"shared host":    {func(in *ec2.RunInstancesInput) { in.Placement = placedOn("h-01234567", "dedicated") }, "InvalidParameterCombination 400"},
		"affinity alone": {func(in *ec2.RunInstancesInput) { in.Placement = &types.Placement{Affinity: aws.String("host")} }, "InvalidParameterCombination 400"},
		"other tenancy":  {func(in *ec2.RunInstancesInput) { in.Placement = &types.Placement{Tenancy: "alone"} }, "InvalidParameterValue 400"},
		"two hosts": {func(in *ec2.RunInstancesInput) {
			in.Placement = &types.Placement{HostId: aws.String("h-01234567"), HostResourceGroupArn: aws.String("arn:aws:resource-groups:us-east-1:123456789012:group/a")}
		}, "InvalidParameterCombination 400"},
		"hops": {func(in *ec2.RunInstancesInput) {
			in.MetadataOptions = &types.InstanceMetadataOptionsRequest{HttpPutResponseHopLimit: aws.Int32(65)}
		}, "InvalidParameterValue 400"},
		"tokens": {func(in *ec2.RunInstancesInput) {
			in.MetadataOptions = &types.InstanceMetadataOptionsRequest{HttpTokens: "always"}
		}, "InvalidParameterValue 400"},
		"a tag that metadata can't show": {func(in *ec2.RunInstancesInput) {
			in.MetadataOptions = &types.InstanceMetadataOptionsRequest{InstanceMetadataTags: "enabled"}
			in.TagSpecifications = []types.TagSpecification{{ResourceType: "instance", Tags: []types.Tag{{Key: aws.String("a b"), Value: aws.String("")}}}}
		}, "InvalidParameterValue 400"},
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
			if got := fmt.Sprint(out.Instances[0].Placement.Tenancy, " ", *out.Instances[0].EbsOptimized); got != test.want {
				t.Errorf("%s; want %s", got, test.want)
			}
		})
	}
}

func placedOn(host string, tenancy types.Tenancy) *types.Placement {
	return &types.Placement{HostId: &host, Tenancy: tenancy}
}
