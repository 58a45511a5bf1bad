package ami_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/google/go-cmp/cmp"

	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2"
	"github.com/unikernel-ami/packer-plugin-unikernel/internal/ami"
	"github.com/unikernel-ami/packer-plugin-unikernel/internal/cloud"
	"github.com/unikernel-ami/packer-plugin-unikernel/internal/cloudtest"
)

func TestSplitName(t *testing.T) {
	for name, want := range map[string][2]string{
		"web-prod-1.4.0":                           {"web-prod", "1.4.0"},
		"web-prod-v2":                              {"web-prod", "v2"},
		"web-prod-1764000000":                      {"web-prod", "1764000000"},
		"web-20260102-030405":                      {"web", "20260102-030405"},
		"web-2026-01-02T03.04.05Z":                 {"web", "2026-01-02T03.04.05Z"},
		"web 0badcafe-dead-beef-aaaa-abcdefabcdef": {"web", "0badcafe-dead-beef-aaaa-abcdefabcdef"},
		"web-cafebabe-dead-beef-aaaa-abcdefabcdef": {"web", "cafebabe-dead-beef-aaaa-abcdefabcdef"},
		"web2-prod":                                {"web2-prod", ""},
		"web-prod":                                 {"web-prod", ""},
		"1.2.3":                                    {"1", "2.3"},
		"web-1-canary":                             {"web-1-canary", ""},
		"web-canary-12":                            {"web-canary", "12"},
	} {
		if family, version := ami.SplitName(name); family != want[0] || version != want[1] {
			t.Errorf("%s: %q and %q, want %q", name, family, version, want)
		}
	}
}

// releases are n images, newest first, one a day.
func releases(n int, now time.Time) []types.Image {
	var all []types.Image
	for i := range n {
		all = append(all, types.Image{
			ImageId: aws.String(fmt.Sprint("ami-", i)), CreationDate: aws.String(now.Add(-time.Duration(i) * 24 * time.Hour).UTC().Format("2006-01-02T15:04:05.000Z")),
		})
	}
	return all
}

func TestExpired(t *testing.T) {
	now := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	for _, test := range []struct {
		rule ami.Retention
		id   string
		want []string
	}{
		{ami.Retention{Releases: 3}, "ami-0", []string{"ami-5", "ami-4", "ami-3"}},
		{ami.Retention{Releases: 9}, "ami-0", nil},
		{ami.Retention{Days: 3}, "ami-0", []string{"ami-5", "ami-4"}},
		{ami.Retention{Releases: 5, Days: 3}, "ami-0", []string{"ami-5"}},
		{ami.Retention{Releases: 2, Days: 4}, "ami-0", []string{"ami-5"}},
		{ami.Retention{Releases: 1}, "ami-3", []string{"ami-5", "ami-4"}}, // an older AMI is released again
		{ami.Retention{Releases: 1}, "ami-9", nil},                        // not of the family
	} {
		var got []string
		for _, image := range test.rule.Expired(releases(6, now), test.id, now) {
			got = append(got, *image.ImageId)
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%+v from %s: %s", test.rule, test.id, diff)
		}
	}
}

// Grant adds what is missing, and Undo withdraws that and nothing else.
func TestGrantAndUndo(t *testing.T) {
	for _, fault := range []string{"", "ModifyImageAttribute=cut-after,nth=2", "ModifySnapshotAttribute=cut-after,nth=1"} {
		server, s := cloudtest.Start(t, localec2.Options{}, "us-east-1")
		image, snap, err := cloudtest.Bake(t.Context(), s, cloudtest.NewMemoryDisk(t, 0), &cloud.Ledger{})
		if err != nil {
			t.Fatal(err)
		}
		if err := ami.Share(t.Context(), s, image, nil, ami.Permissions{Users: []string{"111122223333"}}); err != nil {
			t.Fatal(err)
		}
		if fault != "" {
			cloudtest.Inject(t, server, fault)
		}
		wanted := ami.Permissions{Users: []string{"111122223333", "444455556666"}, Groups: []string{"all"}, SnapshotUsers: []string{"444455556666"}}
		var ledger cloud.Ledger
		for _, want := range []int{3, 0} { // the second time, everything is there
			if added, err := ami.Grant(t.Context(), s, image, []string{snap}, wanted, &ledger); err != nil || added != want {
				t.Fatalf("%s: added %d, error %v", fault, added, err)
			}
		}
		launch, volumes := shared(t, s, image, snap)
		if len(launch) != 3 || len(volumes) != 1 {
			t.Errorf("%s: shared with %v and %v", fault, launch, volumes)
		}
		if _, err := ledger.Undo(t.Context()); err != nil {
			t.Error(err)
		}
		launch, volumes = shared(t, s, image, snap)
		if diff := cmp.Diff([]string{"111122223333"}, launch); diff != "" || len(volumes) != 0 {
			t.Errorf("%s: after Undo %v and %v", fault, launch, volumes)
		}
	}
}

func TestDeprecateAndUndo(t *testing.T) {
	for _, fault := range []string{"", "EnableImageDeprecation=cut-after,nth=1"} {
		server, s := cloudtest.Start(t, localec2.Options{}, "us-east-1")
		id, _, err := cloudtest.Bake(t.Context(), s, cloudtest.NewMemoryDisk(t, 0), &cloud.Ledger{})
		if err != nil {
			t.Fatal(err)
		}
		if fault != "" {
			cloudtest.Inject(t, server, fault)
		}
		describe := func() types.Image {
			images, err := ami.Describe(t.Context(), s, &ec2.DescribeImagesInput{ImageIds: []string{id}})
			if err != nil {
				t.Fatal(err)
			}
			return images[0]
		}
		later, sooner := ami.Soon().Add(time.Hour), ami.Soon()
		if _, err := ami.Deprecate(t.Context(), s, describe(), later, &cloud.Ledger{}); err != nil {
			t.Fatal(err)
		}
		var ledger cloud.Ledger
		for _, want := range []bool{true, false} {
			if changed, err := ami.Deprecate(t.Context(), s, describe(), sooner, &ledger); err != nil || changed != want {
				t.Errorf("%s: changed %t, error %v", fault, changed, err)
			}
		}
		if _, err := ledger.Undo(t.Context()); err != nil {
			t.Error(err)
		}
		if got, want := aws.ToString(describe().DeprecationTime), later.Format("2006-01-02T15:04:05.000Z"); got != want {
			t.Errorf("%s: after Undo %s, want %s", fault, got, want)
		}
	}
}
