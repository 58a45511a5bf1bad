// Package templates has a Packer template to start from for each unikernel
// system that makes Xen PV images. They are files beside this one, SYSTEM.pkr.hcl,
// each of which is complete: packer build makes an AMI with it. "xenpv template
// SYSTEM" prints them.
package templates

import (
	"embed"
	"fmt"
	"slices"
	"strings"
)

const extension = ".pkr.hcl"

//go:embed *.pkr.hcl
var files embed.FS

// Systems returns the systems that there are templates for, sorted, under the
// names by which inspecting an image calls them.
func Systems() []string {
	entries, err := files.ReadDir(".")
	if err != nil {
		panic(err) // the folder is part of the program
	}
	var systems []string
	for _, entry := range entries {
		systems = append(systems, strings.TrimSuffix(entry.Name(), extension))
	}
	return systems
}

// Get returns the template for a system. The error names the systems that there
// are.
func Get(system string) (string, error) {
	if !slices.Contains(Systems(), system) {
		return "", fmt.Errorf("get template: there is none for %q: use %s", system, strings.Join(Systems(), ", "))
	}
	text, err := files.ReadFile(system + extension)
	return string(text), err
}
