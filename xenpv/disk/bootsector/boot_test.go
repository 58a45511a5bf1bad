package bootsector

import (
	"fmt"
	"math/bits"
	"strings"
	"testing"
)

// dirty fills memory where the test kernel has its BSS, before the machine starts.
var dirty = []string{"-device", "loader,addr=0x400010,data=0xffffffffffffffff,data-len=8",
	"-device", "loader,addr=0x202000,data=0xffffffffffffffff,data-len=8"}

// sum is the test kernel's checksum.
func sum(data []byte) (s uint32) {
	for _, b := range data {
		s = bits.RotateLeft32(s, 1) + uint32(b)
	}
	return s
}

func TestBoot(t *testing.T) {
	if testing.Short() {
		t.Skip("boots machines, and the test is to be short")
	}
	small, large := noise(3000, 1), noise(2_500_001, 2)
	tests := map[string]struct {
		kernel  string
		disk    testDisk
		address uint32 // of the first module
	}{
		"ELF32": {"-DELF32", testDisk{}, 0x41a000},
		"ELF64": {"-DELF64", testDisk{}, 0x41a000},
		"a.out": {"-DAOUT", testDisk{}, 0x21a000},
		"compressed kernel": {"-DELF32", testDisk{
			kernel: testFile{gzip: true, pieces: 2}}, 0x41a000},
		"modules": {"-DELF32", testDisk{
			kernel: testFile{line: "kernel a=1  b=\"2\" "},
			modules: []testFile{
				{data: small, line: "first  one"},
				{data: large, pieces: 64, line: ""},
				{data: []byte{1}, line: strings.Repeat("long ", 300)},
			}}, 0x41a000},
		"compressed modules": {"-DAOUT", testDisk{
			modules: []testFile{
				{data: large, gzip: true, pieces: 5},
				{data: small, gzip: true, line: "x"},
				{data: compress(t, small), line: "keep"},
				{data: []byte{}, line: "to be replaced"},
			}}, 0x21a000},
		"fixed address": {"-DELF64", testDisk{
			modules: []testFile{{data: small}, {data: large, gzip: true}},
			address: 32 << 20}, 32 << 20},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := test.disk
			d.kernel.data = assemble(t, "testdata/kernel.asm", test.kernel)
			if n := len(d.modules); n > 3 {
				d.modules[n-1].data = []byte("ends\n")
			}
			log := machine{args: dirty}.boot(t, d.image(t))
			checkReport(t, log, d, test.address)
			if memory := "map=00100000\nlength=03ee0000\ntype=00000001\n"; !strings.Contains(log, memory) || !strings.Contains(log, "upper=0000fb80\n") {
				t.Errorf("the kernel did not print %q, and 0xfb80 KiB above 1 MiB", memory)
			}
		})
	}
}

// checkReport compares what the test kernel printed with what is on the disk.
func checkReport(t *testing.T, log string, d testDisk, address uint32) {
	t.Helper()
	want := []string{
		"magic=2badb002", "data=dada1234", "bss=00000001", "pics=0000ffff", "a20=11223344", "eflags=00000000", "cr0=00000001",
		"info=0000024f", "lower=0000027f", "device=80ffffff", "line=" + d.kernel.line, "loader=xenpv",
	}
	for _, m := range d.modules {
		end := address + uint32(len(m.data))
		want = append(want, fmt.Sprintf("module=%08x\nend=%08x\nstring=%s\nsum=%08x", address, end, m.line, sum(m.data)))
		address = (end + 4095) / 4096 * 4096
	}
	for _, line := range append(want, "done=00000000") {
		if !strings.Contains(log, line+"\n") {
			t.Errorf("the kernel did not print %q", line)
		}
	}
	if got := strings.Count(log, "module="); got != len(d.modules) {
		t.Errorf("the kernel got %d modules; want %d", got, len(d.modules))
	}
	if t.Failed() {
		t.Log(log)
	}
}
