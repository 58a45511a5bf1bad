package ami

import (
	"strings"
	"testing"
)

// All faults of the options of S3 import are reported at once, and the role has a
// default.
func TestS3ImportOptions(t *testing.T) {
	var b Builder
	if _, _, err := b.Prepare(options(map[string]any{"snapshot_method": "s3-import", "s3_bucket": "imports", "skip_clean": true})); err != nil {
		t.Fatal(err)
	}
	if b.config.RoleName != "vmimport" {
		t.Errorf("role_name is %q", b.config.RoleName)
	}
	_, _, err := b.Prepare(options(map[string]any{
		"snapshot_method": "s3-import", "s3_bucket": "My_Bucket", "s3_key_prefix": strings.Repeat("k", 901), "s3_encryption": "aes",
		"s3_encryption_key": "alias/x", "role_name": "arn:aws:iam::1:role/x", "skip_clean": true, "create_bucket": true, "upload_workers": 3,
	}))
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{
		`s3_bucket is "My_Bucket": a bucket's name has 3 to 63`, "s3_key_prefix has 901 bytes", `s3_encryption is "aes": it must be AES256 or aws:kms`,
		"s3_encryption_key is set, but", `role_name is "arn:aws:iam::1:role/x": it must be the name of a role, not its ARN`,
		"skip_clean and create_bucket are both set", "upload_workers is set, but snapshot_method is s3-import",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("no %q in %v", want, err)
		}
	}
}
