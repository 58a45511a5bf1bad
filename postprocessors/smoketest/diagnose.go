package smoketest

import (
	"fmt"
	"regexp"
	"strings"
)

// sign is what a console shows of a guest that will never answer.
type sign struct {
	pattern *regexp.Regexp // matches within a line
	what    string
	remedy  string
}

// signs are the last words of boot loaders and kernels, those that tell most
// first. They are what these
// programs print themselves, so that an application which merely reports an
// error isn't taken for a crash.
var signs = []sign{
	{regexp.MustCompile(`^grubdom>|^\s*\[ Minimal BASH-like line editing`), "PV-GRUB stands at its prompt",
		"it found no menu.lst with an entry on the disk: see what \"xenpv inspect\" says about the image, and make the AMI of a disk that this plugin wrote"},
	{regexp.MustCompile(`^\s*Error \d+: `), "PV-GRUB could not start the entry of menu.lst",
		"look at /boot/grub/menu.lst on the disk and the files that it names"},
	{regexp.MustCompile(`xc_dom_|^ERROR: (no loader|Invalid kernel)|no loader found`), "PV-GRUB could not load the kernel",
		"the kernel isn't one for Xen PV: see what \"xenpv inspect\" says about it"},
	{regexp.MustCompile(`Kernel panic - not syncing`), "the kernel panicked", "see the console's last lines"},
	{regexp.MustCompile(`\*\*\* CRASH: `), "LING crashed", "with more memory than it stands, take a smaller instance type (instance_types)"},
	{regexp.MustCompile(`^Fatal error: exception `), "MirageOS ended with an exception", "see the console's last lines"},
	{regexp.MustCompile(`^(Page fault at linear address|GPF |Unhandled trap|BUG at |Thread .* (crashed|stack overflow))`), "Mini-OS crashed", "see the console's last lines"},
	{regexp.MustCompile(`^panic: |^=== ERROR: _exit\(`), "Rumprun ended with an error", "see the console's last lines"},
	{regexp.MustCompile(`^(Aborted$|Assertion failed: .*\(|page fault outside application)`), "OSv aborted", "see the console's last lines"},
	{regexp.MustCompile(`\bCRIT: .*(Unhandled|crash|Crash)|Unikraft crash`), "Unikraft crashed", "see the console's last lines"},
	{regexp.MustCompile(`^localec2: the guest could not be started`), "the guest could not be started", "see the console's last lines"},
	{regexp.MustCompile(`^localec2: the guest ended: crash`), "the guest crashed", "see the console's last lines"},
}

// escapes are ANSI colour and cursor sequences.
var escapes = regexp.MustCompile("\x1b\\[[0-9;?]*[A-Za-z]")

// diagnose finds the sign on a console that tells most, and the line that shows
// it.
func diagnose(console string) (*sign, string) {
	found, shows := len(signs), ""
	for line := range strings.Lines(console) {
		line = strings.TrimRight(escapes.ReplaceAllString(line, ""), "\r\n \t")
		for i := range signs[:found] {
			if signs[i].pattern.MatchString(line) {
				found, shows = i, shortened(line)
				break
			}
		}
	}
	if found == len(signs) {
		return nil, ""
	}
	return &signs[found], shows
}

// shortened keeps what is read in an error.
func shortened(line string) string {
	const most = 120 // characters, two lines of a terminal
	runes := []rune(strings.TrimSpace(line))
	if len(runes) > most {
		return fmt.Sprintf("%s…", string(runes[:most]))
	}
	return string(runes)
}

// silent is what may be wrong where nothing ever answered.
const silent = "nothing answered at all: the guest may have no network. " +
	"On EC2 it must ask for its address by DHCP (LING: -dhcp; MirageOS: configured with dhcp; Rumprun: \"method\":\"dhcp\"), " +
	"or have the address compiled in that private_ip_address gives it; and the security group and the route to it must be open"
