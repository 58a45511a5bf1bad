package common

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	packersdk "github.com/hashicorp/packer-plugin-sdk/packer"
	"github.com/unikernel-ami/packer-plugin-unikernel/xenpv/xlconfig"
)

// buildGrace is how long a build command that is to end has for its own
// clean-up before it is killed: enough to remove temporary files, and short
// for somebody who waits after Ctrl-C. It is a variable for the tests.
var buildGrace = 5 * time.Second

// build runs the build command, where there is one. The lock that it returns
// keeps other builds out of the directory until the image has been read.
func (c *Config) build(ctx context.Context, ui packersdk.Ui) (*lock, error) {
	if c.BuildCommand == "" {
		return nil, nil
	}
	dir, err := filepath.Abs(c.BuildDirectory)
	if err != nil {
		return nil, fmt.Errorf("find build_directory: %w", err)
	}
	if info, err := os.Stat(dir); err != nil {
		return nil, fmt.Errorf("build_directory: %w", err)
	} else if !info.IsDir() {
		return nil, fmt.Errorf("build_directory %s is not a directory: specify the directory to build in", dir)
	}
	held, err := acquire(ctx, ui, dir)
	if err != nil {
		return nil, err
	}
	before := c.outputs()
	if err := c.runBuildCommand(ctx, ui, dir); err != nil {
		return nil, errors.Join(err, held.release())
	}
	if err := checkWritten(c.Image, before, c.outputs()); err != nil {
		return nil, errors.Join(err, held.release())
	}
	return held, nil
}

// runBuildCommand runs the command to its end, its timeout or its cancelling.
// No process that it has started outlives it, unless it left the group.
func (c *Config) runBuildCommand(ctx context.Context, ui packersdk.Ui, dir string) error {
	ui.Say(fmt.Sprintf("building in %s: %s", dir, c.BuildCommand))
	limited, cancel := context.WithTimeout(ctx, c.BuildTimeout)
	defer cancel()
	lines := &lineWriter{say: ui.Say}
	cmd := exec.CommandContext(limited, "sh", "-e", "-c", c.BuildCommand) //nolint:gosec // G204: the user's own command
	cmd.Dir = dir
	cmd.Stdout, cmd.Stderr = lines, lines
	cmd.WaitDelay = buildGrace
	inOwnGroup(cmd)
	start := time.Now()
	err := cmd.Run()
	killGroup(cmd)
	lines.flush()
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("build_command was terminated: %w", context.Cause(ctx))
	case limited.Err() != nil:
		return fmt.Errorf("build_command exceeded build_timeout (%s) and was terminated: increase build_timeout, or check its output for what it was waiting for", c.BuildTimeout)
	case err != nil && !errors.Is(err, exec.ErrWaitDelay):
		return fmt.Errorf("build_command failed (see its output above): %w", err)
	}
	ui.Say(fmt.Sprintf("built in %.1f s", time.Since(start).Seconds()))
	return nil
}

// outputs looks at the files that a build command may write: the image, and
// what it names where it is a domain configuration. Those that aren't there are
// left out.
func (c *Config) outputs() map[string]fs.FileInfo {
	paths := []string{c.Image}
	if input, err := xlconfig.Resolve(c.Image); err == nil {
		paths = append(paths, input.Image)
	}
	outputs := map[string]fs.FileInfo{}
	for _, path := range paths {
		if info, err := os.Stat(path); err == nil {
			outputs[path] = info
		}
	}
	return outputs
}

// checkWritten refuses an image that is missing after the build, or that is as
// it was before: it may be anything but what the command was to build.
func checkWritten(image string, before, after map[string]fs.FileInfo) error {
	if after[image] == nil {
		return fmt.Errorf("build_command wrote no image: %s does not exist: set image to the file that it writes", image)
	}
	for path, now := range after {
		then := before[path]
		if then == nil || !os.SameFile(then, now) || then.Size() != now.Size() || !then.ModTime().Equal(now.ModTime()) {
			return nil
		}
	}
	return fmt.Errorf("build_command wrote no image: %s is unchanged since %s: set image to the file that it writes, or if an up-to-date image is left unchanged, end the command with: touch %s",
		image, after[image].ModTime().Format(time.DateTime), filepath.Base(image))
}
