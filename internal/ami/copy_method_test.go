package ami

import (
	"errors"
	"strings"
	"testing"
)

func TestChooseCopyMethod(t *testing.T) {
	for _, test := range []struct {
		name  string
		facts copyFacts
		asked string
		want  string // the method and its reason, or the error
	}{
		{"small disk", copyFacts{size: SmallDisk}, AutoCopy, "upload: the disk has only 32.0 MiB"},
		{"large disk", copyFacts{size: SmallDisk + 1<<19}, AutoCopy, "copy-image: the disk has 32.5 MiB"},
		{"another partition", copyFacts{otherPartition: true, size: 1 << 40}, AutoCopy, "upload: CopyImage does not work between partitions"},
		{"no kernel", copyFacts{region: "r", kernel: "pv-grub"}, AutoCopy, "upload: r has no pv-grub, and CopyImage can't choose another kernel"},
		{"encryption", copyFacts{encrypt: true}, AutoCopy, "copy-image: uploads are not encrypted"},
		{"time", copyFacts{timed: true}, AutoCopy, "copy-image: {CopyDuration} applies only to copies by EC2"},
		{"two volumes", copyFacts{volumes: 2}, AutoCopy, "copy-image: the AMI has 2 volumes, and only one can be uploaded"},
		{"unreadable", copyFacts{unreadable: errors.New("denied")}, AutoCopy, "copy-image: its snapshot can't be read: denied"},
		{"neither", copyFacts{region: "r", otherPartition: true, encrypt: true}, AutoCopy, "copy to r: no method works: CopyImage does not work between partitions; uploads are not encrypted"},
		{"asked", copyFacts{size: 1}, CopyImage, "copy-image: as configured"},
		{"asked too much", copyFacts{region: "r", encrypt: true}, Upload, "copy to r: uploads are not encrypted: set {CopyMethod} to copy-image or auto"},
		{"asked in vain", copyFacts{region: "r", kernel: "k"}, CopyImage, "copy to r: r has no k, and CopyImage can't choose another kernel: set {CopyMethod} to upload or auto"},
	} {
		method, reason, err := test.facts.choose(test.asked)
		got := method + ": " + reason
		if err != nil {
			got = err.Error()
		}
		if !strings.HasPrefix(got, test.want) {
			t.Errorf("%s: got %q, want %q", test.name, got, test.want)
		}
	}
}
