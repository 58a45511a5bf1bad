package component

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	packersdk "github.com/hashicorp/packer-plugin-sdk/packer"
)

// errNoMachine is the answer to whatever a provisioner asks of the machine.
var errNoMachine = errors.New("there is no machine to provision: the image boots only in the smoke test; remove the provisioner, or make the image with build_command")

// RefuseProvisioners returns an error if the template has provisioners for this
// build. A source that has no machine must not skip them in silence.
//
// Packer tells a source nothing about its provisioners; it only runs them. So
// they are run with data that Packer can't convert to HCL, which makes each
// provisioner of an HCL template fail before it does anything
// (HCL2Provisioner.HCL2Prepare in Packer's hcl2template). Provisioners of JSON
// templates fail as soon as they need the machine.
func RefuseProvisioners(ctx context.Context, ui packersdk.Ui, hook packersdk.Hook) error {
	if hook == nil {
		return nil
	}
	unconvertible := map[string]any{"Machine": map[string]any{}}
	for _, name := range []string{packersdk.HookProvision, packersdk.HookCleanupProvision} {
		err := hook.Run(ctx, name, quietUI{ui}, noMachine{}, unconvertible)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err != nil {
			return fmt.Errorf("provision: %w", errNoMachine)
		}
	}
	return nil
}

// quietUI hides what provisioners say before they fail.
type quietUI struct{ packersdk.Ui }

func (quietUI) Say(string)     {}
func (quietUI) Message(string) {}
func (quietUI) Error(string)   {}

// noMachine is a communicator that refuses everything.
type noMachine struct{}

func (noMachine) Start(context.Context, *packersdk.RemoteCmd) error { return errNoMachine }
func (noMachine) Upload(string, io.Reader, *os.FileInfo) error      { return errNoMachine }
func (noMachine) UploadDir(string, string, []string) error          { return errNoMachine }
func (noMachine) Download(string, io.Writer) error                  { return errNoMachine }
func (noMachine) DownloadDir(string, string, []string) error        { return errNoMachine }
