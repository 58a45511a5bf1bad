package snapshot

import (
	"regexp"
	"strings"

	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/regions"
)

// Encryption says how a region of the account encrypts snapshots that don't
// choose that for themselves.
type Encryption struct {
	ByDefault bool   // new snapshots are encrypted
	KMSKey    string // the default key; empty for Amazon's own
}

// ManagedKeyAlias is the name of Amazon's own key for EBS. The account can't
// change the policy of that key, so what it encrypts can't be shared.
const ManagedKeyAlias = "alias/aws/ebs"

// keyARN matches the ARNs of KMS keys.
var keyARN = regexp.MustCompile(`^arn:(aws[a-z-]*):kms:([a-z0-9-]+):([0-9]{12}):key/[A-Za-z0-9-]+$`)

// CheckKey returns why a KMS key can't encrypt snapshots in a region, or an
// empty string. Keys are not created here: every key of the region exists.
func CheckKey(region, account, arn string) string {
	m := keyARN.FindStringSubmatch(arn)
	switch {
	case m == nil:
		return "is not the ARN of a KMS key"
	case m[1] != regions.Partition(region) || m[2] != region:
		return "is not in the region " + region
	case m[3] != account:
		return "is not shared with the account " + account
	}
	return ""
}

// DefaultKey returns the ARN of the key for snapshots that don't name one.
func (e Encryption) DefaultKey(region, account string) string {
	if e.KMSKey != "" {
		return e.KMSKey
	}
	return "arn:" + regions.Partition(region) + ":kms:" + region + ":" + account + ":" + managedKey
}

// managedKey is the id of Amazon's own key. It is invented, as all ids here.
const managedKey = "key/00000000-0000-4000-8000-0000000000eb"

// IsManagedKey reports whether an ARN is that of Amazon's own key.
func IsManagedKey(arn string) bool { return strings.HasSuffix(arn, ":"+managedKey) }
