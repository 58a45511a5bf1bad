package disk

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
)

// testSpec is a disk with three files, of which one is larger than a block.
func testSpec(layout Layout) Spec {
	file := func(path, content string) File {
		return File{Path: path, Data: strings.NewReader(content), Size: int64(len(content))}
	}
	return Spec{
		Layout: layout, Label: "test",
		Files: []File{file("a", "first"), file("boot/kernel", strings.Repeat("kernel ", 10_000)), file("empty", "")},
	}
}

func TestExtents(t *testing.T) {
	for _, layout := range []Layout{LayoutWholeDisk, LayoutPartitioned} {
		spec := testSpec(layout)
		d, err := New(t.Context(), spec)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range spec.Files {
			want := make([]byte, f.Size)
			if _, err := f.Data.ReadAt(want, 0); f.Size > 0 && err != nil {
				t.Fatal(err)
			}
			var got []byte
			for _, e := range d.Extents(f.Path) {
				part := make([]byte, e.Length)
				if _, err := d.ReadAt(part, e.Offset); err != nil || e.Offset%4096 != 0 {
					t.Errorf("%s, %s: %+v: %v", layout, f.Path, e, err)
				}
				got = append(got, part...)
			}
			if !bytes.Equal(got, want) {
				t.Errorf("%s: the extents of %s hold %d bytes, want %d", layout, f.Path, len(got), len(want))
			}
		}
		if got := d.Extents("none"); got != nil {
			t.Errorf("%s: a file that isn't there has extents %v", layout, got)
		}
	}
}

func TestLoader(t *testing.T) {
	for layout, most := range map[Layout]int{LayoutWholeDisk: 512, LayoutPartitioned: 440} {
		plain, err := New(t.Context(), testSpec(layout))
		if err != nil {
			t.Fatal(err)
		}
		spec := testSpec(layout)
		code, content := bytes.Repeat([]byte{0xcc}, most), bytes.Repeat([]byte{0xaa}, 5000)
		spec.Loader = &Loader{Path: "boot/loader", Size: int64(len(content)), Make: func(d *Disk) ([]byte, []byte, error) {
			if len(d.Extents("boot/kernel")) == 0 || len(d.Extents("boot/loader")) == 0 {
				t.Errorf("%s: the layout isn't known", layout)
			}
			return code, content, nil
		}}
		d, err := New(t.Context(), spec)
		if err != nil {
			t.Fatal(err)
		}
		got, before := make([]byte, 1024), make([]byte, 1024)
		stage2 := make([]byte, len(content))
		_, err1 := d.ReadAt(got, 0)
		_, err2 := d.ReadAt(stage2, d.Extents("boot/loader")[0].Offset)
		_, err3 := plain.ReadAt(before, 0)
		if err := errors.Join(err1, err2, err3); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got[:most], code) || !bytes.Equal(stage2, content) {
			t.Errorf("%s: the loader isn't on the disk", layout)
		}
		if !bytes.Equal(got[446:], before[446:]) && layout == LayoutPartitioned {
			// The partition is larger, by the loader's file.
			copy(got[446+5:446+8], before[446+5:])
			copy(got[446+12:446+16], before[446+12:])
			if !bytes.Equal(got[446:], before[446:]) {
				t.Errorf("the partition table is % x, want % x", got[446:512], before[446:512])
			}
		}
	}
}

func TestLoaderRefused(t *testing.T) {
	failed := errors.New("no")
	for name, made := range map[string]struct {
		code, content int
		err           error
	}{
		"code too large":  {441, 10, nil},
		"another content": {1, 11, nil},
		"an error":        {0, 0, failed},
	} {
		spec := testSpec(LayoutPartitioned)
		spec.Loader = &Loader{Path: "loader", Size: 10, Make: func(*Disk) ([]byte, []byte, error) {
			return make([]byte, made.code), make([]byte, made.content), made.err
		}}
		if _, err := New(t.Context(), spec); err == nil || made.err != nil && !errors.Is(err, failed) {
			t.Errorf("%s: error %v", name, err)
		}
	}
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := New(cancelled, testSpec("")); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: error %v", err)
	}
}
