package xenpv

import (
	"regexp"
	"slices"
	"strings"

	"github.com/unikernel-ami/packer-plugin-unikernel/xenpv/boot"
	"github.com/unikernel-ami/packer-plugin-unikernel/xenpv/disk"
	"github.com/unikernel-ami/packer-plugin-unikernel/xenpv/image"
)

// systemWarnings is what to mind with an image of the given system, whatever
// its command line.
func systemWarnings(f *image.Facts) []image.Finding {
	switch f.System {
	case "ling":
		return warnLING(f)
	case "mirage":
		return []image.Finding{image.Findingf("mirage-address", "a MirageOS image has its address compiled in unless it was configured for DHCP, which EC2 needs: mirage configure -t xen --dhcp=true")}
	case "halvm":
		return []image.Finding{image.Findingf("halvm-address", "a HaLVM program has a network only by its own code (HaNS), and EC2 needs DHCP: let the program ask for it")}
	case "osv":
		return []image.Finding{image.Findingf("osv-hvm", "OSv also starts as HVM, on instance types of today: an AMI of its disk image usr.img, made by OSv's scripts/ec2-make-ami.py, is the better way")}
	case "clickos":
		return []image.Finding{image.Findingf("clickos-idle", "ClickOS takes its Click configuration from xenstore, where nobody on EC2 puts one: build the configuration into the image")}
	case "unikraft":
		return []image.Finding{image.Findingf("unikraft-address", "Unikraft takes its address from netdev.ip on its command line or by DHCP, which EC2 needs: build it with lwIP's DHCP client (CONFIG_LWIP_DHCP)")}
	}
	return nil
}

func warnLING(f *image.Facts) []image.Finding {
	if f.MaxMemoryMiB <= 2048 {
		return []image.Finding{image.Findingf("ling-memory", "this LING is from before 2015-06-23 and dies of a page fault with more than 2 GiB of memory: start it on t1.micro, m1.small or c1.medium, or build it with a later LING")}
	}
	return []image.Finding{
		image.Findingf("ling-memory", "LING stops with more than 4 GiB of memory: start it on t1.micro, m1.small, m1.medium, c1.medium, m3.medium or c3.large"),
		image.Findingf("ling-root-device", "this LING dies when its disk is called xvda: attach the disk as sda1, EC2's root device /dev/sda1"),
	}
}

// memoryAdvice returns what to mind when a guest of the image gets that much
// memory, as its domain's configuration says; 0 is unknown.
func (r *Report) memoryAdvice(mib int64) []image.Finding {
	if r.MaxMemoryMiB == 0 || mib <= r.MaxMemoryMiB {
		return nil
	}
	return []image.Finding{image.Findingf("memory-limit", "the domain config gives the guest %d MiB of memory, and this image dies with more than %d: give it that at most, or an instance type with no more", mib, r.MaxMemoryMiB)}
}

// Advice returns what to mind when the image is started with the given command
// line: the words behind the kernel in menu.lst.
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

// adviseUnread tells that nothing reads a command line.
func adviseUnread(system, cmdline string) []image.Finding {
	if strings.TrimSpace(cmdline) == "" {
		return nil
	}
	names := map[string]string{"clickos": "ClickOS", "minios": "Mini-OS", "mirage": "MirageOS 1"}
	return []image.Finding{image.Findingf(system+"-cmdline", "%s doesn't read its command line %q unless the program in it does: build what matters into the image", names[system], cmdline)}
}

// adviseLING looks for a network, which LING has only if an option asks for
// one.
func adviseLING(cmdline string) []image.Finding {
	advice, network := adviseLINGNetwork(lingWords(cmdline))
	if len(advice) == 0 && strings.HasSuffix(cmdline, " ") {
		advice = append(advice, image.Findingf("ling-trailing-blank", "LING takes the blank at the end of %q for an empty argument of its last option: take it away", cmdline))
	}
	if len(cmdline) > boot.MaxCommandLine {
		advice = append(advice, image.Findingf("ling-too-long", "LING gets the first %d bytes of the command line, which has %d: shorten it", boot.MaxCommandLine, len(cmdline)))
	}
	if !network {
		advice = append(advice, image.Findingf("ling-no-network", "the command line %q asks LING for no network: add -dhcp (or -ipaddr, -netmask and -gateway)", cmdline))
	}
	if strings.Contains(cmdline, `\`) {
		advice = append(advice, image.Findingf("ling-backslash", `the command line %q has a backslash, which LING doesn't take for an escape: put the word in '...' or "..."`, cmdline))
	}
	return advice
}

// adviseLINGNetwork goes through the options as LING does (net_args in
// core/preload/init.erl of its source): -dhcp must have no value, each of the
// others one, and what follows -extra is the program's. It says whether there is
// any option for the network, even one that LING ignores.
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
				advice = append(advice, image.Findingf("ling-dhcp-word", "LING ignores -dhcp when %q follows it: put -dhcp last, without a blank behind it, or before another option", values[0]))
			}
		case "-ipaddr", "-netmask", "-gateway":
			network = true
			if len(values) != 1 {
				advice = append(advice, image.Findingf("ling-address-words", "LING ignores %s unless it has one value, and here it has %d: correct it, or give -dhcp", word, len(values)))
			} else if word == "-ipaddr" {
				address = values[0]
			}
		}
	}
	if address != "" && !dhcp {
		advice = append(advice, image.Findingf("ling-fixed-address", "the command line gives LING the address %s, and an EC2 instance gets its own by DHCP: on EC2 give -dhcp in the place of -ipaddr, -netmask and -gateway", address))
	}
	return advice, network
}

// lingValues are the words that LING takes for the values of the option in front
// of them.
func lingValues(words []string) []string {
	for i, word := range words {
		if strings.HasPrefix(word, "-") {
			return words[:i]
		}
	}
	return words
}

// lingWords splits a command line as LING does: at blanks, except in quotes. A
// blank at the end makes an empty last word.
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
	advice := []image.Finding{image.Findingf("mirage-cmdline", "MirageOS 2 and 3 read their command line from xenstore first, where PV-GRUB's own may stand instead of %q: set what matters when configuring (mirage configure --dhcp=true)", cmdline)}
	for word := range strings.FieldsSeq(cmdline) {
		if key, ok := strings.CutPrefix(word, "--"); ok && strings.Contains(key, "=") {
			advice = append(advice, image.Findingf("mirage-dashes", "MirageOS 3 was seen not to take %q: write it without the dashes, %s", word, key))
		}
	}
	return advice
}

// rumprunDHCP is the part of Rumprun's configuration that asks for DHCP. The
// JSON has duplicate keys, so it isn't decoded.
var rumprunDHCP = regexp.MustCompile(`"method"\s*:\s*"dhcp"`)

// adviseRumprun looks for DHCP in Rumprun's JSON, which is the command line
// from its first brace on, or a file that can't be seen from here.
func adviseRumprun(cmdline string) []image.Finding {
	if strings.Contains(cmdline, "_RUMPRUN_ROOTFSCFG=") || rumprunDHCP.MatchString(cmdline) {
		return nil
	}
	return []image.Finding{image.Findingf("rumprun-no-dhcp", `the command line %q has no JSON that asks Rumprun for DHCP, which EC2 needs: add {"net":{"if":"xenif0","cloner":"true","type":"inet","method":"dhcp"}}, or name a file that does by _RUMPRUN_ROOTFSCFG=`, cmdline)}
}

// advice returns what to know when a guest is started from this disk: the
// image's warnings, then what its command line and what this disk give cause
// for.
func (d *Disk) advice() []image.Finding {
	advice := slices.Concat(d.Report.Warnings, d.Report.Advice(d.CommandLine))
	if d.Report.System == "rumprun" {
		advice = append(advice, d.adviseRumprun()...)
	}
	return advice
}

// adviseRumprun looks at a Rumprun that reads its configuration from its root
// file system, which it mounts from /dev/sda1 as a whole disk only.
func (d *Disk) adviseRumprun() []image.Finding {
	path, ok := rumprunRootConfig(d.CommandLine)
	if !ok {
		return nil
	}
	var advice []image.Finding
	if d.spec.Layout == disk.LayoutPartitioned {
		advice = append(advice, image.Findingf("rumprun-layout", "Rumprun reads %s from /dev/sda1 as a disk without partitions: use the layout %q", path, disk.LayoutWholeDisk))
	}
	name := strings.Trim(path, "/")
	if !slices.Contains(d.paths, name) {
		advice = append(advice, image.Findingf("rumprun-no-config", "the command line has Rumprun read %s, and the disk has no such file: add it to the files", path))
	}
	return advice
}

// rumprunRootConfig returns the file that a command line tells Rumprun to read
// its configuration from.
func rumprunRootConfig(commandLine string) (path string, ok bool) {
	const key = "_RUMPRUN_ROOTFSCFG="
	for word := range strings.FieldsSeq(commandLine) {
		if path, ok := strings.CutPrefix(word, key); ok {
			return path, true
		}
	}
	return "", false
}
