// Package templates contains a Packer template for each unikernel system that
// builds images for Xen, and one for disks that boot by themselves. The templates are the files SYSTEM.pkr.hcl in this
// directory. Each is complete: packer build makes an AMI with it. "xenpv template
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

// Systems returns the sorted names of the systems that have a template, as an
// inspection of an image reports them, and "disk".
func Systems() []string {
	entries, err := files.ReadDir(".")
	if err != nil {
		panic(err) // the directory is embedded
	}
	var systems []string
	for _, entry := range entries {
		systems = append(systems, strings.TrimSuffix(entry.Name(), extension))
	}
	return systems
}

// Get returns the template for a system. The error lists the known systems.
func Get(system string) (string, error) {
	if !slices.Contains(Systems(), system) {
		return "", fmt.Errorf("get template: no template for %q: use %s", system, strings.Join(Systems(), ", "))
	}
	text, err := files.ReadFile(system + extension)
	return string(text), err
}
