package bootsector

import (
	"bufio"
	"bytes"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// table returns the second stage's table on a disk.
func table(disk []byte) []byte { return disk[testStage2Start*SectorSize+stage2Size():] }

// sabotage returns an edit that starts the disk by testdata/saboteur.asm.
func sabotage(t *testing.T, option string) func(*Table, []byte) []byte {
	t.Helper()
	sector := assemble(t, "testdata/saboteur.asm", option)
	return func(_ *Table, disk []byte) []byte {
		copy(disk[SectorSize:], disk[:SectorSize])
		copy(disk, sector)
		return disk
	}
}

// change returns an edit that applies f to the bytes of the first module on the disk.
func change(f func(data []byte)) func(*Table, []byte) []byte {
	return func(table *Table, disk []byte) []byte {
		m := table.Modules[0]
		start := m.Extents[0].Start * SectorSize
		f(disk[start : start+uint64(m.Size)])
		return disk
	}
}

// Places in the table, whose first step loads the kernel from one extent.
const (
	tableStart  = 0
	loadAddress = 16
	loadLength  = 20
	loadSize    = 24
	loadExtents = 28
	loadStart   = 32
	expectKind  = 44
)

// TestErrors shows each of the loader's errors.
func TestErrors(t *testing.T) {
	if testing.Short() {
		t.Skip("boots machines, and the test is to be short")
	}
	put := func(at int, v uint32) func(*Table, []byte) []byte {
		return func(_ *Table, disk []byte) []byte {
			le.PutUint32(table(disk)[at:], v)
			return disk
		}
	}
	tests := []struct {
		name, want string
		machine    machine
		edit       func(*Table, []byte) []byte
	}{
		{"floppy", "E1: BIOS cannot read this disk by LBA", machine{disk: "floppy"}, nil},
		{"second stage beyond the disk", "E2: disk read", machine{}, func(_ *Table, disk []byte) []byte {
			le.PutUint64(disk[packetOffset+8:], 1<<20)
			return disk
		}},
		{"kernel beyond the disk", "E2: disk read", machine{}, put(loadStart, 1<<20)},
		{"kernel beyond 2^32 sectors", "E2: disk read", machine{}, put(loadStart+4, 1)},
		{"no second stage", "E3: no second stage", machine{}, func(_ *Table, disk []byte) []byte {
			disk[testStage2Start*SectorSize]++
			return disk
		}},
		{"no memory map", "E4: no memory map", machine{}, sabotage(t, "-DNO_MAP")},
		{"A20 off", "E5: A20 is off", machine{}, sabotage(t, "-DNO_A20")},
		{"version of the table", "E6: bad file table", machine{}, put(tableStart, 0)},
		{"no extents", "E6: bad file table", machine{}, put(loadExtents, 0)},
		{"unknown step", "E6: bad file table", machine{}, put(expectKind, 5)},
		{"module above memory", "E7: not enough memory", machine{memory: 16}, nil},
		{"kernel below 1 MiB", "E7: not enough memory", machine{}, put(loadAddress, 0x90000)},
		{"kernel in the hole below 4 GiB", "E7: not enough memory", machine{}, put(loadAddress, 0xff000000)},
		{"kernel around the end of memory", "E7: not enough memory", machine{}, put(loadLength, 0xffffffff)},
		{"no gzip", "E8: bad gzip data", machine{}, change(func(b []byte) { b[0]++ })},
		{"not deflate", "E8: bad gzip data", machine{}, change(func(b []byte) { b[2]++ })},
		{"first block", "E8: bad gzip data", machine{}, change(func(b []byte) { b[gzipHead] |= 6 })},
		{"code lengths", "E8: bad gzip data", machine{}, change(func(b []byte) { clear(b[gzipHead+3 : gzipHead+40]) })},
		{"all ones", "E8: bad gzip data", machine{}, change(func(b []byte) { copy(b[gzipHead+200:], bytes.Repeat([]byte{0xff}, 5000)) })},
		{"one bit", "E8: bad gzip data", machine{}, change(func(b []byte) { b[len(b)/2] ^= 16 })},
		{"CRC", "E8: bad gzip data", machine{}, change(func(b []byte) { b[len(b)-5]++ })},
		{"size", "E8: bad gzip data", machine{}, change(func(b []byte) { b[len(b)-4]++ })},
		{"truncated kernel", "E9: no multiboot kernel", machine{}, put(loadStart, 2)},
	}
	kernel := assemble(t, "testdata/kernel.asm", "-DELF32")
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			d := testDisk{kernel: testFile{data: kernel}, modules: []testFile{{data: noise(300000, 3), gzip: true}}, address: 32 << 20, edit: test.edit}
			if log := test.machine.boot(t, d.image(t)); log != test.want+"\r\n" {
				t.Errorf("the serial port printed %q; want only %q", log, test.want)
			}
		})
	}
}

// gzipHead is the size of the gzip header that compress writes.
const gzipHead = 10 + 2 + 300 + len("kernel") + 1 + len("a comment") + 1

// TestGzipSizes boots gzip files that are longer or shorter than the table says.
func TestGzipSizes(t *testing.T) {
	if testing.Short() {
		t.Skip("boots machines, and the test is to be short")
	}
	kernel := assemble(t, "testdata/kernel.asm", "-DELF32")
	for name, at := range map[string]struct{ word, delta int }{
		"too long":  {loadLength, -1},
		"too short": {loadLength, +1},
		"truncated": {loadSize, -1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := testDisk{kernel: testFile{data: kernel, gzip: true}, edit: func(_ *Table, disk []byte) []byte {
				word := table(disk)[at.word:]
				le.PutUint32(word, le.Uint32(word)+uint32(at.delta))
				return disk
			}}
			if log := (machine{}).boot(t, d.image(t)); log != "E8: bad gzip data\r\n" {
				t.Errorf("the serial port printed %q", log)
			}
		})
	}
}

// TestFirmware boots on BIOSes with a quirk that the loader must cope with.
func TestFirmware(t *testing.T) {
	if testing.Short() {
		t.Skip("boots machines, and the test is to be short")
	}
	kernel := assemble(t, "testdata/kernel.asm", "-DELF32")
	for _, option := range []string{"-DEND_CARRY", "-DFAST_A20", "-DBIOS_A20"} {
		t.Run(option, func(t *testing.T) {
			t.Parallel()
			d := testDisk{kernel: testFile{data: kernel}, edit: sabotage(t, option)}
			checkReport(t, machine{args: dirty}.boot(t, d.image(t)), d, 0)
		})
	}
}

// monitor sends a command to QEMU's monitor, and returns when it has been carried out.
func monitor(t *testing.T, socket, command string) {
	t.Helper()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	r := bufio.NewReader(conn)
	for range 2 { // the prompt before the command, and the one after it
		for !strings.HasSuffix(readUntil(t, r, ')'), "(qemu)") {
		}
		if _, err := fmt.Fprintln(conn, command); err != nil {
			t.Fatal(err)
		}
		command = ""
	}
}

func readUntil(t *testing.T, r *bufio.Reader, end byte) string {
	t.Helper()
	s, err := r.ReadString(end)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestScreen reads an error from the screen's memory.
func TestScreen(t *testing.T) {
	if testing.Short() {
		t.Skip("boots a machine, and the test is to be short")
	}
	dir := t.TempDir()
	screen := filepath.Join(dir, "screen")
	socket := filepath.Join(dir, "monitor")
	d := testDisk{kernel: testFile{data: assemble(t, "testdata/kernel.asm", "-DELF32")}, edit: func(_ *Table, disk []byte) []byte {
		le.PutUint32(table(disk)[loadExtents:], 0)
		return disk
	}}
	m := machine{args: []string{"-vga", "std", "-monitor", "unix:" + socket + ",server=on,wait=off"},
		last: func() { monitor(t, socket, fmt.Sprintf("pmemsave 0xb8000 4000 %q", screen)) }}
	m.boot(t, d.image(t))
	cells, err := os.ReadFile(screen)
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	for i := 0; i < len(cells); i += 2 {
		text.WriteByte(cells[i])
	}
	if !strings.Contains(text.String(), "E6: bad file table  ") {
		t.Errorf("the screen shows %q", text.String())
	}
}
