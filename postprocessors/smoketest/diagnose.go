package smoketest

import (
	"fmt"
	"regexp"
	"strings"
)

// sign is a pattern on the console of a guest that will never respond.
type sign struct {
	pattern *regexp.Regexp // matches within a line
	what    string
	remedy  string
}

const seeConsole = "see the last lines of the console"

// signs are the last messages of boot loaders and kernels, the most specific
// first. Only what these programs print themselves is listed, so that an
// application which reports an error isn't mistaken for a crash.
var signs = []sign{
	{regexp.MustCompile(`^grubdom> *$`), "PV-GRUB is at its prompt",
		"it found no menu.lst with an entry on the disk: use a disk that this plugin wrote"},
	// The messages of stage2/common.c in GRUB 0.97.
	{regexp.MustCompile(`^Error ([1-9]|[12][0-9]|3[0-5]): (Filename must|Bad file|Bad or corrupt|Bad or incompatible|Partition table|Mismatched|Unsupported|Unrecognized|Device string|Invalid|Disk read|Disk write|Disk geometry|Attempt to|Cylinder|File not found|Inconsistent|Cannot|Inner error|Loading below|Kernel must|Unknown|Selected|No such|Must load|Error while|Too many|The BIOS|Argument)`),
		"PV-GRUB could not boot the entry of menu.lst", "check /boot/grub/menu.lst on the disk and the files that it names"},
	{regexp.MustCompile(`no loader found|xc_dom_parse_image returned -`), "PV-GRUB could not load the kernel",
		"the kernel is not a Xen PV kernel: run \"xenpv inspect\" on it"},
	{regexp.MustCompile(`Kernel panic - not syncing`), "the kernel panicked", seeConsole},
	{regexp.MustCompile(`\*\*\* CRASH: `), "LING crashed", "if it has more memory than it supports, use a smaller instance type (instance_types); " + seeConsole},
	{regexp.MustCompile(`"?init terminating in `), "LING could not start", "a module named by -s, -run or -eval is missing or has crashed: check these options and -pz; " + seeConsole},
	{regexp.MustCompile(`^\*\*\* halt: `), "the Erlang program halted LING", seeConsole},
	{regexp.MustCompile(`device \d+ not found \(available = `), "MirageOS requires another disk", "an AMI of this plugin has only a root disk: build the image without the block device, or with the data inside"},
	{regexp.MustCompile(`arp timeout to gw`), "the gateway compiled into the image does not respond",
		"on EC2 the gateway is the second address of the subnet: use a subnet that begins one address before the gateway"},
	{regexp.MustCompile(`^Fatal error: exception |^Mirage exiting with status [1-9]|\[application\] main: \(Failure`), "MirageOS exited with an error", seeConsole},
	{regexp.MustCompile(`^(Page fault at linear address |GPF rip: |BUG at \S+:\d+)`), "Mini-OS crashed", seeConsole},
	{regexp.MustCompile(`^=== ERROR: _exit\(`), "Rumprun exited with an error", seeConsole},
	{regexp.MustCompile(`^page fault outside application`), "OSv crashed", seeConsole},
	{regexp.MustCompile(`^localec2: tcp .* can't be forwarded: `), "localec2 could not open the port on this machine",
		"run it as root, or allow low ports: sysctl net.ipv4.ip_unprivileged_port_start=0"},
	{regexp.MustCompile(`^localec2: the guest could not be started`), "the guest could not be started", seeConsole},
	{regexp.MustCompile(`^localec2: the guest ended: crash`), "the guest crashed", seeConsole},
}

// escapes are ANSI color and cursor sequences.
var escapes = regexp.MustCompile("\x1b\\[[0-9;?]*[A-Za-z]")

// lastLinesRead is how far from the end a fatal message can be, in lines: a panic
// of Linux ends with some thirty lines of registers and calls. The guest survived
// whatever is further up, as PV-GRUB survives an error with its fallback entry.
const lastLinesRead = 40

// diagnose finds the most specific sign at the end of a console, and the line
// that shows it.
func diagnose(console string) (*sign, string) {
	lines := strings.Split(strings.TrimSpace(console), "\n")
	found, shows := len(signs), ""
	for _, line := range lines[max(len(lines)-lastLinesRead, 0):] {
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

// shortened limits a line to what is readable in an error.
func shortened(line string) string {
	const most = 120 // characters, two lines of a terminal
	runes := []rune(strings.TrimSpace(line))
	if len(runes) > most {
		return fmt.Sprintf("%s…", string(runes[:most]))
	}
	return string(runes)
}
