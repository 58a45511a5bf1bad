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

const look = "see the console's last lines"

// signs are the last words of boot loaders and kernels, those that tell most
// first. They are what these programs print themselves, so that an application
// which merely reports an error isn't taken for a crash.
var signs = []sign{
	{regexp.MustCompile(`^grubdom> *$`), "PV-GRUB stands at its prompt",
		"it found no menu.lst with an entry on the disk: make the AMI of a disk that this plugin wrote"},
	// The messages of stage2/common.c in GRUB 0.97.
	{regexp.MustCompile(`^Error ([1-9]|[12][0-9]|3[0-5]): (Filename must|Bad file|Bad or corrupt|Bad or incompatible|Partition table|Mismatched|Unsupported|Unrecognized|Device string|Invalid|Disk read|Disk write|Disk geometry|Attempt to|Cylinder|File not found|Inconsistent|Cannot|Inner error|Loading below|Kernel must|Unknown|Selected|No such|Must load|Error while|Too many|The BIOS|Argument)`),
		"PV-GRUB could not start the entry of menu.lst", "look at /boot/grub/menu.lst on the disk and the files that it names"},
	{regexp.MustCompile(`no loader found|xc_dom_parse_image returned -`), "PV-GRUB could not load the kernel",
		"the kernel isn't one for Xen PV: see what \"xenpv inspect\" says about it"},
	{regexp.MustCompile(`Kernel panic - not syncing`), "the kernel panicked", look},
	{regexp.MustCompile(`\*\*\* CRASH: `), "LING crashed", "with more memory than it stands, take a smaller instance type (instance_types); " + look},
	{regexp.MustCompile(`"?init terminating in `), "LING's start ended", "what -s, -run or -eval names is missing or has crashed: look at these options and at -pz; " + look},
	{regexp.MustCompile(`^\*\*\* halt: `), "the Erlang program halted LING", look},
	{regexp.MustCompile(`device \d+ not found \(available = `), "MirageOS wants a further disk", "an AMI of this plugin has its root disk only: build the image without the block device, or with its data inside"},
	{regexp.MustCompile(`arp timeout to gw`), "the gateway that is compiled into the image doesn't answer",
		"on EC2 it is the first address of the subnet: take a subnet that begins one address before the gateway"},
	{regexp.MustCompile(`^Fatal error: exception |^Mirage exiting with status [1-9]|\[application\] main: \(Failure`), "MirageOS ended with an error", look},
	{regexp.MustCompile(`^(Page fault at linear address |GPF rip: |BUG at \S+:\d+)`), "Mini-OS crashed", look},
	{regexp.MustCompile(`^=== ERROR: _exit\(`), "Rumprun ended with an error", look},
	{regexp.MustCompile(`^page fault outside application`), "OSv crashed", look},
	{regexp.MustCompile(`^localec2: tcp .* can't be forwarded: `), "localec2 could not open the port on this machine",
		"run it as root, or allow low ports: sysctl net.ipv4.ip_unprivileged_port_start=0"},
	{regexp.MustCompile(`^localec2: the guest could not be started`), "the guest could not be started", look},
	{regexp.MustCompile(`^localec2: the guest ended: crash`), "the guest crashed", look},
}

// escapes are ANSI colour and cursor sequences.
var escapes = regexp.MustCompile("\x1b\\[[0-9;?]*[A-Za-z]")

// deathbed is how many lines from the end last words can be: a panic of Linux
// ends with some thirty lines of registers and calls. What stands further up was
// survived, as PV-GRUB survives an error by its fallback entry.
const deathbed = 40

// diagnose finds the sign at a console's end that tells most, and the line that
// shows it.
func diagnose(console string) (*sign, string) {
	lines := strings.Split(strings.TrimSpace(console), "\n")
	found, shows := len(signs), ""
	for _, line := range lines[max(len(lines)-deathbed, 0):] {
		line = strings.TrimRight(escapes.ReplaceAllString(line, ""), "\r \t")
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
