//go:build unix && !linux

package hypervisor

import (
	"os/exec"
	"syscall"
)

// separate gives the command a process group of its own, so that a Ctrl-C in
// the terminal reaches only this program. When this program is killed, dom0's
// agent sees its port closed and powers the machine off.
func separate(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
}
