package bootsector

import (
	"bytes"
	"testing"
)

// TestSource assembles the loader again, and compares it with the bytes beside its source.
func TestSource(t *testing.T) {
	if got := assemble(t, "boot.asm"); !bytes.Equal(got, boot) {
		t.Errorf("boot.bin (%d bytes) is not what nasm makes of boot.asm (%d bytes): run \"go generate\"", len(boot), len(got))
	}
}

// TestCodeSize holds the loader small: sector and second stage have at most 4 KiB of code.
func TestCodeSize(t *testing.T) {
	code := CodeSize + stage2Size()
	t.Logf("boot sector %d bytes of code, second stage %d bytes", CodeSize, stage2Size())
	if code > 4096 {
		t.Errorf("the loader's code has %d bytes; at most 4096", code)
	}
	if tail := boot[CodeSize : SectorSize-2]; !bytes.Equal(tail, make([]byte, len(tail))) {
		t.Error("the boot sector has code where the partition table belongs")
	}
	if tail := boot[SectorSize:stage2Offset]; !bytes.Equal(tail, make([]byte, len(tail))) {
		t.Error("boot.bin has code behind the boot sector, where no disk holds it")
	}
}
