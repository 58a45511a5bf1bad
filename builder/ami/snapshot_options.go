//go:generate packer-sdc struct-markdown

package ami

import (
	"fmt"
	"regexp"
	"slices"

	"github.com/unikernel-ami/packer-plugin-unikernel/internal/cloud"
	"github.com/unikernel-ami/packer-plugin-unikernel/internal/snapshot"
)

// Ways to a snapshot.
const (
	ebsDirect = "ebs-direct"
	s3Import  = "s3-import"
)

// SnapshotOptions say how the disk becomes a snapshot.
type SnapshotOptions struct {
	// How the disk becomes a snapshot: `ebs-direct` (the default) writes its blocks
	// with the EBS direct APIs; `s3-import` uploads it to S3 and imports it with VM
	// Import. See [Ways to a snapshot](#ways-to-a-snapshot).
	SnapshotMethod string `mapstructure:"snapshot_method"`
	// `ebs-direct` only: how many blocks of 512 KiB are uploaded at once, 1 to 64.
	// The default is 16, which keeps two cores busy; a machine with more cores and a
	// fast line to AWS can use more. If AWS throttles the upload, it slows down by
	// itself.
	UploadWorkers int `mapstructure:"upload_workers"`
	// Read every block of the snapshot back and compare it with the disk before the
	// AMI is registered. Default: `false`. In any case, AWS checks the SHA-256 of
	// each block that it receives.
	Verify bool `mapstructure:"verify"`

	// `s3-import` only: the bucket for the disk, for example `my-imports`. It must be
	// in the region of the AMI. Required with `s3-import`.
	S3Bucket string `mapstructure:"s3_bucket"`
	// `s3-import` only: what the name of the object begins with, for example
	// `images/`. The rest of the name is the build's ID, so builds don't interfere
	// with each other. Default: empty.
	S3KeyPrefix string `mapstructure:"s3_key_prefix"`
	// `s3-import` only: the encryption of the object: `AES256` or `aws:kms`. Default:
	// the bucket's own.
	S3Encryption string `mapstructure:"s3_encryption"`
	// `s3-import` only: the KMS key of the object, with `s3_encryption = "aws:kms"`.
	// The role needs `kms:Decrypt` for it. Default: the key of the account for S3.
	S3EncryptionKey string `mapstructure:"s3_encryption_key"`
	// `s3-import` only: the name of the role that VM Import assumes to read the
	// object. Default: `vmimport`.
	RoleName string `mapstructure:"role_name"`
	// `s3-import` only: keep the object in the bucket after the import. Default:
	// `false`: it is removed. If the build fails, it is always removed.
	SkipClean bool `mapstructure:"skip_clean"`
	// `s3-import` only: create the bucket if it doesn't exist, and remove it after
	// the import. Default: `false`.
	CreateBucket bool `mapstructure:"create_bucket"`
}

var (
	bucketForm = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)
	roleForm   = regexp.MustCompile(`^[A-Za-z0-9_+=,.@-]{1,64}$`)
)

// maxKeyPrefix leaves room for the build's ID in the 1024 bytes of a key.
const maxKeyPrefix = 900

// checkSnapshot sets defaults and returns all faults.
func (o *SnapshotOptions) checkSnapshot() []error {
	if o.SnapshotMethod == "" {
		o.SnapshotMethod = ebsDirect
	}
	var errs []error
	switch o.SnapshotMethod {
	case ebsDirect:
		errs = o.checkEBSDirect()
	case s3Import:
		errs = o.checkS3Import()
	default:
		errs = append(errs, fmt.Errorf("snapshot_method is %q: it must be %s or %s", o.SnapshotMethod, ebsDirect, s3Import))
	}
	if o.UploadWorkers < 0 || o.UploadWorkers > cloud.MaxWorkers {
		errs = append(errs, fmt.Errorf("upload_workers is %d: it must be 1 to %d", o.UploadWorkers, cloud.MaxWorkers))
	}
	return errs
}

func (o *SnapshotOptions) checkEBSDirect() []error {
	var errs []error
	for _, option := range []struct {
		name string
		set  bool
	}{
		{"s3_bucket", o.S3Bucket != ""}, {"s3_key_prefix", o.S3KeyPrefix != ""}, {"s3_encryption", o.S3Encryption != ""},
		{"s3_encryption_key", o.S3EncryptionKey != ""}, {"role_name", o.RoleName != ""}, {"skip_clean", o.SkipClean}, {"create_bucket", o.CreateBucket},
	} {
		if option.set {
			errs = append(errs, fmt.Errorf("%s is set, but snapshot_method is %s: set it to %s, or remove %[1]s", option.name, ebsDirect, s3Import))
		}
	}
	return errs
}

func (o *SnapshotOptions) checkS3Import() []error {
	if o.RoleName == "" {
		o.RoleName = "vmimport"
	}
	var errs []error
	refuse := func(wrong bool, format string, args ...any) {
		if wrong {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	refuse(o.S3Bucket == "", "s3_bucket is not set: snapshot_method %s needs a bucket", s3Import)
	refuse(o.S3Bucket != "" && !bucketForm.MatchString(o.S3Bucket), "s3_bucket is %q: a bucket's name has 3 to 63 lower-case letters, digits, dots and hyphens, and begins and ends with a letter or digit", o.S3Bucket)
	refuse(len(o.S3KeyPrefix) > maxKeyPrefix, "s3_key_prefix has %d bytes: the maximum is %d", len(o.S3KeyPrefix), maxKeyPrefix)
	refuse(!slices.Contains([]string{"", "AES256", "aws:kms"}, o.S3Encryption), "s3_encryption is %q: it must be AES256 or aws:kms", o.S3Encryption)
	refuse(o.S3EncryptionKey != "" && o.S3Encryption != "aws:kms", `s3_encryption_key is set, but s3_encryption is %q: only "aws:kms" has a key`, o.S3Encryption)
	refuse(!roleForm.MatchString(o.RoleName), "role_name is %q: it must be the name of a role, not its ARN: 1 to 64 letters, digits, and _+=,.@-", o.RoleName)
	refuse(o.SkipClean && o.CreateBucket, "skip_clean and create_bucket are both set: the bucket is removed with the object, so remove one of them")
	refuse(o.UploadWorkers != 0, "upload_workers is set, but snapshot_method is %s: it is for %s, so remove it", s3Import, ebsDirect)
	return errs
}

// method returns the way to a snapshot.
func (b *build) method(report func(done, total int64)) snapshot.Method {
	o := &b.config.SnapshotOptions
	if o.SnapshotMethod == s3Import {
		return b.importer(report)
	}
	return &snapshot.EBSDirect{Session: b.session, Workers: o.UploadWorkers, Progress: report}
}

func (b *build) importer(report func(done, total int64)) *snapshot.S3Import {
	o := &b.config.SnapshotOptions
	return &snapshot.S3Import{
		Session:      b.session,
		Bucket:       o.S3Bucket,
		KeyPrefix:    o.S3KeyPrefix,
		Encryption:   o.S3Encryption,
		KMSKey:       o.S3EncryptionKey,
		Role:         o.RoleName,
		KeepObject:   o.SkipClean,
		CreateBucket: o.CreateBucket,
		Progress:     report,
		Say:          b.ui.Say,
	}
}
