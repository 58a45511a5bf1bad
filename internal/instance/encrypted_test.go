package instance

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/ec2"

	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2"
	"github.com/unikernel-ami/packer-plugin-unikernel/internal/cloud"
	"github.com/unikernel-ami/packer-plugin-unikernel/internal/cloudtest"
)

// An encrypted AMI is launched only on types that support encrypted volumes.
func TestTypesForEncryptedVolumes(t *testing.T) {
	_, s := cloudtest.Start(t, localec2.Options{NoInstances: true}, "us-east-1")
	if _, err := s.EC2.EnableEbsEncryptionByDefault(t.Context(), &ec2.EnableEbsEncryptionByDefaultInput{}); err != nil {
		t.Fatal(err)
	}
	id, _, err := cloudtest.Bake(t.Context(), s, cloudtest.NewMemoryDisk(t, 0), &cloud.Ledger{})
	if err != nil {
		t.Fatal(err)
	}
	for _, one := range planned(t, s, launchRequest(id)).Types {
		if !strings.HasPrefix(one.Name, "m3.") && !strings.HasPrefix(one.Name, "c3.") {
			t.Errorf("%s is tried", one.Name)
		}
	}
	r := launchRequest(id)
	r.InstanceTypes = []string{"m1.small"}
	_, err = NewPlan(t.Context(), s, r)
	cloudtest.WantError(t, err, "m1.small doesn't support encrypted volumes, such as those of "+id)
}
