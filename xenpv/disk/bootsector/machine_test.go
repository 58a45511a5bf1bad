package bootsector

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/unikernel-ami/packer-plugin-unikernel/internal/oracle"
)

// A testFile is a file for a disk in a test.
type testFile struct {
	data   []byte
	packed []byte // what to store with gzip; nil stands for what compress makes
	gzip   bool   // compress it, for the loader to decompress
	pieces int    // number of extents, laid out last piece first; 0 stands for 1
	line   string
}

// A testDisk is a disk with files at sectors chosen by the test: no file system.
type testDisk struct {
	kernel  testFile
	modules []testFile
	address uint32 // of the first module

	edit func(table *Table, disk []byte) []byte // changes the finished disk
}

const testStage2Start = 8

// image builds the disk.
func (d testDisk) image(t testing.TB) []byte {
	t.Helper()
	header, err := ParseMultiboot(bytes.NewReader(d.kernel.data), int64(len(d.kernel.data)))
	if err != nil {
		t.Fatal(err)
	}
	disk := make([]byte, 128*SectorSize)
	table := Table{Header: header, ModuleAddress: d.address}
	disk, table.Kernel = d.kernel.put(t, disk)
	for _, m := range d.modules {
		var f File
		disk, f = m.put(t, disk)
		table.Modules = append(table.Modules, f)
	}
	stage2, err := Stage2(table)
	if err != nil {
		t.Fatal(err)
	}
	sector, err := Sector(Extent{testStage2Start, uint32(len(stage2) / SectorSize)})
	if err != nil {
		t.Fatal(err)
	}
	copy(disk, sector)
	copy(disk[testStage2Start*SectorSize:], stage2)
	if d.edit != nil {
		disk = d.edit(&table, disk)
	}
	return disk
}

// put appends the file to the disk.
func (f testFile) put(t testing.TB, disk []byte) ([]byte, File) {
	t.Helper()
	data := f.data
	file := File{CommandLine: f.line}
	if f.gzip {
		if data = f.packed; data == nil {
			data = compress(t, f.data)
		}
		file.UncompressedSize = int64(len(f.data))
	}
	file.Size = int64(len(data))
	sectors := (len(data) + SectorSize - 1) / SectorSize
	data = append(append([]byte(nil), data...), bytes.Repeat([]byte{0xee}, sectors*SectorSize-len(data))...)
	pieces := max(min(f.pieces, sectors), 1)
	file.Extents = make([]Extent, pieces)
	for i := pieces - 1; i >= 0; i-- {
		from, to := sectors*i/pieces, sectors*(i+1)/pieces
		file.Extents[i] = Extent{uint64(len(disk) / SectorSize), uint32(to - from)}
		disk = append(disk, data[from*SectorSize:to*SectorSize]...)
		disk = append(disk, bytes.Repeat([]byte{0xdd}, SectorSize)...) // belongs to no file
	}
	return disk, file
}

// compress returns data, compressed with gzip, with all optional fields in the header.
func compress(t testing.TB, data []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	w.Name, w.Comment, w.Extra = "kernel", "a comment", bytes.Repeat([]byte{7}, 300)
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// assemble returns what nasm makes of a file in testdata.
func assemble(t testing.TB, source string, options ...string) []byte {
	t.Helper()
	nasm := oracle.Need(t, "nasm")
	out := filepath.Join(t.TempDir(), "out.bin")
	args := append([]string{"-Werror", "-f", "bin", "-o", out}, options...)
	if text, err := exec.CommandContext(t.Context(), nasm, append(args, source)...).CombinedOutput(); err != nil {
		t.Fatalf("nasm %s: %v\n%s", source, err, text)
	}
	data, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// A machine is a PC in plain QEMU that boots a disk.
type machine struct {
	memory int            // in MiB; 0 stands for 64
	disk   string         // QEMU's interface of the disk; "" stands for IDE
	until  *regexp.Regexp // ends it when the serial port has printed this
	last   func()         // called before a machine that has printed its last line is ended
	args   []string
	limit  time.Duration // 0 stands for a minute: it takes a second, on a busy machine some more
}

// loaderError is the loader's last line when it fails.
var loaderError = regexp.MustCompile(`(?m)^E\d: .*\r\n`)

// boot boots the disk, and returns what the serial port printed. It ends when the kernel ends
// QEMU, when the loader halts with an error, or when m.until is printed.
func (m machine) boot(t testing.TB, disk []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "disk.img")
	if err := os.WriteFile(path, disk, 0o600); err != nil {
		t.Fatal(err)
	}
	return m.bootFile(t, path)
}

// bootFile is boot with the disk in a file.
func (m machine) bootFile(t testing.TB, path string) string {
	t.Helper()
	qemu := oracle.Need(t, "qemu-system-x86_64")
	limit := m.limit
	if limit == 0 {
		limit = time.Minute
	}
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	kind := m.disk
	if kind == "" {
		kind = "ide"
	}
	drive := "if=" + kind + ",format=raw,snapshot=on,file=" + path
	memory := m.memory
	if memory == 0 {
		memory = 64
	}
	args := append([]string{"-accel", "tcg", "-m", strconv.Itoa(memory), "-nodefaults", "-display", "none", "-no-reboot",
		"-serial", "stdio", "-device", "isa-debug-exit,iobase=0xf4,iosize=4", "-drive", drive}, m.args...)
	cmd := exec.CommandContext(ctx, qemu, args...)
	return m.watch(t, cmd, cancel)
}

// watch runs QEMU until it ends or has printed its last line.
func (m machine) watch(t testing.TB, cmd *exec.Cmd, cancel func()) string {
	t.Helper()
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var log []byte
	var ended bool
	for chunk := make([]byte, 4096); ; {
		n, err := out.Read(chunk)
		log = append(log, chunk[:n]...)
		if loaderError.Match(log) || m.until != nil && m.until.Match(log) {
			if ended = true; m.last != nil {
				m.last()
			}
			break
		}
		if err != nil {
			ended = errors.Is(err, io.EOF) && bytes.Contains(log, []byte("done="))
			break
		}
	}
	cancel()
	err = cmd.Wait()
	if !ended {
		t.Errorf("the machine did not end as expected: %v\n%s\nserial port:\n%s", err, &errs, log)
	}
	return string(log)
}

// noise returns size bytes that compress about as well as a kernel does: words
// of a small vocabulary, runs, and some random bytes, the same for the same seed.
func noise(size int, seed uint32) []byte {
	next := func() uint32 {
		seed = seed*1664525 + 1013904223
		return seed >> 8
	}
	var b bytes.Buffer
	for b.Len() < size {
		switch next() % 4 {
		case 0:
			fmt.Fprintf(&b, "%x", next())
		case 1:
			b.Write(bytes.Repeat([]byte{byte(next())}, int(next()%600)))
		default:
			fmt.Fprintf(&b, "word%d ", next()%5000)
		}
	}
	return b.Bytes()[:size]
}
