package xenpv

import (
	"bytes"
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
		r, err := Inspect(bytes.NewReader(image), int64(len(image)))
		if len(image) == 0 {
			if err == nil {
				t.Error("an empty image is no error")
			}
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		if r.PVGRUB != (len(r.Problems) == 0) || r.PVGRUB && (r.Boot != "pv" || r.Arch == "" || r.Source == "") || r.Warnings == nil {
			t.Errorf("%+v", r)
		}
		for _, p := range r.Problems {
			if p.Code == "" || p.Text == "" {
				t.Errorf("%+v", p)
			}
		}
	})
}
