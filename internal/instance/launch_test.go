package instance

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/google/go-cmp/cmp"

	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2"
	"github.com/unikernel-ami/packer-plugin-unikernel/internal/cloud"
	"github.com/unikernel-ami/packer-plugin-unikernel/internal/cloudtest"
)

// launchForms records the RunInstances requests of a session, and optionally
// refuses them.
func launchForms(t *testing.T, s *cloud.Session, refuse bool) *[]url.Values {
	t.Helper()
	var forms []url.Values
	cloudtest.HookCalls(s, func(action string, request *http.Request, send cloudtest.Send) (*http.Response, error) {
		if action == "RunInstances" {
			form, err := cloudtest.Form(request)
			if err != nil {
				return nil, err
			}
			forms = append(forms, form)
		}
		if action == "RunInstances" && refuse {
			refusal := cloudtest.Answer("<Response><Errors><Error><Code>InvalidParameterValue</Code></Error></Errors></Response>")
			refusal.StatusCode = http.StatusBadRequest
			return refusal, nil
		}
		return send(request)
	})
	return &forms
}

func TestLaunchedInstance(t *testing.T) {
	server, s, r := startLaunch(t, localec2.Options{InstancePending: 30 * time.Millisecond})
	r.InstanceTypes, r.AvailabilityZone, r.PrivateIP = []string{"m1.small", "m1.small", "m1.medium"}, "us-east-1b", "172.31.16.77"
	var ledger cloud.Ledger
	in := running(t, s, r, &ledger)
	if in.Type != "m1.small" || in.Zone != "us-east-1b" || in.PrivateIP != "172.31.16.77" || !strings.HasPrefix(in.PublicIP, "127.0.0.") ||
		in.PublicDNS == "" || in.IPv6 != "" || time.Since(in.Launched) > time.Minute || len(in.Refused) > 0 {
		t.Errorf("instance %+v", in)
	}
	left := server.Resources()["us-east-1"]
	want := func(role string) map[string]string {
		return map[string]string{"Name": "smoke test", "Owner": "platform", cloud.BuildTag: "run-1", cloud.RoleTag: role}
	}
	if len(left.Instances) != 1 || len(left.Networks) != 1 {
		t.Fatalf("there are %+v, %+v", left.Instances, left.Networks)
	}
	if diff := cmp.Diff([]map[string]string{want(cloud.RoleInstance), want(cloud.RoleGroup)}, []map[string]string{left.Instances[0].Tags, left.Networks[0].Tags}); diff != "" {
		t.Errorf("tags: %s", diff)
	}
	group := left.Networks[0].ID
	removed, err := ledger.Undo(t.Context())
	if err != nil || !slices.Equal(removed, []string{in.ID, group}) {
		t.Errorf("removed %v, error %v", removed, err)
	}
	noInstanceLeft(t, server)
}

func TestLaunchWithEveryOption(t *testing.T) {
	server, s, r := startLaunch(t, localec2.Options{InstanceProfiles: []string{"web"}})
	r.ImageID = cloudtest.RegisterAs(t, s, ec2.RegisterImageInput{Name: aws.String("hvm"), Architecture: "x86_64", VirtualizationType: aws.String("hvm")})
	r.InstanceTypes, r.IAMInstanceProfile, r.SpotPrice, r.UserData = []string{"t2.micro"}, "web", "0.5", make([]byte, 16384)
	r.AssociatePublicIP = aws.Bool(true)
	var ledger cloud.Ledger
	in := running(t, s, r, &ledger)
	found, err := describeInstance(t.Context(), s, in.ID)
	if err != nil {
		t.Fatal(err)
	}
	if found.IamInstanceProfile == nil || !strings.HasSuffix(*found.IamInstanceProfile.Arn, "/web") || found.InstanceLifecycle != "spot" || in.PublicIP == "" {
		t.Errorf("instance %+v", found)
	}
	if len(found.BlockDeviceMappings) != 1 || !*found.BlockDeviceMappings[0].Ebs.DeleteOnTermination {
		t.Error("its volume would outlive it")
	}
	if _, err := ledger.Undo(t.Context()); err != nil {
		t.Error(err)
	}
	noInstanceLeft(t, server)
}

// The request as EC2 receives it.
func TestLaunchRequestOnTheWire(t *testing.T) {
	_, s, r := startLaunch(t, localec2.Options{})
	r.InstanceTypes, r.AvailabilityZone, r.PrivateIP = []string{"m1.small"}, "us-east-1b", "172.31.16.77"
	r.AssociatePublicIP, r.UserData, r.IAMInstanceProfile, r.SpotPrice = aws.Bool(false), []byte("hello"), "web", "0.02"
	r.SpotTags, r.Metadata, r.Placement = map[string]string{"Pool": "a"}, Metadata{"enabled", "required", 2, "enabled"}, Placement{Tenancy: "dedicated"}
	plan := planned(t, s, r)
	plan.Image.keptDevices = []string{"/dev/sda1"}
	forms := launchForms(t, s, true)
	var ledger cloud.Ledger
	_, err := Launch(t.Context(), s, plan, &ledger)
	cloudtest.WantError(t, err, "launch "+r.ImageID+": m1.small in us-east-1b: ", "InvalidParameterValue")

	form := (*forms)[0]
	group := form.Get("NetworkInterface.1.SecurityGroupId.1")
	if !strings.HasPrefix(group, "sg-") || len(form.Get("ClientToken")) < 20 {
		t.Errorf("group %q, token %q", group, form.Get("ClientToken"))
	}
	want := map[string]string{
		"Action": "RunInstances", "Version": "2016-11-15",
		"ImageId": r.ImageID, "InstanceType": "m1.small", "MinCount": "1", "MaxCount": "1",
		"InstanceInitiatedShutdownBehavior": "terminate", "UserData": "aGVsbG8=", "IamInstanceProfile.Name": "web",
		"MetadataOptions.HttpEndpoint":                                   "enabled",
		"MetadataOptions.HttpTokens":                                     "required",
		"MetadataOptions.HttpPutResponseHopLimit":                        "2",
		"MetadataOptions.InstanceMetadataTags":                           "enabled",
		"Placement.Tenancy":                                              "dedicated",
		"InstanceMarketOptions.MarketType":                               "spot",
		"InstanceMarketOptions.SpotOptions.MaxPrice":                     "0.02",
		"InstanceMarketOptions.SpotOptions.SpotInstanceType":             "one-time",
		"InstanceMarketOptions.SpotOptions.InstanceInterruptionBehavior": "terminate",
		"NetworkInterface.1.DeviceIndex":                                 "0",
		"NetworkInterface.1.SubnetId":                                    plan.Subnets[0].ID,
		"NetworkInterface.1.SecurityGroupId.1":                           group,
		"NetworkInterface.1.AssociatePublicIpAddress":                    "false",
		"NetworkInterface.1.PrivateIpAddress":                            "172.31.16.77",
		"NetworkInterface.1.DeleteOnTermination":                         "true",
		"BlockDeviceMapping.1.DeviceName":                                "/dev/sda1",
		"BlockDeviceMapping.1.Ebs.DeleteOnTermination":                   "true",
	}
	for i, kind := range []string{"instance", "volume", "network-interface", "spot-instances-request"} {
		spec := fmt.Sprintf("TagSpecification.%d.", i+1)
		want[spec+"ResourceType"] = kind
		tags := []string{"Name=smoke test", "Owner=platform", "unikernel:build=run-1", "unikernel:role=test-instance"}
		if kind == "spot-instances-request" {
			tags = slices.Insert(tags, 2, "Pool=a")
		}
		for j, tag := range tags {
			key, value, _ := strings.Cut(tag, "=")
			want[fmt.Sprintf("%sTag.%d.Key", spec, j+1)], want[fmt.Sprintf("%sTag.%d.Value", spec, j+1)] = key, value
		}
	}
	got := map[string]string{}
	for key := range maps.Keys(form) {
		got[key] = form.Get(key)
	}
	delete(got, "ClientToken")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if _, err := ledger.Undo(t.Context()); err != nil {
		t.Error(err)
	}
}

// An account that requires IMDSv2 refuses other launches, with a remedy.
func TestLaunchWhereIMDSv2IsRequired(t *testing.T) {
	server, s, r := startLaunch(t, localec2.Options{})
	if _, err := s.EC2.ModifyInstanceMetadataDefaults(t.Context(), &ec2.ModifyInstanceMetadataDefaultsInput{HttpTokensEnforced: "enabled"}); err != nil {
		t.Fatal(err)
	}
	var ledger cloud.Ledger
	_, err := Launch(t.Context(), s, planned(t, s, r), &ledger)
	cloudtest.WantError(t, err, `set {MetadataTokens} to "required"`, "You can't launch instances with IMDSv1")
	if _, ok := errors.AsType[IMDSError](err); !ok || strings.Contains(err.Error(), "operation error") {
		t.Errorf("error %v", err)
	}
	if _, err := ledger.Undo(t.Context()); err != nil {
		t.Error(err)
	}
	r.RunID, r.Metadata.Tokens = "run-2", "required"
	running(t, s, r, &ledger)
	if _, err := ledger.Undo(t.Context()); err != nil {
		t.Error(err)
	}
	noInstanceLeft(t, server)
}

func TestEBSOptimizedTypes(t *testing.T) {
	_, s, r := startLaunch(t, localec2.Options{})
	r.EBSOptimized = true
	if got, want := typeText(planned(t, s, r)), "m1.large=7680 c3.xlarge=7680"; !strings.HasPrefix(got, want) {
		t.Errorf("types %s; want %s and larger ones", got, want)
	}
}

func TestSpotPrices(t *testing.T) {
	for price, want := range map[string]string{"": "on demand", "0": "on demand", "auto": "at most that on demand", "0.5": "0.5"} {
		plan := &Plan{Request: Request{SpotPrice: price}}
		got := "on demand"
		if market := (place{plan: plan}).input("").InstanceMarketOptions; market != nil {
			got = "at most that on demand"
			if market.SpotOptions.MaxPrice != nil {
				got = *market.SpotOptions.MaxPrice
			}
		}
		if got != want {
			t.Errorf("{SpotPrice} %q: %s; want %s", price, got, want)
		}
	}
}

// What EC2 refuses, and what is tried next.
func TestLaunchFallsThrough(t *testing.T) {
	server, s, r := startLaunch(t, localec2.Options{})
	r.InstanceTypes = []string{"t1.micro", "m1.small"}
	zones := len(planned(t, s, r).Subnets)
	for _, test := range []struct {
		faults []string
		of     string // type of the instance; "" if there is none
		tries  int
		want   []string // in the error, or in the refusals
	}{
		{nil, "t1.micro", 1, nil},
		{[]string{"RunInstances=fail,code=InsufficientInstanceCapacity,status=500,times=1"}, "t1.micro", 2, []string{"t1.micro in us-east-1", "InsufficientInstanceCapacity"}},
		{[]string{fmt.Sprintf("RunInstances=fail,code=InsufficientInstanceCapacity,status=500,times=%d", zones)}, "m1.small", zones + 1, nil},
		{[]string{"RunInstances=fail,code=Unsupported,status=400,times=2"}, "t1.micro", 3, nil},
		{[]string{"RunInstances=fail,code=InsufficientFreeAddressesInSubnet,status=400,times=1"}, "t1.micro", 2, nil},
		{[]string{"RunInstances=fail,code=InsufficientVolumeCapacity,status=500,times=1"}, "t1.micro", 2, nil},
		{[]string{"RunInstances=fail,code=InsufficientAddressCapacity,status=500,times=1"}, "t1.micro", 2, nil},
		{[]string{"RunInstances=fail,code=SpotMaxPriceTooLow,status=400,times=1"}, "t1.micro", 2, nil},
		{[]string{"RunInstances=fail,code=VcpuLimitExceeded,status=400,times=1"}, "m1.small", 2, []string{"t1.micro in us-east-1", "VcpuLimitExceeded"}},
		{[]string{"RunInstances=fail,code=InstanceLimitExceeded,status=400,times=1"}, "m1.small", 2, nil},
		{[]string{"RunInstances=fail,code=MaxSpotInstanceCountExceeded,status=400,times=1"}, "m1.small", 2, nil},
		{[]string{"RunInstances=fail,code=InsufficientInstanceCapacity,status=500"}, "", 2 * zones,
			[]string{"EC2 has no capacity for it: add {InstanceTypes} or a subnet in another zone", "\nInsufficientInstanceCapacity: ", "t1.micro in us-east-1a", "t1.micro in us-east-1b", "m1.small in us-east-1a"}},
		{[]string{"RunInstances=fail,code=VcpuLimitExceeded,status=400"}, "", 2, []string{"t1.micro in us-east-1", "m1.small in us-east-1"}},
		{[]string{"RunInstances=fail,code=Unsupported,status=400,times=1", "RunInstances=refuse"}, "", 2, []string{"Unsupported", "UnauthorizedOperation"}},
		{[]string{"RunInstances=fail,code=InvalidParameterValue,status=400"}, "", 1, []string{"InvalidParameterValue"}},
		{[]string{"RunInstances=fail,code=PendingVerification,status=400"}, "", 1, []string{"PendingVerification"}},
		// EC2 does not know for a moment what was just created.
		{[]string{"RunInstances=fail,code=InvalidGroup.NotFound,status=400,times=2"}, "t1.micro", 3, nil},
		{[]string{"RunInstances=fail,code=InvalidAMIID.NotFound,status=400,times=2"}, "t1.micro", 3, nil},
		// The first answer is lost, and the first attempt has taken the last capacity.
		{[]string{"RunInstances=cut-after,nth=1", "RunInstances=fail,code=InsufficientInstanceCapacity,status=500,from=2"}, "t1.micro", 2, nil},
		// The first attempt is lost, and the second is refused.
		{[]string{"RunInstances=cut,nth=1", "RunInstances=fail,code=InsufficientInstanceCapacity,status=500,nth=2"}, "t1.micro", 3, nil},
	} {
		t.Run(strings.Join(test.faults, " "), func(t *testing.T) {
			s := *s
			forms := launchForms(t, &s, false)
			cloudtest.Inject(t, server, test.faults...)
			defer server.ClearFaults()
			var ledger cloud.Ledger
			in, err := Launch(t.Context(), &s, planned(t, &s, r), &ledger)
			switch {
			case test.of == "":
				cloudtest.WantError(t, err, test.want...)
			case err != nil:
				t.Fatal(err)
			case in.Type != test.of:
				t.Errorf("launched as %s; want %s", in.Type, test.of)
			case len(test.want) > 0:
				cloudtest.WantError(t, errors.Join(in.Refused...), test.want...)
			}
			if len(*forms) != test.tries {
				t.Errorf("%d tries; want %d", len(*forms), test.tries)
			}
			checkTokens(t, *forms)
			if _, err := ledger.Undo(t.Context()); err != nil {
				t.Error(err)
			}
			noInstanceLeft(t, server)
		})
	}
}

// checkTokens checks that different requests have different client tokens.
func checkTokens(t *testing.T, forms []url.Values) {
	t.Helper()
	of := map[string]string{}
	for _, form := range forms {
		token, place := form.Get("ClientToken"), form.Get("InstanceType")+form.Get("NetworkInterface.1.SubnetId")
		if earlier, used := of[token]; used && earlier != place {
			t.Error("one client token for two places")
		}
		of[token] = place
	}
}

func TestLaunchEndsWithItsBudget(t *testing.T) {
	server, s, r := startLaunch(t, localec2.Options{})
	plan := planned(t, s, r)
	s.Waits.Launch = 300 * time.Millisecond
	cloudtest.Inject(t, server, "RunInstances=delay,delay=2s")
	var ledger cloud.Ledger
	_, err := Launch(t.Context(), s, plan, &ledger)
	cloudtest.WantError(t, err, "launch "+r.ImageID+": not done within 300ms: ")
	if _, err := ledger.Undo(t.Context()); err != nil {
		t.Error(err)
	}
	noInstanceLeft(t, server)
}

func TestLaunchInGroupsOfTheUser(t *testing.T) {
	server, s, r := startLaunch(t, localec2.Options{})
	var first cloud.Ledger
	group, err := createGroup(t.Context(), s, planned(t, s, r), &first)
	if err != nil {
		t.Fatal(err)
	}
	r.RunID, r.SecurityGroupIDs, r.Ports = "run-2", []string{group}, nil
	var ledger cloud.Ledger
	in := running(t, s, r, &ledger)
	if ledger.Len() != 1 {
		t.Errorf("%d resources; want the instance alone", ledger.Len())
	}
	if removed, err := ledger.Undo(t.Context()); err != nil || !slices.Equal(removed, []string{in.ID}) {
		t.Errorf("removed %v, error %v", removed, err)
	}
	if _, err := first.Undo(t.Context()); err != nil {
		t.Error(err)
	}
	noInstanceLeft(t, server)
}
