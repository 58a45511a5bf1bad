package localec2

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ebs"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

const (
	managedKey = "arn:aws:kms:us-east-1:123456789012:key/00000000-0000-4000-8000-0000000000eb"
	ownKey     = "arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
	defaultKey = "arn:aws:kms:us-east-1:123456789012:key/mrk-1234abcd12ab34cd56ef1234567890ab"
)

// TestEncryptionOutcomes has the cases of AWS's table for snapshots without a
// parent (Amazon EBS User Guide, "Encryption outcomes for EBS direct APIs").
func TestEncryptionOutcomes(t *testing.T) {
	for _, test := range []struct {
		name      string
		byDefault bool
		key       string // the account's default
		encrypted *bool
		wanted    string // the key that is asked for
		want      string // the key, "" for none, or the refusal
		reason    string
	}{
		{name: "nothing asked"},
		{name: "by default", byDefault: true, want: managedKey},
		{name: "by default with a key of the account", byDefault: true, key: defaultKey, want: defaultKey},
		{name: "asked", encrypted: aws.Bool(true), want: managedKey},
		{name: "asked, with a key of the account", key: defaultKey, encrypted: aws.Bool(true), want: defaultKey},
		{name: "key", encrypted: aws.Bool(true), wanted: ownKey, want: ownKey},
		{name: "key against the default", byDefault: true, key: defaultKey, encrypted: aws.Bool(true), wanted: ownKey, want: ownKey},
		{name: "not encrypted", encrypted: aws.Bool(false)},
		{name: "not encrypted against the default", byDefault: true, encrypted: aws.Bool(false), want: "ValidationException 400", reason: "INVALID_PARAMETER_VALUE"},
		{name: "key alone", wanted: ownKey, want: "ValidationException 400", reason: "INVALID_PARAMETER_VALUE"},
		{name: "key of another region", encrypted: aws.Bool(true), wanted: "arn:aws:kms:eu-west-1:123456789012:key/k", want: "ValidationException 400", reason: "INVALID_CUSTOMER_KEY"},
		{name: "key of another account", encrypted: aws.Bool(true), wanted: "arn:aws:kms:us-east-1:111111111111:key/k", want: "ValidationException 400", reason: "INVALID_CUSTOMER_KEY"},
		{name: "alias", encrypted: aws.Bool(true), wanted: "alias/k", want: "ValidationException 400", reason: "INVALID_CUSTOMER_KEY"},
	} {
		t.Run(test.name, func(t *testing.T) {
			l := start(t, Options{})
			if test.byDefault {
				must(l.ec2.EnableEbsEncryptionByDefault(l.ctx, &ec2.EnableEbsEncryptionByDefaultInput{}))(t)
			}
			if test.key != "" {
				must(l.ec2.ModifyEbsDefaultKmsKeyId(l.ctx, &ec2.ModifyEbsDefaultKmsKeyIdInput{KmsKeyId: &test.key}))(t)
			}
			in := &ebs.StartSnapshotInput{VolumeSize: aws.Int64(1), Encrypted: test.encrypted}
			if test.wanted != "" {
				in.KmsKeyArn = &test.wanted
			}
			out, err := l.ebs.StartSnapshot(l.ctx, in)
			if test.reason != "" {
				wantRefusal(t, err, test.want)
				if got := reason(err); got != test.reason {
					t.Errorf("reason %s, want %s", got, test.reason)
				}
				return
			}
			if err != nil || aws.ToString(out.KmsKeyArn) != test.want {
				t.Fatalf("key %q, want %q; error %v", aws.ToString(out.KmsKeyArn), test.want, err)
			}
			shown := must(l.ec2.DescribeSnapshots(l.ctx, &ec2.DescribeSnapshotsInput{SnapshotIds: []string{*out.SnapshotId}}))(t).Snapshots[0]
			if aws.ToString(shown.KmsKeyId) != test.want || aws.ToBool(shown.Encrypted) != (test.want != "") {
				t.Errorf("DescribeSnapshots shows %v with %q", aws.ToBool(shown.Encrypted), aws.ToString(shown.KmsKeyId))
			}
		})
	}
}

// TestEncryptedParent: a snapshot has the key of its parent, and an unencrypted
// parent is refused where encryption is the default.
func TestEncryptedParent(t *testing.T) {
	l := start(t, Options{})
	open := l.snapshot()
	must(l.ec2.EnableEbsEncryptionByDefault(l.ctx, &ec2.EnableEbsEncryptionByDefaultInput{}))(t)
	secret := l.snapshot()
	child := must(l.ebs.StartSnapshot(l.ctx, &ebs.StartSnapshotInput{VolumeSize: aws.Int64(1), ParentSnapshotId: secret}))(t)
	if got := aws.ToString(child.KmsKeyArn); got != managedKey {
		t.Errorf("the child's key is %q", got)
	}
	_, err := l.ebs.StartSnapshot(l.ctx, &ebs.StartSnapshotInput{VolumeSize: aws.Int64(1), ParentSnapshotId: open})
	wantRefusal(t, err, "ValidationException 400")
}

// TestEncryptedImage: an image shows the key of its snapshot, and old instance
// types can't run it.
func TestEncryptedImage(t *testing.T) {
	l := start(t, Options{NoInstances: true})
	must(l.ec2.EnableEbsEncryptionByDefault(l.ctx, &ec2.EnableEbsEncryptionByDefaultInput{}))(t)
	ami := l.register("secret", l.snapshot())
	shown := must(l.ec2.DescribeImages(l.ctx, &ec2.DescribeImagesInput{ImageIds: []string{*ami}}))(t).Images[0].BlockDeviceMappings[0].Ebs
	if !aws.ToBool(shown.Encrypted) || aws.ToString(shown.KmsKeyId) != managedKey {
		t.Errorf("the image shows %+v", shown)
	}
	launch := func(instanceType types.InstanceType) error {
		_, err := l.ec2.RunInstances(l.ctx, &ec2.RunInstancesInput{ImageId: ami, InstanceType: instanceType, MinCount: aws.Int32(1), MaxCount: aws.Int32(1)})
		return err
	}
	wantRefusal(t, launch("m1.small"), "InvalidParameterCombination 400")
	if err := launch("m3.medium"); err != nil {
		t.Error(err)
	}
	known := must(l.ec2.DescribeInstanceTypes(l.ctx, &ec2.DescribeInstanceTypesInput{
		InstanceTypes: []types.InstanceType{"m1.small", "m3.medium"},
		Filters:       []types.Filter{{Name: aws.String("ebs-info.encryption-support"), Values: []string{"supported"}}},
	}))(t)
	if n := len(known.InstanceTypes); n != 1 || known.InstanceTypes[0].EbsInfo.EncryptionSupport != types.EbsEncryptionSupportSupported {
		t.Errorf("%d types that support encryption, want m3.medium alone", n)
	}
}

// TestDefaultKeyRefusals: keys of the account's own region and account only.
func TestDefaultKeyRefusals(t *testing.T) {
	l := start(t, Options{})
	for _, key := range []string{"", "alias/k", "arn:aws:kms:eu-west-1:123456789012:key/k"} {
		_, err := l.ec2.ModifyEbsDefaultKmsKeyId(l.ctx, &ec2.ModifyEbsDefaultKmsKeyIdInput{KmsKeyId: &key})
		if err == nil {
			t.Errorf("%q is accepted", key)
		}
	}
	_, err := l.ec2.EnableEbsEncryptionByDefault(l.ctx, &ec2.EnableEbsEncryptionByDefaultInput{DryRun: aws.Bool(true)})
	wantRefusal(t, err, "DryRunOperation 412")
	if must(l.ec2.GetEbsEncryptionByDefault(l.ctx, &ec2.GetEbsEncryptionByDefaultInput{}))(t).EbsEncryptionByDefault == nil {
		t.Error("no answer")
	}
}
