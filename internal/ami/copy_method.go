package ami

import (
	"fmt"
	"strings"
)

// Methods of copying an AMI to another region.
const (
	// AutoCopy chooses one of the others for each region.
	AutoCopy = "auto"
	// CopyImage has EC2 make the copy.
	CopyImage = "copy-image"
	// Upload reads the disk, uploads it to the other region, and registers it there.
	Upload = "upload"
)

// SmallDisk is the most bytes that [AutoCopy] uploads: 64 blocks. An upload of
// these takes 13 seconds at 20 Mbit/s, and two minutes for nine regions. CopyImage
// takes minutes however small the disk is.
const SmallDisk = 32 << 20

// copyFacts are what the choice between the methods depends on.
type copyFacts struct {
	region         string
	otherPartition bool   // than the source's
	kernel         string // the source's PV-GRUB, if the region lacks that version
	encrypt        bool   // the copy is to be encrypted, or the source is
	timed          bool   // EC2 is to complete the copy within a given time
	volumes        int    // of the source
	unreadable     error  // why the source's disk can't be read
	size           int64  // of the source's blocks
}

// notByCopyImage says why CopyImage can't make the copy; "" if it can.
func (f copyFacts) notByCopyImage() string {
	switch {
	case f.otherPartition:
		return "CopyImage does not work between partitions"
	case f.kernel != "":
		return fmt.Sprintf("%s has no %s, and CopyImage can't choose another kernel", f.region, f.kernel)
	}
	return ""
}

// notByUpload says why the disk can't be uploaded; "" if it can.
func (f copyFacts) notByUpload() string {
	switch {
	case f.encrypt:
		return "uploads are not encrypted"
	case f.timed:
		return "{CopyDuration} applies only to copies by EC2"
	case f.volumes > 1:
		return fmt.Sprintf("the AMI has %d volumes, and only one can be uploaded", f.volumes)
	case f.unreadable != nil:
		return "its snapshot can't be read: " + f.unreadable.Error()
	}
	return ""
}

// choose returns the method for a region and the reason for it.
func (f copyFacts) choose(asked string) (method, reason string, err error) {
	noCopy, noUpload := f.notByCopyImage(), f.notByUpload()
	switch {
	case asked == CopyImage && noCopy != "":
		return "", "", fmt.Errorf("copy to %s: %s: set {CopyMethod} to upload or auto", f.region, noCopy)
	case asked == Upload && noUpload != "":
		return "", "", fmt.Errorf("copy to %s: %s: set {CopyMethod} to copy-image or auto", f.region, noUpload)
	case asked != AutoCopy:
		return asked, "as configured", nil
	case noCopy != "" && noUpload != "":
		return "", "", fmt.Errorf("copy to %s: no method works: %s", f.region, strings.Join([]string{noCopy, noUpload}, "; "))
	case noCopy != "":
		return Upload, noCopy, nil
	case noUpload != "":
		return CopyImage, noUpload, nil
	case f.size <= SmallDisk:
		return Upload, fmt.Sprintf("the disk has only %.1f MiB", float64(f.size)/(1<<20)), nil
	}
	return CopyImage, fmt.Sprintf("the disk has %.1f MiB", float64(f.size)/(1<<20)), nil
}
