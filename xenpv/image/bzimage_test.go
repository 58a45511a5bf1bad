package image

import (
	"bytes"
	"encoding/binary"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/unikernel-ami/packer-plugin-unikernel/xenpv/internal/kerneltest"
)

// linuxPayload compresses a kernel as Linux's build does: with its size after it,
// except for gzip.
func linuxPayload(name string, kernel []byte) []byte {
	switch name {
	case "gzip":
		return packGzip(kernel)
	case "lz4":
		return binary.LittleEndian.AppendUint32(packLegacyLZ4(kernel), uint32(len(kernel)))
	}
	return binary.LittleEndian.AppendUint32(packers[name](kernel), uint32(len(kernel)))
}

func TestBzImage(t *testing.T) {
	k := kerneltest.PV()
	k.Notes[2].Desc = "linux\x00"
	elfFile := k.Bytes()
	for _, name := range []string{"gzip", "xz", "lzo", "lzma", "lz4", "zstd"} {
		t.Run(name, func(t *testing.T) {
			image := kerneltest.BzImage(minProtocol, linuxPayload(name, elfFile))
			r := openedKernel(t, image, image)
			if r.Payload != "bzimage" || r.PayloadCompression != name || r.Compression != "none" ||
				r.KernelSize != int64(len(image)) || r.System != "linux" || r.Format != "elf64" || !whole(r) {
				t.Errorf("%+v", r)
			}
			got, err := io.ReadAll(openKernel(t, writeFile(t, "image", image)).ELF())
			if err != nil || !bytes.Equal(got, elfFile) {
				t.Errorf("the ELF has %d bytes, want %d; %v", len(got), len(elfFile), err)
			}
			if r := openedKernel(t, packGzip(image), image); r.Compression != "gzip" || !whole(r) {
				t.Errorf("in gzip: %+v", r)
			}
		})
	}
}

func TestBzImageRefused(t *testing.T) {
	file := kerneltest.PV().Bytes()
	payload := packGzip(file)
	far, long := kerneltest.BzImage(minProtocol, payload), kerneltest.BzImage(minProtocol, payload)
	binary.LittleEndian.PutUint32(far[payloadOffsetAt:], 0xffffffff)
	binary.LittleEndian.PutUint32(long[payloadLengthAt:], uint32(len(payload)+19))
	for name, test := range map[string]struct {
		image   []byte
		problem string
	}{
		"old protocol":            {kerneltest.BzImage(minProtocol-1, payload), "bzimage-too-old"},
		"header cut":              {kerneltest.BzImage(minProtocol, payload)[:setupHeaderEnd-1], "truncated"},
		"payload after the end":   {far, "truncated"},
		"payload past the end":    {long, "truncated"},
		"no payload":              {kerneltest.BzImage(minProtocol, nil), "bzimage-payload"},
		"payload not compressed":  {kerneltest.BzImage(minProtocol, file), "bzimage-payload"},
		"payload of another kind": {kerneltest.BzImage(minProtocol, packGzip([]byte("no ELF"))), "bzimage-payload"},
		"payload damaged":         {kerneltest.BzImage(minProtocol, payload[:len(payload)/2]), "truncated"},
	} {
		r := inspectBytes(t, test.image)
		if got := codes(r.Problems); !slices.Equal(got, []string{test.problem}) || whole(r) {
			t.Errorf("%s: %q, want %q", name, got, test.problem)
		}
		if r.Payload != "bzimage" {
			t.Errorf("%s: payload %q", name, r.Payload)
		}
	}
}

// Xen decompresses the first gzip member of a payload and ignores the rest.
func TestBzImageWithMoreBehindItsPayload(t *testing.T) {
	payload := append(packGzip(kerneltest.PV().Bytes()), strings.Repeat("\x00", 8)...)
	if r := inspectBytes(t, kerneltest.BzImage(minProtocol, payload)); !whole(r) {
		t.Error(r.Problems)
	}
}

func TestClosedImageReadsNothing(t *testing.T) {
	im := openKernel(t, writeFile(t, "image", packGzip(kerneltest.PV().Bytes())))
	kernel := im.Kernel()
	if err := im.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(kernel); err == nil {
		t.Error("the kernel is still there")
	}
}
