package instance

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/google/go-cmp/cmp"

	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2"
	"github.com/unikernel-ami/packer-plugin-unikernel/internal/ami"
	"github.com/unikernel-ami/packer-plugin-unikernel/internal/cloud"
	"github.com/unikernel-ami/packer-plugin-unikernel/internal/cloudtest"
)

// typeText shows the types of a plan, as NAME=MEMORY.
func typeText(plan *Plan) string {
	var words []string
	for _, t := range plan.Types {
		words = append(words, fmt.Sprintf("%s=%d", t.Name, t.MemoryMiB))
	}
	return strings.Join(words, " ")
}

func TestPlanOfALaunchByDefault(t *testing.T) {
	server, s, r := startLaunch(t, localec2.Options{})
	r.MaxMemoryMiB = 4096
	before := server.Resources()
	plan := planned(t, s, r)
	if diff := cmp.Diff(before, server.Resources()); diff != "" {
		t.Errorf("the plan has changed something: %s", diff)
	}
	if got, want := typeText(plan), "t1.micro=627 m1.small=1740 m1.medium=3788 m3.medium=3840 c1.medium=1740 c3.large=3840"; got != want {
		t.Errorf("types %s; want %s", got, want)
	}
	zones := map[string]bool{}
	for _, subnet := range plan.Subnets {
		zones[subnet.Zone] = true
		if !subnet.PublicIP || subnet.Free < 4000 || !strings.HasPrefix(subnet.CIDR, "172.31.") {
			t.Errorf("default subnet %+v", subnet)
		}
	}
	if len(zones) < 2 || len(zones) != len(plan.Subnets) || len(plan.Types[0].Zones) != len(zones) {
		t.Errorf("%d subnets in %d zones, and %s is in %v", len(plan.Subnets), len(zones), plan.Types[0].Name, plan.Types[0].Zones)
	}
	if image := plan.Image; plan.Account != "123456789012" || image.Owner != plan.Account || image.Name != "web-dev" || image.Virtualization != "paravirtual" ||
		image.Architecture != "x86_64" || image.KernelID != "aki-5c21674b" || image.RootDevice != "/dev/sda1" || image.Tags[cloud.SystemTag] != "mirage" {
		t.Errorf("image %+v", image)
	}
	if got := plan.String(); got != r.ImageID+", paravirtual x86_64, as t1.micro (627 MiB) or one of 5 others in "+plan.VPC {
		t.Errorf("shown as %s", got)
	}
}

func TestPlanOfALaunchTakesTheMemoryLimitFromTheAMI(t *testing.T) {
	_, s, r := startLaunch(t, localec2.Options{})
	for _, test := range []struct {
		tag  string
		most int64
		want string
	}{
		{"2048", 0, "t1.micro=627 m1.small=1740 c1.medium=1740"},
		{"2048", 1000, "t1.micro=627"},
		{"many", 0, `"many" is not a number of MiB`},
	} {
		if err := ami.Tag(t.Context(), s, r.ImageID, map[string]string{cloud.MaxMemoryTag: test.tag}); err != nil {
			t.Fatal(err)
		}
		r.MaxMemoryMiB = test.most
		plan, err := NewPlan(t.Context(), s, r)
		if err != nil {
			cloudtest.WantError(t, err, test.want)
		} else if got := typeText(plan); got != test.want {
			t.Errorf("tag %s, limit %d: %s; want %s", test.tag, test.most, got, test.want)
		}
	}
}

// EC2 cuts long lists into pages as it likes.
func TestPlanOfALaunchReadsAllPages(t *testing.T) {
	_, s, r := startLaunch(t, localec2.Options{})
	want := planned(t, s, r)
	pages := map[string]int{}
	cloudtest.HookCalls(s, func(action string, request *http.Request, send cloudtest.Send) (*http.Response, error) {
		form, err := cloudtest.Form(request)
		if err != nil {
			return nil, err
		}
		if strings.HasPrefix(action, "Describe") && action != "DescribeImages" {
			form.Set("MaxResults", "5")
			cloudtest.SetForm(request, form)
		}
		pages[action]++
		return send(request)
	})
	got := planned(t, s, r)
	if diff := cmp.Diff(want.Types, got.Types); diff != "" {
		t.Error(diff)
	}
	if len(got.Subnets) != len(want.Subnets) {
		t.Errorf("%d subnets; want %d", len(got.Subnets), len(want.Subnets))
	}
	if pages["DescribeInstanceTypes"] < 2 || pages["DescribeInstanceTypeOfferings"] < 2 || pages["DescribeSubnets"] < 2 {
		t.Errorf("pages: %v", pages)
	}
}

func TestPlanOfALaunchRefuses(t *testing.T) {
	_, s, good := startLaunch(t, localec2.Options{})
	hvm := cloudtest.RegisterAs(t, s, ec2.RegisterImageInput{Name: aws.String("hvm"), Architecture: "x86_64", VirtualizationType: aws.String("hvm")})
	narrow := cloudtest.RegisterAs(t, s, ec2.RegisterImageInput{Name: aws.String("i386"), Architecture: "i386", VirtualizationType: aws.String("paravirtual"), KernelId: aws.String("aki-8f9dcae6")})
	for _, test := range []struct {
		name   string
		change func(*Request)
		want   []string
	}{
		{"unknown AMI", func(r *Request) { r.ImageID = "ami-00000000" }, []string{`look up "ami-00000000": us-east-1 has no such AMI: check {ImageID} and the region`}},
		{"no AMI id", func(r *Request) { r.ImageID = "web" }, []string{`look up "web": us-east-1 has no such AMI`}},
		{"a kernel", func(r *Request) { r.ImageID = "aki-919dcaf8" }, []string{"it is a kernel image: {ImageID} must be an AMI"}},
		{"unknown type", func(r *Request) { r.InstanceTypes = []string{"m1.small", "m1.tiny", "m9.*"} }, []string{"us-east-1 has no m1.tiny", "us-east-1 has no m9.*"}},
		{"type of HVM", func(r *Request) { r.InstanceTypes = []string{"m5.large"} }, []string{"m5.large doesn't run paravirtual images such as " + good.ImageID}},
		{"type of PV", func(r *Request) { r.ImageID, r.InstanceTypes = hvm, []string{"m1.small"} }, []string{"m1.small doesn't run hvm images"}},
		{"type of 64 bits", func(r *Request) { r.ImageID, r.InstanceTypes = narrow, []string{"m3.medium"} }, []string{"m3.medium doesn't run i386 images"}},
		{"too much memory", func(r *Request) { r.MaxMemoryMiB, r.InstanceTypes = 2048, []string{"t1.micro", "m3.medium"} }, []string{"m3.medium has 3840 MiB of memory, and this image supports at most 2048: remove it"}},
		{"too little memory everywhere", func(r *Request) { r.MaxMemoryMiB = 64 }, []string{"us-east-1 has none that runs paravirtual x86_64 images in 64 MiB or less"}},
		{"unknown subnet", func(r *Request) { r.SubnetID = "subnet-00000000" }, []string{"look up {SubnetID} subnet-00000000: us-east-1 has no such subnet"}},
		{"ill-formed subnet", func(r *Request) { r.SubnetID = "web" }, []string{"look up {SubnetID} web: us-east-1 has no such subnet"}},
		{"subnet cloud.Filter", func(r *Request) { r.SubnetFilter = map[string]string{"tag:Name": "x", "tag:Tier": "y"} }, []string{"a subnet by {SubnetFilter} tag:Name=x, tag:Tier=y: us-east-1 has no such subnet"}},
		{"wrong filter", func(r *Request) { r.SubnetFilter = map[string]string{"name": "x"} }, []string{"{SubnetFilter} name=x", "The filter 'name' is invalid"}},
		{"unknown VPC", func(r *Request) { r.VPCID = "vpc-00000000" }, []string{"look up a subnet of vpc-00000000: us-east-1 has no such subnet"}},
		{"VPC cloud.Filter", func(r *Request) { r.VPCFilter = map[string]string{"tag:Name": "x"} }, []string{"{VPCFilter} tag:Name=x matches no VPC in us-east-1"}},
		{"unknown zone", func(r *Request) { r.AvailabilityZone = "us-east-1z" }, []string{"the default VPC, in {AvailabilityZone} us-east-1z: us-east-1 has no such subnet"}},
		{"private address elsewhere", func(r *Request) { r.PrivateIP = "10.0.0.5" }, []string{"{PrivateIP} 10.0.0.5 is in none of the subnets 172.31.0.0/20 (subnet-"}},
		{"reserved private address", func(r *Request) { r.PrivateIP = "172.31.16.3" }, []string{"{PrivateIP} 172.31.16.3: AWS reserves the first four addresses of 172.31.16.0/20 and the last"}},
		{"ill-formed private address", func(r *Request) { r.PrivateIP = "::1" }, []string{`{PrivateIP} is "::1": specify an IPv4 address`}},
		{"unknown groups", func(r *Request) { r.SecurityGroupIDs = []string{"sg-00000000", "web"} }, []string{`us-east-1 has no group "sg-00000000"`, `us-east-1 has no group "web"`}},
		{"no CIDR block", func(r *Request) { r.SourceCIDRs = []string{"10.0.0.1", "anywhere"} }, []string{`"10.0.0.1" is not a CIDR block`, `"anywhere" is not a CIDR block`}},
		{"groups that no filter finds", func(r *Request) { r.SecurityGroupFilter = map[string]string{"tag:Class": "none"} }, []string{"look up {SecurityGroupFilter}: tag:Class=none matches no group of vpc-"}},
		{"tags of a Spot request alone", func(r *Request) { r.SpotTags = map[string]string{"a": "b"} }, []string{"{SpotTags} are set, but no Spot Instance is requested"}},
		{"types that can't be EBS-optimized", func(r *Request) { r.InstanceTypes, r.EBSOptimized = []string{"m1.small"}, true }, []string{"m1.small can't be EBS-optimized"}},
		{"the metadata service", func(r *Request) {
			r.Metadata, r.Tags = Metadata{"on", "always", 65, "enabled"}, map[string]string{"a b": "", "_index": "", "Class": ""}
		}, []string{`{MetadataEndpoint} is "on": use enabled or disabled`, `{MetadataTokens} is "always"`, "{MetadataHopLimit} is 65: it must be 1 to 64", `the key "a b"`, `the key "_index"`}},
		{"hosts", func(r *Request) {
			r.Placement, r.SpotPrice = Placement{"dedicated", "h-1", "arn:1", "loose"}, "auto"
		}, []string{"{HostID} and {HostResourceGroupARN} are both set", `{Tenancy} is "dedicated", but a Dedicated Host`, `{Affinity} is "loose": use default or host`, "Spot Instances can't run on a Dedicated Host"}},
		{"no host", func(r *Request) { r.Placement = Placement{Tenancy: "alone", Affinity: "host"} }, []string{`{Tenancy} is "alone": use default, dedicated or host`, `{Affinity} is "host" without a Dedicated Host`}},
		{"unknown protocol", func(r *Request) { r.Ports = []Port{{"sctp", 1}} }, []string{`protocol "sctp" is not tcp, udp, or icmp`}},
		{"user data", func(r *Request) { r.UserData = make([]byte, 16385) }, []string{"{UserData} has 16385 bytes: it must have at most 16384"}},
		{"profile by ARN", func(r *Request) { r.IAMInstanceProfile = "arn:aws:iam::1:instance-profile/web" }, []string{"{IAMInstanceProfile} is \"arn:"}},
		{"price", func(r *Request) { r.SpotPrice = "cheap" }, []string{`{SpotPrice} is "cheap"`}},
		{"no price", func(r *Request) { r.SpotPrice = "NaN" }, []string{`{SpotPrice} is "NaN"`}},
		{"all at once", func(r *Request) {
			r.ImageID, r.SubnetID, r.SecurityGroupIDs, r.InstanceTypes, r.SpotPrice = "ami-00000000", "subnet-00000000", []string{"sg-00000000"}, []string{"m1.tiny"}, "-1"
		}, []string{"no such AMI", "no such subnet", "no group", "no m1.tiny", "{SpotPrice}"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := good
			test.change(&r)
			_, err := NewPlan(t.Context(), s, r)
			cloudtest.WantError(t, err, test.want...)
		})
	}
}

func TestPlanOfALaunchWaitsForTheAMI(t *testing.T) {
	_, s, r := startLaunch(t, localec2.Options{})
	unseen := 2
	cloudtest.HookCalls(s, func(action string, request *http.Request, send cloudtest.Send) (*http.Response, error) {
		if action == "DescribeImages" && unseen > 0 {
			unseen--
			form, err := cloudtest.Form(request)
			if err != nil {
				return nil, err
			}
			form.Set("ImageId.1", "ami-00000000")
			cloudtest.SetForm(request, form)
		}
		return send(request)
	})
	planned(t, s, r)
}

func TestPlanOfALaunchOfAnHVMImage(t *testing.T) {
	_, s, r := startLaunch(t, localec2.Options{})
	r.ImageID = cloudtest.RegisterAs(t, s, ec2.RegisterImageInput{Name: aws.String("hvm"), Architecture: "x86_64", VirtualizationType: aws.String("hvm")})
	if got, want := typeText(planned(t, s, r)), "t2.nano=512 t2.micro=1024 t2.small=2048 m3.medium=3840 t3.micro=1024 c3.large=3840"; got != want {
		t.Errorf("types %s; want %s", got, want)
	}
}

func TestPlanOfALaunchInAnotherRegion(t *testing.T) {
	_, s, r := startLaunch(t, localec2.Options{})
	elsewhere := cloudtest.Connect(t, nil, "eu-west-1")
	elsewhere.Waits = s.Waits
	_, err := NewPlan(t.Context(), elsewhere, r)
	cloudtest.WantError(t, err, "eu-west-1 has no such AMI: check {ImageID} and the region")
}

func TestPlanOfALaunchWithTypesOfOtherZones(t *testing.T) {
	_, s, r := startLaunch(t, localec2.Options{})
	only := map[string]string{"t1.micro": "us-east-1c", "m1.small": "us-east-1a"} // zones; all other types are nowhere
	cloudtest.HookCalls(s, func(action string, request *http.Request, send cloudtest.Send) (*http.Response, error) {
		if action != "DescribeInstanceTypeOfferings" {
			return send(request)
		}
		body := "<DescribeInstanceTypeOfferingsResponse><instanceTypeOfferingSet>"
		for name, zone := range only {
			body += fmt.Sprintf("<item><instanceType>%s</instanceType><location>%s</location></item>", name, zone)
		}
		return cloudtest.Answer(body + "</instanceTypeOfferingSet></DescribeInstanceTypeOfferingsResponse>"), nil
	})
	r.AvailabilityZone = "us-east-1a"
	if got := typeText(planned(t, s, r)); got != "m1.small=1740" {
		t.Errorf("types %s", got)
	}
	r.AvailabilityZone, r.InstanceTypes = "us-east-1b", []string{"t1.micro", "m1.small", "m1.medium"}
	_, err := NewPlan(t.Context(), s, r)
	cloudtest.WantError(t, err, "no type that fits is offered in us-east-1b: use another subnet, {AvailabilityZone} or region (t1.micro is in us-east-1c; m1.small is in us-east-1a)")
}

func TestTypesThatFit(t *testing.T) {
	plan := &Plan{Image: Image{ID: "ami-1", Virtualization: "hvm", Architecture: "x86_64", RootDeviceType: "ebs"}}
	nitro := types.InstanceTypeInfo{
		InstanceType:                 "t3.nano",
		SupportedVirtualizationTypes: []types.VirtualizationType{"hvm"},
		SupportedRootDeviceTypes:     []types.RootDeviceType{"ebs"},
		ProcessorInfo:                &types.ProcessorInfo{SupportedArchitectures: []types.ArchitectureType{"x86_64"}},
		NetworkInfo:                  &types.NetworkInfo{EnaSupport: types.EnaSupportRequired},
	}
	cloudtest.WantError(t, plan.fits(nitro), "t3.nano requires an image with ENA support, which ami-1 lacks")
	plan.Image.ena = true
	if err := plan.fits(nitro); err != nil {
		t.Error(err)
	}
	plan.Image.RootDeviceType = "instance-store"
	cloudtest.WantError(t, plan.fits(nitro), "t3.nano doesn't support root devices of type instance-store")
}
