package ami

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"

	"github.com/unikernel-ami/packer-plugin-unikernel/internal/cloud"
	"github.com/unikernel-ami/packer-plugin-unikernel/internal/snapshot"
)

// An Encryption says what is wanted of the snapshots of an AMI.
type Encryption struct {
	Encrypt *bool  // nil: the account's default decides
	KMSKey  string // a key's ID or ARN; "" for the account's default key
}

// A PlannedEncryption is what the snapshots will have.
type PlannedEncryption struct {
	Encrypted bool
	ByDefault bool   // because the account encrypts everything
	KMSKey    string // the key's ARN, or Amazon's alias for its own
	Managed   bool   // the key is Amazon's own
}

// managedAlias is Amazon's name for its own key for EBS.
const managedAlias = "alias/aws/ebs"

var (
	keyID  = regexp.MustCompile(`^(mrk-[0-9a-f]{32}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})$`)
	keyARN = regexp.MustCompile(`^arn:(aws[a-z-]*):kms:([a-z0-9-]+):\d{12}:key/(.+)$`)
)

// CheckKMSKey checks a key's ID or ARN. A region of "" is not known yet.
func CheckKMSKey(region, key string) error {
	m := keyARN.FindStringSubmatch(key)
	switch {
	case keyID.MatchString(key):
		return nil
	case strings.Contains(key, "alias/"):
		return fmt.Errorf("{KMSKey} is %q: the EBS direct APIs don't accept aliases; use the key's ID or ARN (aws kms describe-key --key-id %s)", key, key)
	case m == nil || !keyID.MatchString(m[3]):
		return fmt.Errorf("{KMSKey} is %q: it must be the ID or the ARN of a KMS key, for example 1234abcd-12ab-34cd-56ef-1234567890ab", key)
	case region != "" && m[2] != region:
		return fmt.Errorf("{KMSKey} is a key in %s, but the AMI is made in %s: EBS uses keys of its own region only; use one in %s", m[2], region, region)
	}
	return nil
}

// keyARNOf completes the ID of a key of the account.
func keyARNOf(region, account, key string) string {
	if key == "" || strings.HasPrefix(key, "arn:") {
		return key
	}
	return fmt.Sprintf("arn:%s:kms:%s:%s:key/%s", partition(region), region, account, key)
}

// planEncryption asks for the account's defaults and refuses what EC2 would.
func planEncryption(ctx context.Context, s *cloud.Session, request Request) (PlannedEncryption, error) {
	answer, err := s.EC2.GetEbsEncryptionByDefault(ctx, &ec2.GetEbsEncryptionByDefaultInput{})
	if err != nil {
		return PlannedEncryption{}, fmt.Errorf("ask whether %s encrypts by default: %w", s.Region, err)
	}
	want := request.Encrypt
	planned := PlannedEncryption{ByDefault: aws.ToBool(answer.EbsEncryptionByDefault), KMSKey: want.KMSKey}
	planned.Encrypted = planned.ByDefault || aws.ToBool(want.Encrypt)
	if planned.ByDefault && want.Encrypt != nil && !*want.Encrypt {
		return planned, EncryptedByDefaultError{s.Region}
	}
	if want.KMSKey != "" {
		if err := CheckKMSKey(s.Region, want.KMSKey); err != nil {
			return planned, err
		}
	}
	if planned.Encrypted && planned.KMSKey == "" {
		answer, err := s.EC2.GetEbsDefaultKmsKeyId(ctx, &ec2.GetEbsDefaultKmsKeyIdInput{})
		if err != nil {
			return planned, fmt.Errorf("ask for the default KMS key in %s: %w", s.Region, err)
		}
		planned.KMSKey = aws.ToString(answer.KmsKeyId)
		planned.Managed = strings.HasSuffix(planned.KMSKey, managedAlias)
	}
	return planned, checkSharing(planned, request.Permissions)
}

// checkSharing refuses to share what can't be decrypted elsewhere
// (https://docs.aws.amazon.com/ebs/latest/userguide/ebs-modifying-snapshot-permissions.html).
func checkSharing(e PlannedEncryption, p Permissions) error {
	if !e.Encrypted || p.Empty() {
		return nil
	}
	var errs []error
	if len(p.Groups)+len(p.SnapshotGroups) > 0 {
		errs = append(errs, errors.New("the snapshot is encrypted, and what is encrypted can't be public: remove {Groups} and {SnapshotGroups}, or don't encrypt"))
	}
	if e.Managed && len(p.launch())+len(p.volumes()) > len(p.Groups)+len(p.SnapshotGroups) {
		errs = append(errs, fmt.Errorf("the snapshot is encrypted with Amazon's own key (%s), and no other account can use that: set {KMSKey} to a key that the other accounts may use", e.KMSKey))
	}
	return errors.Join(errs...)
}

// SnapshotEncryption is the encryption in the request for a snapshot. What the
// account does anyway is left out.
func (p *Plan) SnapshotEncryption() snapshot.Encryption {
	if !aws.ToBool(p.Encrypt.Encrypt) {
		return snapshot.Encryption{}
	}
	return snapshot.Encryption{Encrypt: true, KMSKeyARN: keyARNOf(p.Region, p.Account, p.Encrypt.KMSKey)}
}
