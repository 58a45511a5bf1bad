package xenpv

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"testing"
)

// FuzzInspect checks that whatever the bytes are, inspecting them ends without
// an error and with a report that agrees with itself.
func FuzzInspect(f *testing.F) {
	pvh := pvKernel()
	pvh.notes = []testNote{{"Xen", notePhys32Entry, number32(testAddress)}}
	inSections := pvKernel()
	inSections.where = inSection
	for _, k := range []testKernel{pvKernel(), pvKernel().i386(), pvh, inSections, legacyKernel(mirageLegacy), legacyKernel(mirageLegacy).i386()} {
		f.Add(k.bytes())
	}
	for name, pack := range packers {
		f.Add(pack(pvKernel().bytes()))
		f.Add(bzImage(minProtocol, linuxPayload(name, pvKernel().bytes())))
	}
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, image []byte) {
		r, err := Inspect(t.Context(), bytes.NewReader(image), int64(len(image)))
		if len(image) == 0 {
			if err == nil {
				t.Error("an empty image is no error")
			}
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		checkReport(t, r)
	})
}

// checkReport checks that a report agrees with itself.
func checkReport(t *testing.T, r *Report) {
	t.Helper()
	if r.PVGRUB != (len(r.Problems) == 0) || r.PVGRUB && (r.Boot != "pv" || r.Arch == "" || r.Source == "") || r.Warnings == nil {
		t.Errorf("%+v", r)
	}
	if r.PVGRUB && (r.Archive == "") != (r.Member == "") || leaves(r.Member) {
		t.Errorf("member %q of archive %q", r.Member, r.Archive)
	}
	for _, p := range r.Problems {
		if p.Code == "" || p.Text == "" {
			t.Errorf("%+v", p)
		}
	}
}

// FuzzArchive inspects bytes as they are, and as a member of a tar and a zip. A
// member whose path leads out of the archive is never taken.
func FuzzArchive(f *testing.F) {
	kernel := pvKernel().bytes()
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
			checkReport(t, im.report)
			if im.kernel.Size() > 1<<20 || len(im.open) > 4 {
				t.Errorf("kernel of %d bytes, %d open files", im.kernel.Size(), len(im.open))
			}
			if err := im.Close(); err != nil {
				t.Error(err)
			}
		}
	})
}

// archivesOf returns data itself, and archives that hold it, where the writers
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

// FuzzDomainConfig checks that reading ends, that a fault's line is one of the
// text, and that a configuration that is taken is whole.
func FuzzDomainConfig(f *testing.F) {
	for _, test := range domainConfigs {
		f.Add(test.text)
	}
	for _, test := range badConfigs {
		if len(test.text) < 1000 {
			f.Add(test.text)
		}
	}
	for _, text := range xlTexts {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		settings, err := parseXlConfig(text)
		if err != nil {
			var line int
			if _, scanErr := fmt.Sscanf(err.Error(), "line %d: ", &line); scanErr != nil || line < 1 || line > strings.Count(text, "\n")+1 {
				t.Fatalf("%q: %v", text, err)
			}
			return
		}
		c, err := newDomainConfig(settings, "/dir")
		if err != nil {
			return
		}
		if !filepath.IsAbs(c.Kernel) || c.Ramdisk != "" && !filepath.IsAbs(c.Ramdisk) || c.MemoryMiB < 0 || strings.Contains(c.CommandLine, "\x00") {
			t.Errorf("%q: %+v", text, c)
		}
	})
}
