// Command packer-plugin-unikernel is the Packer plugin. It registers the
// components, and does nothing else.
package main

import (
	"fmt"
	"log"
	"os"
	"os/signal"
	"syscall"

	"github.com/hashicorp/packer-plugin-sdk/plugin"
	"github.com/hashicorp/packer-plugin-sdk/version"

	"github.com/unikernel-ami/packer-plugin-unikernel/builder/ami"
	"github.com/unikernel-ami/packer-plugin-unikernel/builder/disk"
	"github.com/unikernel-ami/packer-plugin-unikernel/datasources/pvgrub"
	"github.com/unikernel-ami/packer-plugin-unikernel/internal/component"
	"github.com/unikernel-ami/packer-plugin-unikernel/internal/lifeline"
	copyami "github.com/unikernel-ami/packer-plugin-unikernel/postprocessors/copy"
	"github.com/unikernel-ami/packer-plugin-unikernel/postprocessors/publish"
	"github.com/unikernel-ami/packer-plugin-unikernel/postprocessors/smoketest"
)

// Version and prerelease are set by the linker in a release.
var (
	Version    = "0.1.0"
	prerelease = "dev"
)

func main() {
	log.SetOutput(component.FilterLog(os.Stderr))
	set := plugin.NewSet()
	set.RegisterBuilder("ami", component.DiscreetBuilder(new(ami.Builder)))
	set.RegisterBuilder("disk", component.DiscreetBuilder(new(disk.Builder)))
	set.RegisterPostProcessor("copy", component.DiscreetPostProcessor(new(copyami.PostProcessor)))
	set.RegisterPostProcessor("publish", component.DiscreetPostProcessor(&publish.PostProcessor{Version: Version}))
	set.RegisterPostProcessor("smoke-test", component.DiscreetPostProcessor(&smoketest.PostProcessor{Version: Version}))
	set.RegisterDatasource("pvgrub", component.DiscreetDatasource(new(pvgrub.Datasource)))
	set.SetVersion(version.NewPluginVersion(Version, prerelease, ""))
	// A terminal that goes takes Packer with it, whose end cuts our output off:
	// neither may end us before what was made is taken back.
	signal.Ignore(syscall.SIGHUP, syscall.SIGPIPE)
	lifeline.Watch()
	err := set.Run()
	lifeline.Cut()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
