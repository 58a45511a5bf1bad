package bootsector

import (
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/unikernel-ami/packer-plugin-unikernel/internal/oracle"
)

// TestDebianKernels starts multiboot kernels that Debian packages, known by their own first words.
func TestDebianKernels(t *testing.T) {
	if testing.Short() {
		t.Skip("boots machines, and the test is to be short")
	}
	dir := oracle.DebianImages(t)
	for name, test := range map[string]struct {
		file, line string
		module     testFile
		args       []string
		until      string
		want       []string
	}{
		"GNU Mach": {
			"gnumach-486.gz", "gnumach console=com0 marker=1",
			testFile{data: noise(70_000, 5), line: "noise --flag=two marker"},
			nil, `panic|noise`,
			[]string{"GNU Mach 1.8"},
		},
		"Xen": {
			"xen-hypervisor.gz", "xen console=com1 com1=115200 dom0_mem=300M noreboot marker=1",
			testFile{data: readFile(t, filepath.Join(dir, "vmlinuz-cloud-amd64")), line: "vmlinuz console=hvc0 earlyprintk=xen marker=2"},
			[]string{"-cpu", "qemu64,family=23,model=1,stepping=2,+aes,+ssse3,+sse4.1,+sse4.2,+popcnt,+rdrand"}, `marker=2|Panic`,
			[]string{"Xen version 4.17", "Bootloader: xenpv", "Command line: console=com1 com1=115200 dom0_mem=300M noreboot marker=1", "marker=2"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			kernel := gunzip(t, filepath.Join(dir, test.file))
			d := testDisk{kernel: testFile{data: kernel, gzip: true, line: test.line}, modules: []testFile{test.module}}
			m := machine{memory: 512, args: test.args, until: regexp.MustCompile(test.until + `[^\n]*\n`), limit: 3 * time.Minute}
			log := m.boot(t, d.image(t))
			for _, want := range test.want {
				if !strings.Contains(log, want) {
					t.Errorf("%s did not print %q", name, want)
				}
			}
			if t.Failed() {
				t.Log(log)
			}
		})
	}
}

func readFile(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func gunzip(t *testing.T, path string) []byte {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return data
}
