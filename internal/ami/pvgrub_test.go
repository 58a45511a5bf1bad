package ami

import (
	"strings"
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
		if got, ok := (PVGRUB{Architecture: architecture}).choose(images); !ok || got.Name != want {
			t.Errorf("newest for %s: %v, %v; want %s", architecture, got, ok, want)
		}
	}
	if got, ok := (PVGRUB{Architecture: "arm64"}).choose(images); ok {
		t.Errorf("newest for arm64: %v", got)
	}
	if got, ok := (PVGRUB{Architecture: "i386"}).choose(images[len(images)-1:]); !ok || got.ID != "aki-old" {
		t.Errorf("an image without a name: %v, %v", got, ok)
	}
}

// Before version 1.04, which image boots a disk depends on its layout.
func TestPVGRUBOfAVersion(t *testing.T) {
	var images []types.Image
	for _, name := range []string{"hd0_1.02", "hd00_1.02", "hd0_1.03", "hd00_1.03", "hd0_1.04", "hd00_1.04", "hd0_1.05"} {
		images = append(images, types.Image{ImageId: aws.String("aki-" + name), Name: aws.String("pv-grub-" + name + "-x86_64.gz")})
	}
	for _, test := range []struct{ layout, version, want string }{
		{"", "", "hd0_1.05"},
		{Partitioned, "", "hd0_1.05"},
		{WholeDisk, "", "hd0_1.05"},
		{Partitioned, "1.04", "hd0_1.04"},
		{WholeDisk, "1.03", "hd0_1.03"},
		{Partitioned, "1.03", "hd00_1.03"},
		{Partitioned, "1.2", "hd00_1.02"},
		{WholeDisk, "1.06", ""},
		{Partitioned, "0.9", ""},
	} {
		got, ok := PVGRUB{Architecture: "x86_64", Layout: test.layout, Version: test.version}.choose(images)
		if ok != (test.want != "") || ok && (got.ID != "aki-"+test.want || !strings.HasSuffix(test.want, got.Version())) {
			t.Errorf("%s, version %q: %v of version %q; want %s", test.layout, test.version, got, got.Version(), test.want)
		}
	}
}
