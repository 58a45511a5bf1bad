package image

import (
	"debug/elf"
	"encoding/binary"
	"strings"
	"testing"

	"github.com/unikernel-ami/packer-plugin-unikernel/xenpv/internal/kerneltest"
)

// A program header shows that some ELF files are not kernels.
func TestProgramKinds(t *testing.T) {
	for name, test := range map[string]struct {
		kind   elf.Type
		entry  uint64
		header elf.ProgType
		text   string
		want   string
	}{
		"a Linux program":     {elf.ET_DYN, kerneltest.Address, elf.PT_INTERP, "/lib64/ld-linux-x86-64.so.2\x00", "a program for Linux"},
		"Solo5's interpreter": {elf.ET_EXEC, kerneltest.Address, elf.PT_INTERP, "/nonexistent/solo5/\x00", ""},
		"a shared object":     {elf.ET_DYN, 0, elf.PT_DYNAMIC, "", "a shared object"},
		"a core dump":         {elf.ET_CORE, 0, elf.PT_NOTE, "", "a core dump"},
		"a kernel":            {elf.ET_DYN, kerneltest.Address, elf.PT_DYNAMIC, "", ""},
	} {
		k := kerneltest.PV()
		k.Type, k.Entry, k.Text = test.kind, test.entry, test.text
		k.Notes = []kerneltest.Note{kerneltest.NewNote("GNU", 3, "build-id")}
		image := k.Bytes()
		second := 64 + 56
		binary.LittleEndian.PutUint32(image[second:], uint32(test.header))
		binary.LittleEndian.PutUint64(image[second+8:], 64+2*56) // the offset of the text
		r := inspectBytes(t, image)
		if r.ELF.Program != test.want || !r.Executable {
			t.Errorf("%s: %q, want %q; %v", name, r.ELF.Program, test.want, r.Problems)
		}
	}
}

func TestMultiboot(t *testing.T) {
	multiboot1 := kerneltest.Number32(0x1badb002) + kerneltest.Number32(3) + kerneltest.Number32(0xffffffff-0x1badb002-3+1) + kerneltest.Number32(0)
	multiboot2 := kerneltest.Number32(0xe85250d6) + kerneltest.Number32(0) + kerneltest.Number32(24) + kerneltest.Number32(0xffffffff-0xe85250d6-24+1)
	const textAt = 64 + 2*56 // a multiple of 8
	for name, test := range map[string]struct {
		text string
		want bool
	}{
		"none":                  {"", false},
		"multiboot 1":           {multiboot1, true},
		"multiboot 2":           {multiboot2, true},
		"multiboot 1, aligned":  {"1234" + multiboot1, true},
		"not aligned":           {"12" + multiboot1, false},
		"multiboot 2, by 4":     {"1234" + multiboot2, false},
		"a wrong checksum":      {multiboot1[:8] + kerneltest.Number32(1) + kerneltest.Number32(0), false},
		"multiboot 1, last":     {strings.Repeat("-", 8<<10-textAt-4) + multiboot1, true},
		"multiboot 1, too late": {strings.Repeat("-", 8<<10-textAt) + multiboot1, false},
		"multiboot 2, too late": {strings.Repeat("-", 32<<10-textAt) + multiboot2, false},
	} {
		k := kerneltest.PV()
		k.Notes, k.Text = nil, test.text
		r := inspectBytes(t, k.Bytes())
		if r.ELF.Multiboot != test.want || !r.Executable {
			t.Errorf("%s: %v, %v", name, r.ELF.Multiboot, r.Problems)
		}
	}
}
