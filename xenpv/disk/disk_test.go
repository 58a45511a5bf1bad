package disk

import (
	"bytes"
	"strings"
	"testing"
)

// The ends of tracks and cylinders, as sfdisk writes them.
func TestCHS(t *testing.T) {
	for sector, want := range map[int64][]byte{
		0:               {0, 1, 0},
		62:              {0, 63, 0},
		63:              {1, 1, 0},
		2048:            {32, 33, 0},
		255*63 - 1:      {254, 63, 0},
		255 * 63:        {0, 1, 1},
		300 * 255 * 63:  {0, 0x41, 44},
		1023*255*63 + 1: {0, 0xc2, 255},
	} {
		if got := chs(sector); !bytes.Equal(got, want) {
			t.Errorf("sector %d is %v, want %v", sector, got, want)
		}
	}
}

// Rumprun's JSON on its root file system needs a disk without partitions, and
// the file.
func TestIsZero(t *testing.T) {
	for _, size := range []int{0, 1, 2, 511, 4096, BlockSize} {
		p := make([]byte, size)
		if !isZero(p) {
			t.Errorf("%d zeros aren't zero", size)
		}
		for _, i := range []int{0, size / 2, size - 1} {
			if size == 0 {
				break
			}
			p[i] = 1
			if isZero(p) {
				t.Errorf("%d bytes are zero with a 1 at %d", size, i)
			}
			p[i] = 0
		}
	}
}

func TestCheckFilePath(t *testing.T) {
	for path, valid := range map[string]bool{
		"/json.cfg": true, "/": true, "/a/b/": true, "/" + strings.Repeat("é", 127): true, "/a b'\"\n": true,
		"a": false, "//": false, "/a/..": false, "/\xff": false, "/" + strings.Repeat("é", 128): false,
	} {
		if err := CheckFilePath(path); (err == nil) != valid {
			t.Errorf("%q: %v", path, err)
		}
	}
}
