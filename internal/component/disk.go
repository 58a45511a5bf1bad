package component

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log"
	"os"
	"sync/atomic"

	packersdk "github.com/hashicorp/packer-plugin-sdk/packer"
	registryimage "github.com/hashicorp/packer-plugin-sdk/packer/registry/image"
)

// DiskBuilderID identifies the artifacts of unikernel-disk, and of
// post-processors that pass its disk on.
const DiskBuilderID = "unikernel-ami.disk"

// A Disk is the artifact that stands for a raw disk on this machine.
type Disk struct {
	DiskFacts
	held atomic.Bool
}

// DiskFacts are what one process tells another of a disk.
type DiskFacts struct {
	Path      string `json:"path"`
	SHA256    string `json:"sha256"` // of the disk, in hexadecimal
	System    string `json:"system"`
	HVM       bool   `json:"hvm,omitempty"`        // it boots by BIOS, not as a PV guest
	MemoryMiB int64  `json:"memory_mib,omitempty"` // what a domain configuration gives the guest
	Result    string `json:"result,omitempty"`     // of the smoke test
}

// NewDisk returns the artifact of a disk that this build has written.
func NewDisk(facts DiskFacts) *Disk { return &Disk{DiskFacts: facts} }

// ParseDisk reads the artifact that a post-processor is given. ok is false if
// it isn't one of unikernel-disk.
func ParseDisk(source packersdk.Artifact) (_ *Disk, ok bool, err error) {
	text, own := source.State(artifactState).(string)
	if !own || source.BuilderId() != DiskBuilderID {
		return nil, false, nil
	}
	d := new(Disk)
	if err := json.Unmarshal([]byte(text), &d.DiskFacts); err != nil {
		return nil, false, fmt.Errorf("read artifact %s: %w: use the same version of the plugin for the whole build", source.Id(), err)
	}
	return d, true, nil
}

// BuilderId identifies the source.
func (d *Disk) BuilderId() string { return DiskBuilderID }

// Files returns the disk's path.
func (d *Disk) Files() []string { return []string{d.Path} }

// Id is the SHA-256 of the disk.
func (d *Disk) Id() string { return d.SHA256 }

// String is what Packer shows at the end of a build.
func (d *Disk) String() string {
	if d.Result != "" {
		return "smoke test passed: " + d.Path
	}
	return "raw disk: " + d.Path
}

// State returns the disk's metadata for the HCP Packer registry, the values of
// `build.NAME`, and what post-processors of this plugin ask for.
func (d *Disk) State(name string) any {
	switch name {
	case registryimage.ArtifactStateURI:
		return []*registryimage.Image{{ImageID: d.Id(), ProviderName: "unikernel-disk", Labels: d.generated()}}
	case generatedState:
		return d.generated()
	case artifactState:
		text, err := json.Marshal(d.DiskFacts)
		if err != nil {
			return nil // strings always can be encoded
		}
		return string(text)
	case holdState:
		d.held.Store(true)
		return "held"
	case ResultState:
		if d.Result != "" {
			return d.Result
		}
	}
	return nil
}

func (d *Disk) generated() map[string]string {
	return map[string]string{"Disk": d.Path, "SHA256": d.SHA256, "System": d.System}
}

// Destroy is called by Packer if no post-processor keeps the artifact. It
// removes the disk, unless it is held.
func (d *Disk) Destroy() error {
	if d.held.Load() {
		log.Printf("[INFO] %s is kept", d.Path)
		return nil
	}
	return d.Remove()
}

// Remove removes the disk.
func (d *Disk) Remove() error {
	if err := os.Remove(d.Path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove disk: %w", err)
	}
	return nil
}

// Passed returns a copy of the artifact with the result of its smoke test.
func (d *Disk) Passed(result string) *Disk {
	facts := d.DiskFacts
	facts.Result = result
	return NewDisk(facts)
}
