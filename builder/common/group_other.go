//go:build !unix

package common

import "os/exec"

// inOwnGroup leaves a command as it is: this system has no process groups, and
// cancelling kills the command alone.
func inOwnGroup(*exec.Cmd) {}

func killGroup(*exec.Cmd) {}
