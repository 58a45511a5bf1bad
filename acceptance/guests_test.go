package acceptance

import (
	"bytes"
	"compress/gzip"
	"context"
	"os"
	"path/filepath"

	"github.com/cavaliergopher/cpio"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/byhand"
)

// cmdRamdisk appends an archive with another init to the sample image's ramdisk.
// Linux unpacks consecutive archives on top of each other.
func cmdRamdisk(ts *testscript.TestScript, _ bool, args []string) {
	sample, err := os.ReadFile(filepath.Join(ts.Getenv("HELLO"), "ramdisk"))
	ts.Check(err)
	init := ts.ReadFile(args[1])
	ramdisk := bytes.NewBuffer(sample)
	zip := gzip.NewWriter(ramdisk)
	archive := cpio.NewWriter(zip)
	ts.Check(archive.WriteHeader(&cpio.Header{Name: "init", Mode: cpio.TypeReg | 0o755, Size: int64(len(init))}))
	_, err = archive.Write([]byte(init))
	ts.Check(err)
	ts.Check(archive.Close())
	ts.Check(zip.Close())
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), ramdisk.Bytes(), 0o600))
}

// cmdRegister registers an unmodified raw disk as a PV AMI and sets $AMI to its ID.
func cmdRegister(ts *testscript.TestScript, _ bool, args []string) {
	disk, err := os.ReadFile(ts.MkAbs(args[0]))
	ts.Check(err)
	id, err := byhand.Register(context.Background(), server(ts).URL(), disk)
	ts.Check(err)
	ts.Setenv("AMI", id)
}

// cmdAMIID sets $AMI to the id of the one AMI in us-east-1.
func cmdAMIID(ts *testscript.TestScript, _ bool, _ []string) {
	images := server(ts).Resources()["us-east-1"].Images
	if len(images) != 1 {
		ts.Fatalf("%d AMIs: want one", len(images))
	}
	ts.Setenv("AMI", images[0].ID)
}
