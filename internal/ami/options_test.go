package ami_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2"
	"github.com/unikernel-ami/packer-plugin-unikernel/internal/ami"
	"github.com/unikernel-ami/packer-plugin-unikernel/internal/cloud"
	"github.com/unikernel-ami/packer-plugin-unikernel/internal/cloudtest"
	"github.com/unikernel-ami/packer-plugin-unikernel/internal/snapshot"
)

const key = "1234abcd-12ab-34cd-56ef-1234567890ab"

func TestVolumeLimits(t *testing.T) {
	for _, test := range []struct {
		volume ami.Volume
		want   string // "" if it is fine as a root
	}{
		{ami.Volume{VolumeType: "gp2", VolumeSize: 16384}, ""},
		{ami.Volume{VolumeType: "gp2", VolumeSize: 16385}, "1 to 16384 GiB"},
		{ami.Volume{VolumeType: "gp3", VolumeSize: 8, IOPS: 4000, Throughput: 1000}, ""},
		{ami.Volume{VolumeType: "gp3", VolumeSize: 8, IOPS: 4000, Throughput: 1001}, "set {IOPS} to at least 4004"},
		{ami.Volume{VolumeType: "gp3", VolumeSize: 7, IOPS: 4000}, "set {VolumeSize} to at least 8"},
		{ami.Volume{VolumeType: "gp3", IOPS: 4000}, ""}, // the size isn't known yet
		{ami.Volume{VolumeType: "gp3", VolumeSize: 1, IOPS: 3000}, ""},
		{ami.Volume{VolumeType: "gp3", IOPS: 2999}, "3000 to 80000"},
		{ami.Volume{VolumeType: "gp3", Throughput: 124}, "125 to 2000 MiB/s"},
		{ami.Volume{VolumeType: "io1", VolumeSize: 4}, "{IOPS} is not set"},
		{ami.Volume{VolumeType: "io1", VolumeSize: 3, IOPS: 100}, "4 to 16384 GiB"},
		{ami.Volume{VolumeType: "io2", VolumeSize: 4, IOPS: 4000}, ""},
		{ami.Volume{VolumeType: "io2", VolumeSize: 4, IOPS: 4001}, "set {VolumeSize} to at least 5"},
		{ami.Volume{VolumeType: "standard", VolumeSize: 1, IOPS: 100}, "only gp3, io1 and io2 have it"},
		{ami.Volume{VolumeType: "gp2", VolumeSize: 1, Throughput: 125}, "only gp3 has it"},
		{ami.Volume{VolumeType: "st1", VolumeSize: 125}, "EC2 doesn't boot from such volumes"},
		{ami.Volume{VolumeType: "floppy"}, "it must be one of gp2, gp3, io1, io2, sc1, st1, standard"},
	} {
		var got []string
		for _, err := range test.volume.Check(true) {
			got = append(got, err.Error())
		}
		if text := strings.Join(got, "\n"); !strings.Contains(text, test.want) || (test.want == "") != (text == "") || len(got) > 1 {
			t.Errorf("%+v: %q; want %q alone", test.volume, got, test.want)
		}
	}
}

func TestDeviceNames(t *testing.T) {
	for _, test := range []struct {
		virtualization, root string
		names                string
		want                 string
	}{
		{"paravirtual", "/dev/sda1", "/dev/sda2 /dev/sdf1 /dev/sdg /dev/xvdb", ""},
		{"paravirtual", "/dev/sda1", "/dev/sda", "PV-GRUB boots from the disk with the lowest number"},
		{"paravirtual", "/dev/sda1", "/dev/hdb", "PV-GRUB boots from the disk with the lowest number"},
		{"paravirtual", "/dev/sda1", "/dev/sdf16", "names such as /dev/sdf and /dev/sdf1"},
		{"paravirtual", "/dev/sda1", "/dev/sda1", "used twice"},
		{"paravirtual", "/dev/sda1", "/dev/sdf /dev/sdf1", "/dev/sdf1 is a partition of /dev/sdf"},
		{"paravirtual", "/dev/sda1", "/dev/nvme0n1", "makes NVMe names"},
		{"hvm", "/dev/sda1", "/dev/sdb /dev/xvdc /dev/xvdba", ""},
		{"hvm", "/dev/sda1", "/dev/sdf1", "without a number"},
		{"hvm", "/dev/xvda", "/dev/hdb", "from /dev/sdb to /dev/sdz"},
		{"hvm", "/dev/xvda", "sdb", "from /dev/sdb to /dev/sdz"},
	} {
		var devices []ami.Device
		for name := range strings.FieldsSeq(test.names) {
			devices = append(devices, ami.Device{Name: name})
		}
		var got []string
		for _, err := range ami.CheckDevices(test.virtualization, test.root, devices) {
			got = append(got, err.Error())
		}
		if text := strings.Join(got, "\n"); !strings.Contains(text, test.want) || (test.want == "") != (text == "") || len(got) > 1 {
			t.Errorf("%s of a %s AMI: %q; want %q alone", test.names, test.virtualization, got, test.want)
		}
	}
}

func TestPlannedEncryption(t *testing.T) {
	yes, no := aws.Bool(true), aws.Bool(false)
	users := ami.Permissions{Users: []string{"111122223333"}}
	for _, test := range []struct {
		name      string
		region    string
		byDefault bool
		encrypt   ami.Encryption
		share     ami.Permissions
		wantKey   string // "" if nothing is encrypted
		wantError string
	}{
		{name: "as the account has it"},
		{name: "by default", byDefault: true, wantKey: "alias/aws/ebs"},
		{name: "asked", encrypt: ami.Encryption{Encrypt: yes}, wantKey: "alias/aws/ebs"},
		{name: "key", encrypt: ami.Encryption{Encrypt: yes, KMSKey: key}, share: users, wantKey: key},
		{name: "refused", encrypt: ami.Encryption{Encrypt: no}},
		{name: "refused against the default", byDefault: true, encrypt: ami.Encryption{Encrypt: no}, wantError: "{Encrypt} is false, but the account encrypts all new snapshots in us-east-1"},
		{name: "shared with Amazon's key", byDefault: true, share: users, wantError: "encrypted with Amazon's own key (alias/aws/ebs), and no other account can use that: set {KMSKey}"},
		{name: "public", encrypt: ami.Encryption{Encrypt: yes, KMSKey: key}, share: ami.Permissions{Groups: []string{"all"}}, wantError: "what is encrypted can't be public"},
		{name: "key of another region", encrypt: ami.Encryption{Encrypt: yes, KMSKey: "arn:aws:kms:eu-west-1:123456789012:key/" + key}, wantError: "EBS uses keys of its own region only"},
		{name: "alias", encrypt: ami.Encryption{Encrypt: yes, KMSKey: "alias/web"}, wantError: "don't accept aliases; use the key's ID or ARN (aws kms describe-key --key-id alias/web)"},
		{name: "PV types that can encrypt", region: "eu-central-1", encrypt: ami.Encryption{Encrypt: yes}, wantKey: "alias/aws/ebs"},
	} {
		t.Run(test.name, func(t *testing.T) {
			region := "us-east-1"
			if test.region != "" {
				region = test.region
			}
			server, s := cloudtest.Start(t, localec2.Options{}, region)
			if test.byDefault {
				if _, err := s.EC2.EnableEbsEncryptionByDefault(t.Context(), &ec2.EnableEbsEncryptionByDefaultInput{}); err != nil {
					t.Fatal(err)
				}
			}
			request := cloudtest.Request(cloudtest.NewMemoryDisk(t, 0))
			request.Encrypt, request.Permissions = test.encrypt, test.share
			plan, err := ami.NewPlan(t.Context(), s, request)
			if test.wantError != "" {
				cloudtest.WantError(t, err, test.wantError)
				cloudtest.NothingLeft(t, server)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if plan.Encryption.KMSKey != test.wantKey || plan.Encryption.Encrypted != (test.wantKey != "") {
				t.Errorf("planned %+v", plan.Encryption)
			}
		})
	}
}

// bake makes a planned AMI and its snapshot.
func bake(t *testing.T, s *cloud.Session, change func(*ami.Request), ledger *cloud.Ledger) (*ami.Plan, string) {
	t.Helper()
	disk := cloudtest.NewMemoryDisk(t, 0)
	request := cloudtest.Request(disk)
	if change != nil {
		change(&request)
	}
	plan, err := ami.NewPlan(t.Context(), s, request)
	if err != nil {
		t.Fatal(err)
	}
	id, err := (&snapshot.EBSDirect{Session: s}).Create(t.Context(), cloudtest.SnapshotRequest(plan, disk), ledger)
	if err != nil {
		t.Fatal(err)
	}
	return plan, id
}

func protected(r *ami.Request) { r.Protection = ami.Protection{Enabled: true} }

// A protected AMI of a build that fails in the end goes with the rest.
func TestUndoOfAProtectedAMI(t *testing.T) {
	server, s := cloudtest.Start(t, localec2.Options{}, "us-east-1")
	var ledger cloud.Ledger
	plan, snapshotID := bake(t, s, protected, &ledger)
	id, err := ami.Register(t.Context(), s, plan.Registration(snapshotID), &ledger)
	if err != nil {
		t.Fatal(err)
	}
	if err := plan.Finish(t.Context(), s, id, []string{snapshotID}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.EC2.DeregisterImage(t.Context(), &ec2.DeregisterImageInput{ImageId: &id}); err == nil {
		t.Error("the AMI is not protected")
	}
	if _, err := ledger.Undo(t.Context()); err != nil {
		t.Error(err)
	}
	cloudtest.NothingLeft(t, server)
}

// A snapshot that the user has specified stays when the AMI is removed.
func TestRemoveKeepsTheUsersSnapshots(t *testing.T) {
	server, s := cloudtest.Start(t, localec2.Options{}, "us-east-1")
	var users, ledger cloud.Ledger
	_, data := bake(t, s, func(r *ami.Request) { r.BuildID = "another" }, &users)
	plan, snapshotID := bake(t, s, func(r *ami.Request) {
		r.Devices = []ami.Device{{Name: "/dev/sdf", SnapshotID: data, Volume: ami.Volume{VolumeType: "gp2"}}}
	}, &ledger)
	id, err := ami.Register(t.Context(), s, plan.Registration(snapshotID), &ledger)
	if err != nil {
		t.Fatal(err)
	}
	removed, err := ami.Remove(t.Context(), s, id)
	if err != nil || len(removed) != 2 || removed[1] != snapshotID {
		t.Errorf("removed %v, error %v", removed, err)
	}
	if left := server.Resources()["us-east-1"].Snapshots; len(left) != 1 || left[0].ID != data {
		t.Errorf("left: %+v; want %s", left, data)
	}
}

// Replace keeps the earlier AMI until the new one is available, and gives the name
// to the new one even if the build is cancelled in between.
func TestReplace(t *testing.T) {
	for _, test := range []struct {
		name   string
		faults []string
		cancel bool
		kept   bool
		want   string
	}{
		{name: "done"},
		{name: "cancelled after the earlier one is gone", faults: []string{"DeregisterImage=delay,delay=300ms,nth=1"}, cancel: true},
		{name: "the new one is refused", faults: []string{"RegisterImage=refuse"}, kept: true, want: "try the AMI that is to replace ami-"},
		{name: "the earlier one can't be removed", faults: []string{"DeregisterImage=refuse,nth=1"}, kept: true, want: "which has the name"},
		{name: "the answer to the deregistration is lost", faults: []string{"DeregisterImage=cut-after,nth=1"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			server, s := cloudtest.Start(t, localec2.Options{}, "us-east-1")
			var earlier, ledger cloud.Ledger
			plan, snapshotID := bake(t, s, func(r *ami.Request) { r.BuildID = "earlier" }, &earlier)
			old, err := ami.Register(t.Context(), s, plan.Registration(snapshotID), &earlier)
			if err != nil {
				t.Fatal(err)
			}
			plan, snapshotID = bake(t, s, func(r *ami.Request) { r.Replace = true }, &ledger)
			if plan.Replaces != old {
				t.Fatalf("replaces %q; want %q", plan.Replaces, old)
			}
			cloudtest.Inject(t, server, test.faults...)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			if test.cancel {
				go func() {
					for !called(server, "DeregisterImage") {
						time.Sleep(5 * time.Millisecond)
					}
					cancel()
				}()
			}
			done, err := ami.Replace(ctx, s, plan, plan.Registration(snapshotID), true, &ledger)
			if test.kept {
				cloudtest.WantError(t, err, test.want)
				if _, err := ledger.Undo(t.Context()); err != nil {
					t.Error(err)
				}
				wantOnly(t, s, old)
				return
			}
			if err != nil || done.Left != nil {
				t.Fatal(err, done)
			}
			wantOnly(t, s, done.ID)
			if _, err := ledger.Undo(t.Context()); err != nil {
				t.Error(err)
			}
			cloudtest.NothingLeft(t, server)
		})
	}
}

func called(server *localec2.Running, action string) bool {
	for _, call := range server.Calls() {
		if call.Action == action {
			return true
		}
	}
	return false
}

// wantOnly checks that the account has one AMI, with the name of the tests.
func wantOnly(t *testing.T, s *cloud.Session, id string) {
	t.Helper()
	images, err := ami.Describe(t.Context(), s, &ec2.DescribeImagesInput{Owners: []string{"self"}, Filters: []types.Filter{cloud.Filter("image-type", "machine")}})
	if err != nil || len(images) != 1 || aws.ToString(images[0].ImageId) != id || aws.ToString(images[0].Name) != "web-dev" {
		t.Errorf("AMIs %+v, error %v; want %s alone", images, err, id)
	}
}
