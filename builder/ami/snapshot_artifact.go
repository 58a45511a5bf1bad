package ami

import (
	"context"
	"fmt"
	"log"
	"strings"

	"github.com/unikernel-ami/packer-plugin-unikernel/internal/cloud"
	"github.com/unikernel-ami/packer-plugin-unikernel/internal/snapshot"
)

// snapshotBuilderID identifies the artifact of a build without an AMI.
const snapshotBuilderID = "unikernel-ami.snapshot"

// A snapshotArtifact stands for the snapshots of a build that makes no AMI.
type snapshotArtifact struct {
	session   *cloud.Session
	ids       []string // the root's first
	generated map[string]string
}

func newSnapshotArtifact(run *build) *snapshotArtifact {
	return &snapshotArtifact{session: run.session, ids: run.snapshotIDs, generated: generatedData(run)}
}

// BuilderId identifies the source.
func (a *snapshotArtifact) BuilderId() string { return snapshotBuilderID }

// Files are none: a snapshot has no local files.
func (a *snapshotArtifact) Files() []string { return nil }

// Id is "region:snap-…"; several are joined by commas.
func (a *snapshotArtifact) Id() string {
	return a.session.Region + ":" + strings.Join(a.ids, ","+a.session.Region+":")
}

// String is what Packer shows at the end of a build.
func (a *snapshotArtifact) String() string {
	return fmt.Sprintf("snapshots were created, and no AMI (skip_create_ami):\n%s: %s\n", a.session.Region, strings.Join(a.ids, ", "))
}

// State returns the values of `build.NAME`.
func (a *snapshotArtifact) State(name string) any {
	if name == "generated_data" {
		return a.generated
	}
	return nil
}

// Destroy is called by Packer if no post-processor keeps the artifact. Packer
// discards what it does and the text of its error, so both go to the log.
func (a *snapshotArtifact) Destroy() error {
	var ledger cloud.Ledger
	for _, id := range a.ids {
		ledger.Add(snapshot.Resource(a.session), id)
	}
	removed, err := ledger.Undo(context.Background())
	log.Printf("[INFO] removed %s, as no post-processor keeps the artifact", strings.Join(removed, ", "))
	if err != nil {
		log.Printf("[ERROR] %v", err)
	}
	return err
}
