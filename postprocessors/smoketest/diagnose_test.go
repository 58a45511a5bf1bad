package smoketest

import (
	"strings"
	"testing"
)

func TestDiagnose(t *testing.T) {
	for _, test := range []struct{ console, what, line string }{
		{"", "", ""},
		{"hello\r\nserving on port 80\r\n", "", ""},
		// An application's words.
		{"request failed: Error 5: try again\r\n", "", ""},
		{"Error 404: not found /favicon.ico\n", "", ""},
		{"panic: recovered from a bad request\n", "", ""},
		{"Thread pool worker crashed\nAborted\nBUG at hand\nCRIT: 0 Unhandled requests, 0 crashes\n", "", ""},
		// What was survived: a fallback entry.
		{"Error 15: File not found\n\n  Booting 'fallback'\n" + strings.Repeat("up and running\n", 50), "", ""},
		{"Xen Minimal OS!\n\n    GNU GRUB  version 0.97\n\ngrubdom> ", "PV-GRUB is at its prompt", "grubdom>"},
		{"  Booting 'x'\r\n\r\nError 15: File not found\r\n", "PV-GRUB could not boot the entry of menu.lst", "Error 15: File not found"},
		{"\x1b[1m[    0.9] Kernel panic - not syncing: No working init found.\x1b[0m\n", "the kernel panicked", "[    0.9] Kernel panic - not syncing: No working init found."},
		{"*** CRASH: LING does not support domains larger than 4Gb\n", "LING crashed", "*** CRASH: LING does not support domains larger than 4Gb"},
		{"Fatal error: exception Failure(\"no network\")\n", "MirageOS exited with an error", "Fatal error: exception Failure(\"no network\")"},
		{"{\"init terminating in do_boot\",{undef,[{nosuch,start,[],[]}]}}\n*** halt: \"crash\"\n", "LING could not start", "{\"init terminating in do_boot\",{undef,[{nosuch,start,[],[]}]}}"},
		{"main: (Failure \"device 51728 not found (available = [ 2049 ])\")\n", "MirageOS requires another disk", "main: (Failure \"device 51728 not found (available = [ 2049 ])\")"},
		{"Page fault at linear address 0x8, rip 0x1\n", "Mini-OS crashed", "Page fault at linear address 0x8, rip 0x1"},
		{"localec2: tcp 127.0.0.2:80 to port 80 can't be forwarded: listen tcp4: bind: permission denied\n", "localec2 could not open the port on this machine",
			"localec2: tcp 127.0.0.2:80 to port 80 can't be forwarded: listen tcp4: bind: permission denied"},
		{"localec2: the guest could not be started: no menu.lst\n\nError 15: File not found\n", "PV-GRUB could not boot the entry of menu.lst", "Error 15: File not found"},
		{"localec2: the guest ended: crash\r\n", "the guest crashed", "localec2: the guest ended: crash"},
		{"Kernel panic - not syncing: " + strings.Repeat("é", 200) + "\n", "the kernel panicked", "Kernel panic - not syncing: " + strings.Repeat("é", 92) + "…"},
	} {
		sign, line := diagnose(test.console)
		if (sign == nil) != (test.what == "") || sign != nil && (sign.what != test.what || line != test.line) {
			t.Errorf("%q: %v, line %q", test.console, sign, line)
		}
	}
}

// A guest that writes for ever fills no memory, and its first and last words
// stay.
func TestScreenIsBounded(t *testing.T) {
	var s screen
	_, _ = s.Write([]byte("first words\n"))
	for range 1000 {
		_, _ = s.Write([]byte(strings.Repeat("x", 1023) + "\n"))
	}
	_, _ = s.Write([]byte("last words\n"))
	text := s.String()
	if len(text) > 2*screenHalf+100 || !strings.HasPrefix(text, "first words\n") || !strings.HasSuffix(text, "last words\n") || !strings.Contains(text, "bytes omitted") {
		t.Errorf("%d bytes: %.20q … %q", len(text), text, text[len(text)-20:])
	}
	if len(s.tail) > 2*screenHalf || len(s.head) > screenHalf {
		t.Errorf("keeps %d and %d bytes", len(s.head), len(s.tail))
	}
}
