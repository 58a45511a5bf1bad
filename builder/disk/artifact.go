package disk

import (
	"os"
	"strconv"

	registryimage "github.com/hashicorp/packer-plugin-sdk/packer/registry/image"
)

// BuilderID tells post-processors whose artifact they have.
const BuilderID = "unikernel-ami.disk"

// MemoryState is the name of the artifact's state that holds the memory which
// a domain configuration gives the guest, in MiB; 0 where there is none.
const MemoryState = "unikernel.memory_mib"

// Artifact is a raw disk on this machine.
type Artifact struct {
	path      string
	memory    int64 // MiB, or 0
	generated map[string]string
}

// BuilderId identifies the builder.
func (a *Artifact) BuilderId() string { return BuilderID }

// Files returns the disk's path.
func (a *Artifact) Files() []string { return []string{a.path} }

// Id is the SHA-256 of the disk.
func (a *Artifact) Id() string { return a.generated["SHA256"] }

func (a *Artifact) String() string { return "raw disk: " + a.path }

// State gives the disk's metadata for the HCP Packer registry, and the values
// for post-processors, and the guest's memory.
func (a *Artifact) State(name string) any {
	switch name {
	case registryimage.ArtifactStateURI:
		return []*registryimage.Image{{
			ImageID:      a.Id(),
			ProviderName: "unikernel-disk",
			Labels:       a.generated,
		}}
	case "generated_data":
		return a.generated
	case MemoryState:
		return strconv.FormatInt(a.memory, 10)
	default:
		return nil
	}
}

// Destroy removes the disk.
func (a *Artifact) Destroy() error { return os.Remove(a.path) }
