package main

import (
	"errors"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// A build describes the source of this program. Its JSON form is a contract that
// scripts rely on.
type build struct {
	Version  string `json:"version"`            // of the module, or "(devel)"
	Revision string `json:"revision,omitempty"` // the commit, if it was built in a repository
	Time     string `json:"time,omitempty"`     // of the commit, as in RFC 3339
	Modified bool   `json:"modified"`           // there were uncommitted changes
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

func versionCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Long: `Print the version, the commit if it is known, and the version of Go.

Exit status: 0 on success, otherwise 2.`,
		Example: `  xenpv version
  xenpv version --json | jq -r .version`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			info, ok := debug.ReadBuildInfo()
			if !ok {
				return errors.New("read version: the program was built without modules")
			}
			if err := readBuild(info).print(cmd.OutOrStdout(), asJSON); err != nil {
				return fmt.Errorf("print version: %w", err)
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	return cmd
}

// versionText is what --version prints.
func versionText() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "xenpv, of unknown version"
	}
	return readBuild(info).String()
}

func readBuild(info *debug.BuildInfo) build {
	b := build{Version: info.Main.Version, Go: info.GoVersion, Platform: runtime.GOOS + "/" + runtime.GOARCH}
	for _, setting := range info.Settings {
		switch setting.Key {
		case "vcs.revision":
			b.Revision = setting.Value
		case "vcs.time":
			b.Time = setting.Value
		case "vcs.modified":
			b.Modified = setting.Value == "true"
		}
	}
	return b
}

func (b build) print(out io.Writer, asJSON bool) error {
	if asJSON {
		return writeJSON(out, b)
	}
	_, err := fmt.Fprintln(out, b)
	return err
}

func (b build) String() string {
	commit := ""
	if b.Revision != "" {
		commit = fmt.Sprintf(", commit %s of %s", b.Revision, b.Time)
	}
	if b.Modified {
		commit += " with changes"
	}
	return fmt.Sprintf("xenpv %s%s, %s %s", b.Version, commit, b.Go, b.Platform)
}
