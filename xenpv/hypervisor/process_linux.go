package hypervisor

import (
	"os/exec"
	"syscall"
)

// separate gives the command a process group of its own, so that a Ctrl-C in
// the terminal reaches only this program, and has the kernel end it when this
// program is killed.
func separate(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
