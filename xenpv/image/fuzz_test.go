package image

import (
	"archive/tar"
	"bytes"
	"io"
	"strings"
	"testing"

	"github.com/unikernel-ami/packer-plugin-unikernel/xenpv/internal/kerneltest"
)

// FuzzInspect checks that whatever the bytes are, inspecting them ends without
// an error and with a report that agrees with itself.
func FuzzInspect(f *testing.F) {
	pvh := kerneltest.PV()
	pvh.Notes = []kerneltest.Note{kerneltest.NewNote("Xen", kerneltest.NotePhys32Entry, kerneltest.Number32(kerneltest.Address))}
	inSections := kerneltest.PV()
	inSections.Where = kerneltest.InSection
	for _, k := range []kerneltest.Kernel{kerneltest.PV(), kerneltest.PV().I386(), pvh, inSections, kerneltest.Legacy(kerneltest.MirageLegacy), kerneltest.Legacy(kerneltest.MirageLegacy).I386()} {
		f.Add(k.Bytes())
	}
	for name, pack := range packers {
		f.Add(pack(kerneltest.PV().Bytes()))
		f.Add(kerneltest.BzImage(minProtocol, linuxPayload(name, kerneltest.PV().Bytes())))
	}
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, image []byte) {
		r, err := Inspect(t.Context(), bytes.NewReader(image), int64(len(image)))
		if len(image) == 0 {
			if err == nil {
				t.Error("an empty image is not an error")
			}
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		checkFacts(t, r)
	})
}

// checkFacts checks that the facts agree with each other.
func checkFacts(t *testing.T, f *Facts) {
	t.Helper()
	if f.Problems == nil || f.Executable && (f.Arch == "" || f.Format == "" || f.Payload == "") || !f.Executable && len(f.Problems) == 0 {
		t.Errorf("%+v", f)
	}
	if f.Executable && (f.Archive == "") != (f.Member == "") || leaves(f.Member) {
		t.Errorf("member %q of archive %q", f.Member, f.Archive)
	}
	for _, p := range f.Problems {
		if p.Code == "" || p.Text == "" {
			t.Errorf("%+v", p)
		}
	}
}

// FuzzArchive inspects bytes as they are, and as a member of a tar and a zip. A
// member whose path leads out of the archive is never taken.
func FuzzArchive(f *testing.F) {
	kernel := kerneltest.PV().Bytes()
	for _, test := range choices {
		for _, archiveOf := range archivers {
			f.Add(archiveOf(test.members...), "kernel", "")
		}
		for _, m := range test.members {
			f.Add(m.data, m.name, test.member)
		}
	}
	for _, pack := range packers {
		f.Add(pack(tarOf(file("kernel", kernel))), "a/../b", "b")
	}
	f.Fuzz(func(t *testing.T, data []byte, name, member string) {
		for _, image := range archivesOf(data, name) {
			im := &Image{ctx: t.Context(), options: OpenOptions{Member: member, MaxSize: 1 << 20}}
			if err := im.inspect(io.NewSectionReader(bytes.NewReader(image), 0, int64(len(image)))); err != nil {
				t.Fatal(err)
			}
			checkFacts(t, im.facts)
			if im.kernel.Size() > 1<<20 || len(im.open) > 4 {
				t.Errorf("kernel of %d bytes, %d open files", im.kernel.Size(), len(im.open))
			}
			if err := im.Close(); err != nil {
				t.Error(err)
			}
		}
	})
}

// archivesOf returns data itself, and archives with it, if the writers
// take the name.
func archivesOf(data []byte, name string) [][]byte {
	var images [][]byte
	if len(data) > 0 {
		images = append(images, data)
	}
	var b bytes.Buffer
	tw := tar.NewWriter(&b)
	if tw.WriteHeader(&tar.Header{Name: name, Size: int64(len(data)), Typeflag: tar.TypeReg}) == nil {
		tw.Write(data)
		tw.Close()
		images = append(images, b.Bytes())
	}
	if len(name) <= 0xffff {
		images = append(images, zipOf(file(strings.TrimRight(name, "/"), data)))
	}
	return images
}
