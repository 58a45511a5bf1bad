package ec2ami

import (
	"maps"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

func TestCheckName(t *testing.T) {
	for name, want := range map[string]string{
		"web":                         "",
		"web (dev) [1] ./-'@_":        "",
		strings.Repeat("n", 128):      "",
		"we":                          "has 2 characters: EC2 takes 3 to 128",
		strings.Repeat("n", 129):      "has 129 characters",
		"web:dev":                     `holds ":"`,
		"wéb":                         `holds "é"`,
		"web\n":                       `holds "\n"`,
		strings.Repeat("é", 129) + "": "has 129 characters",
	} {
		err := CheckName(name)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("CheckName(%q): %v; want %q", name, err, want)
		}
	}
}

func TestCleanNameIsAlwaysAccepted(t *testing.T) {
	for _, name := range []string{"2026-11-21T10:00:00Z", "wéb+dev", "a\\b*c?"} {
		if err := CheckName(CleanName(name)); err != nil {
			t.Error(err)
		}
	}
}

func TestCheckTags(t *testing.T) {
	many := map[string]string{}
	for i := range 47 {
		many[string(rune('A'+i))] = ""
	}
	for _, test := range []struct {
		tags map[string]string
		want string
	}{
		{map[string]string{"Owner": "platform", "empty": ""}, ""},
		{map[string]string{"": "x"}, "empty key"},
		{map[string]string{"aws:x": ""}, "Amazon's own"},
		{map[string]string{"Unikernel:build": ""}, "set by this plugin"},
		{map[string]string{strings.Repeat("k", 129): ""}, "129 characters: EC2 takes 128"},
		{map[string]string{"k": strings.Repeat("v", 257)}, "257 characters: EC2 takes 256"},
		{map[string]string{"k": "\xff"}, "not UTF-8"},
		{many, "47 tags: EC2 takes 50"},
	} {
		err := CheckTags("tags", test.tags)
		if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
			t.Errorf("CheckTags(%v): %v; want %q", maps.Keys(test.tags), err, test.want)
		}
	}
}

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
