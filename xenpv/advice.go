package xenpv

import (
	"regexp"
	"slices"
	"strings"

	"github.com/unikernel-ami/packer-plugin-unikernel/xenpv/boot"
	"github.com/unikernel-ami/packer-plugin-unikernel/xenpv/disk"
	"github.com/unikernel-ami/packer-plugin-unikernel/xenpv/image"
)

// systemWarnings returns what to know about an image of a system, regardless of its
// command line.
func systemWarnings(f *image.Facts) []image.Finding {
	switch f.System {
	case "ling":
		return warnLING(f)
	case "mirage":
		return []image.Finding{image.Findingf("mirage-address", "a MirageOS image has its address compiled in unless it was configured for DHCP, which EC2 requires: mirage configure -t xen --dhcp=true")}
	case "halvm":
		return []image.Finding{image.Findingf("halvm-address", "a HaLVM program configures the network in its own code (HaNS), and EC2 requires DHCP: make the program use it")}
	case "osv":
		return []image.Finding{image.Findingf("osv-hvm", "OSv also starts as HVM, on current instance types: an AMI of its disk image usr.img, made with OSv's scripts/ec2-make-ami.py, is better")}
	case "clickos":
		return []image.Finding{image.Findingf("clickos-idle", "ClickOS reads its Click configuration from xenstore, which has none on EC2: build the configuration into the image")}
	case "unikraft":
		return []image.Finding{image.Findingf("unikraft-address", "Unikraft gets its address from netdev.ip on its command line or by DHCP, which EC2 requires: build it with lwIP's DHCP client (CONFIG_LWIP_DHCP)")}
	}
	return nil
}

func warnLING(f *image.Facts) []image.Finding {
	if f.MaxMemoryMiB <= 2048 {
		return []image.Finding{image.Findingf("ling-memory", "this LING is from before 2015-06-23 and crashes with more than 2 GiB of memory: start it on t1.micro, m1.small or c1.medium, or build it with a later LING")}
	}
	return []image.Finding{
		image.Findingf("ling-memory", "LING stops with more than 4 GiB of memory: start it on t1.micro, m1.small, m1.medium, c1.medium, m3.medium or c3.large"),
		image.Findingf("ling-root-device", "this LING crashes if its disk is named xvda: attach the disk as sda1, EC2's root device /dev/sda1"),
	}
}

// memoryAdvice returns what to know about a guest with the memory of its domain
// configuration; 0 is unknown.
func (r *Report) memoryAdvice(mib int64) []image.Finding {
	if r.MaxMemoryMiB == 0 || mib <= r.MaxMemoryMiB {
		return nil
	}
	return []image.Finding{image.Findingf("memory-limit", "the domain configuration gives the guest %d MiB of memory, but this image crashes with more than %d: use no more, and an instance type with no more", mib, r.MaxMemoryMiB)}
}

// Advice returns what to know about the image with a command line: the words after
// the kernel in menu.lst.
func (r *Report) Advice(cmdline string) []image.Finding {
	switch r.System {
	case "ling":
		return adviseLING(cmdline)
	case "mirage":
		return r.adviseMirage(cmdline)
	case "rumprun":
		return adviseRumprun(cmdline)
	case "clickos", "minios":
		return adviseUnread(r.System, cmdline)
	}
	return nil
}

// adviseUnread reports that nothing reads the command line.
func adviseUnread(system, cmdline string) []image.Finding {
	if strings.TrimSpace(cmdline) == "" {
		return nil
	}
	names := map[string]string{"clickos": "ClickOS", "minios": "Mini-OS", "mirage": "MirageOS 1"}
	return []image.Finding{image.Findingf(system+"-cmdline", "%s doesn't read its command line %q unless the program in it does: build the settings into the image", names[system], cmdline)}
}

// adviseLING checks for the network, which LING uses only if an option requests it.
func adviseLING(cmdline string) []image.Finding {
	advice, network := adviseLINGNetwork(lingWords(cmdline))
	if len(advice) == 0 && strings.HasSuffix(cmdline, " ") {
		advice = append(advice, image.Findingf("ling-trailing-blank", "LING treats the space at the end of %q as an empty argument of its last option: remove it", cmdline))
	}
	if len(cmdline) > boot.MaxCommandLine {
		advice = append(advice, image.Findingf("ling-too-long", "LING gets only the first %d bytes of the command line, which has %d: shorten it", boot.MaxCommandLine, len(cmdline)))
	}
	if !network {
		advice = append(advice, image.Findingf("ling-no-network", "the command line %q doesn't make LING use the network: add -dhcp (or -ipaddr, -netmask and -gateway)", cmdline))
	}
	if strings.Contains(cmdline, `\`) {
		advice = append(advice, image.Findingf("ling-backslash", `the command line %q has a backslash, which LING doesn't treat as an escape: put the word in '...' or "..."`, cmdline))
	}
	return advice
}

// adviseLINGNetwork reads the options as LING does (net_args in core/preload/init.erl
// of its source): -dhcp must have no value, each of the others one, and words after
// -extra are the program's. It reports whether there is any option for the network,
// even one that LING ignores.
func adviseLINGNetwork(words []string) (advice []image.Finding, network bool) {
	if extra := slices.Index(words, "-extra"); extra >= 0 {
		words = words[:extra]
	}
	address, dhcp := "", false
	for i, word := range words {
		values := lingValues(words[i+1:])
		switch word {
		case "-dhcp":
			network = true
			if dhcp = dhcp || len(values) == 0; len(values) > 0 {
				advice = append(advice, image.Findingf("ling-dhcp-word", "LING ignores -dhcp if %q follows it: put -dhcp last, without a space after it, or before another option", values[0]))
			}
		case "-ipaddr", "-netmask", "-gateway":
			network = true
			if len(values) != 1 {
				advice = append(advice, image.Findingf("ling-address-words", "LING ignores %s unless it has one value, and it has %d: correct it, or use -dhcp", word, len(values)))
			} else if word == "-ipaddr" {
				address = values[0]
			}
		}
	}
	if address != "" && !dhcp {
		advice = append(advice, image.Findingf("ling-fixed-address", "the command line sets LING's address to %s, but an EC2 instance gets its address by DHCP: on EC2, use -dhcp instead of -ipaddr, -netmask and -gateway", address))
	}
	return advice, network
}

// lingValues returns the words that LING treats as values of the option before them.
func lingValues(words []string) []string {
	for i, word := range words {
		if strings.HasPrefix(word, "-") {
			return words[:i]
		}
	}
	return words
}

// lingWords splits a command line as LING does: at spaces, except in quotes. A space
// at the end makes an empty last word.
func lingWords(cmdline string) []string {
	var words []string
	for cmdline != "" {
		cmdline = strings.TrimLeft(cmdline, " ")
		var word string
		if cmdline != "" && strings.ContainsRune(`'"`, rune(cmdline[0])) {
			word, cmdline, _ = strings.Cut(cmdline[1:], cmdline[:1])
		} else if end := strings.IndexByte(cmdline, ' '); end >= 0 {
			word, cmdline = cmdline[:end], cmdline[end:]
		} else {
			word, cmdline = cmdline, ""
		}
		words = append(words, word)
	}
	return words
}

func (r *Report) adviseMirage(cmdline string) []image.Finding {
	if r.GuestOS == "Mirage" {
		return adviseUnread(r.System, cmdline)
	}
	if strings.TrimSpace(cmdline) == "" {
		return nil
	}
	advice := []image.Finding{image.Findingf("mirage-cmdline", "MirageOS 2 and 3 read their command line from xenstore first, which may have PV-GRUB's own instead of %q: set the options when configuring (mirage configure --dhcp=true)", cmdline)}
	for word := range strings.FieldsSeq(cmdline) {
		if key, ok := strings.CutPrefix(word, "--"); ok && strings.Contains(key, "=") {
			advice = append(advice, image.Findingf("mirage-dashes", "MirageOS 3 may ignore %q: write it without the dashes, %s", word, key))
		}
	}
	return advice
}

// rumprunDHCP matches the part of Rumprun's configuration that enables DHCP. The JSON
// has duplicate keys, so it isn't decoded.
var rumprunDHCP = regexp.MustCompile(`"method"\s*:\s*"dhcp"`)

// adviseRumprun checks for DHCP in Rumprun's JSON, which is the command line from its
// first brace on. It doesn't check the JSON in a file.
func adviseRumprun(cmdline string) []image.Finding {
	if strings.Contains(cmdline, "_RUMPRUN_ROOTFSCFG=") || rumprunDHCP.MatchString(cmdline) {
		return nil
	}
	return []image.Finding{image.Findingf("rumprun-no-dhcp", `the command line %q has no JSON that makes Rumprun use DHCP, which EC2 requires: add {"net":{"if":"xenif0","cloner":"true","type":"inet","method":"dhcp"}}, or a file with it as _RUMPRUN_ROOTFSCFG=`, cmdline)}
}

// advice returns what to know about a guest on this disk: the image's warnings, then
// those about its command line and about the disk.
func (d *Disk) advice() []image.Finding {
	advice := slices.Concat(d.Report.Warnings, d.Report.Advice(d.CommandLine))
	if d.Report.System == "rumprun" {
		advice = append(advice, d.adviseRumprun()...)
	}
	if d.Method == boot.PVShim {
		advice = append(advice, image.Findingf("shim", "Xen's PV shim takes about %d MiB of the guest's memory and requires Xen 4.6 or later on the host; on an older one, the console stays empty: launch another instance", boot.ShimOverheadMiB))
	}
	return advice
}

// adviseRumprun checks a Rumprun that reads its configuration from its root file
// system, which it can mount from /dev/sda1 only as a whole disk.
func (d *Disk) adviseRumprun() []image.Finding {
	path, ok := rumprunRootConfig(d.CommandLine)
	if !ok {
		return nil
	}
	var advice []image.Finding
	if d.spec.Layout == disk.LayoutPartitioned {
		advice = append(advice, image.Findingf("rumprun-layout", "Rumprun reads %s from /dev/sda1, which must not have partitions: use the layout %q", path, disk.LayoutWholeDisk))
	}
	name := strings.Trim(path, "/")
	if !slices.Contains(d.paths, name) {
		advice = append(advice, image.Findingf("rumprun-no-config", "the command line makes Rumprun read %s, but the disk has no such file: add it to the files", path))
	}
	return advice
}

// rumprunRootConfig returns the file that a command line sets as Rumprun's
// configuration.
func rumprunRootConfig(commandLine string) (path string, ok bool) {
	const key = "_RUMPRUN_ROOTFSCFG="
	for word := range strings.FieldsSeq(commandLine) {
		if path, ok := strings.CutPrefix(word, key); ok {
			return path, true
		}
	}
	return "", false
}
