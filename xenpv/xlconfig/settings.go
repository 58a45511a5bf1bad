package xlconfig

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/unikernel-ami/packer-plugin-unikernel/xenpv/image"
)

// settingMap maps keys to their final settings.
type settingMap map[string]setting

// gather applies the settings in order: a later one replaces an earlier one of the
// same key, and += appends to it.
func gather(all []setting) (settingMap, []image.Finding, error) {
	settings := settingMap{}
	var warnings []image.Finding
	for _, s := range all {
		before, twice := settings[s.key]
		switch {
		case twice && s.add && s.value.isList != before.value.isList:
			return nil, nil, fmt.Errorf("line %d: %q adds a list to a string, or a string to a list: use the same type for both", s.line, s.key)
		case twice && s.add:
			s.value.text = before.value.text + s.value.text
			s.value.list = slices.Concat(before.value.list, s.value.list)
		case twice:
			warnings = append(warnings, image.Findingf("config-duplicate-key", "line %d of the domain configuration sets %q again, after line %d: the later line takes effect; remove the other one", s.line, s.key, before.line))
		case !slices.Contains(keys, s.key):
			warnings = append(warnings, image.Findingf("config-unknown-key", "line %d of the domain configuration sets %q, which xl doesn't recognize: correct the key, or remove the line", s.line, s.key))
		}
		settings[s.key] = s
	}
	if s, ok := settings["cmdline"]; ok && (settings["root"].line > 0 || settings["extra"].line > 0) {
		warnings = append(warnings, image.Findingf("config-cmdline", "line %d of the domain configuration sets cmdline, so xl ignores root and extra: keep only one of them", s.line))
	}
	if disks := settings["disk"]; len(disks.value.list) > 0 {
		warnings = append(warnings, image.Findingf("config-disk", "line %d of the domain configuration lists disks, which are not included: an AMI has only the boot disk; put the program's files on that, or attach volumes to the instance", disks.line))
	}
	return settings, warnings, nil
}

// checkPV rejects domains that aren't PV. PV is also the default.
func (s settingMap) checkPV() error {
	for _, key := range []string{"type", "builder"} {
		kind, err := s.text(key)
		if err != nil {
			return err
		}
		switch kind {
		case "", "pv", "linux", "generic":
		case "hvm", "pvh":
			return fmt.Errorf("line %d: %s = %q starts the kernel as %s, but PV-GRUB starts only PV kernels: build the image for Xen PV and set type = \"pv\"", s[key].line, key, kind, strings.ToUpper(kind))
		default:
			return fmt.Errorf("line %d: %s = %q is unknown: set type = \"pv\", or remove the line", s[key].line, key, kind)
		}
	}
	if pvh := s["pvh"]; pvh.value.text != "" && pvh.value.text != "0" {
		return fmt.Errorf("line %d: pvh = %s starts the kernel as PVH, but PV-GRUB starts only PV kernels: build the image for Xen PV and remove the line", pvh.line, pvh.value.text)
	}
	return nil
}

// text returns the string of a key, "" if it isn't set.
func (s settingMap) text(key string) (string, error) {
	if s[key].value.isList {
		return "", fmt.Errorf("line %d: %s must be a string, not a list: write %s = \"...\"", s[key].line, key, key)
	}
	return s[key].value.text, nil
}

// commandLine builds the command line like xl does (parse_cmdline in
// tools/xl/xl_parse.c).
func (s settingMap) commandLine(root, extra, cmdline string) string {
	if _, ok := s["cmdline"]; ok {
		return cmdline
	}
	if _, ok := s["root"]; ok {
		root = "root=" + root
	}
	return strings.Join(slices.DeleteFunc([]string{root, extra}, func(word string) bool { return word == "" }), " ")
}

// memory returns the domain's memory in MiB, 0 if it isn't set.
func (s settingMap) memory() (int64, error) {
	mem, ok := s["memory"]
	if !ok {
		mem, ok = s["maxmem"]
	}
	if !ok {
		return 0, nil
	}
	text, err := s.text(mem.key)
	if err != nil {
		return 0, err
	}
	// Base 0 accepts octal and hexadecimal as in C, and underscores, unlike C.
	const most = 1 << 24 // 16 TiB, more than a domain can have
	mib, err := strconv.ParseInt(text, 0, 64)
	if err != nil || strings.Contains(text, "_") || mib < 1 || mib > most {
		return 0, fmt.Errorf("line %d: %s = %q must be a number of MiB from 1 to %d: correct it", mem.line, mem.key, text, most)
	}
	return mib, nil
}

// vif returns the network interfaces as one string each.
func (s settingMap) vif() ([]string, error) {
	vif, ok := s["vif"]
	if !ok {
		return nil, nil
	}
	if !vif.value.isList {
		return nil, fmt.Errorf("line %d: vif must be a list: write vif = [\"bridge=xenbr0\"], or vif = []", vif.line)
	}
	var interfaces []string
	for _, v := range vif.value.list {
		if v.isList && len(v.list) > 0 { // railing writes [] for an empty string
			return nil, fmt.Errorf("line %d: vif has a list in its list: write one string per interface", vif.line)
		}
		interfaces = append(interfaces, v.text)
	}
	return interfaces, nil
}
