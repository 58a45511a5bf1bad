// Package debian downloads Debian packages with apt, which verifies them against
// the signed lists. It installs nothing.
package debian

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Download has apt write the packages' files to dir and returns their paths.
func Download(ctx context.Context, dir string, names ...string) ([]string, error) {
	args := []string{"download", "-qq"}
	if os.Geteuid() == 0 {
		// Otherwise apt warns that its own user can't write to a private directory.
		args = append(args, "-o", "APT::Sandbox::User=root")
	}
	if _, err := Run(ctx, dir, "apt-get", append(args, names...)...); err != nil {
		return nil, err
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.deb"))
	if err == nil && len(files) != len(names) {
		err = fmt.Errorf("download packages: apt left %d files for %d packages", len(files), len(names))
	}
	return files, err
}

// Run runs one of Debian's programs in dir and returns its output. An error has
// the last lines of what the program wrote to standard error.
func Run(ctx context.Context, dir, program string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, program, args...) //nolint:gosec // G204: the arguments are the callers' own
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	out, err := cmd.Output()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return nil, fmt.Errorf("%s %s: %s", program, args[0], lastLines(string(exit.Stderr)))
	}
	if err != nil {
		return nil, fmt.Errorf("run %s: %w", program, err)
	}
	return out, nil
}

// lastLines returns the last three nonempty lines.
func lastLines(text string) string {
	lines := strings.FieldsFunc(text, func(r rune) bool { return r == '\n' })
	return strings.Join(lines[max(0, len(lines)-3):], " | ")
}
