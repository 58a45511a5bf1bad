package ami

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

func TestNewestPVGRUB(t *testing.T) {
	names := []string{
		"pv-grub-hd0_1.05-x86_64.gz",
		"pv-grub-hd0_1.9-x86_64.gz",
		"pv-grub-hd0_1.10-x86_64.gz", // newer than 1.9 by number, older by letter
		"pv-grub-hd00_2.00-x86_64.gz",
		"pv-grub-hd0_3.00-i386.gz",
		"pv-grub-hd0_1.99999999999999999999-x86_64.gz",
		"pv-grub-hd0_9.99-x86_64.gz.bak",
	}
	var images []types.Image
	for _, name := range names {
		images = append(images, types.Image{ImageId: aws.String("aki-" + name), Name: aws.String(name)})
	}
	images = append(images, types.Image{ImageId: aws.String("aki-old"), ImageLocation: aws.String("ec2-public-images/pv-grub-hd0_1.04-i386.gz")})
	for architecture, want := range map[string]string{
		"x86_64": "pv-grub-hd0_1.10-x86_64.gz",
		"i386":   "pv-grub-hd0_3.00-i386.gz",
	} {
		if got, ok := newestPVGRUB(images, architecture); !ok || got.Name != want {
			t.Errorf("newest for %s: %v, %v; want %s", architecture, got, ok, want)
		}
	}
	if got, ok := newestPVGRUB(images, "arm64"); ok {
		t.Errorf("newest for arm64: %v", got)
	}
	if got, ok := newestPVGRUB(images[len(images)-1:], "i386"); !ok || got.ID != "aki-old" {
		t.Errorf("an image without a name: %v, %v", got, ok)
	}
}
