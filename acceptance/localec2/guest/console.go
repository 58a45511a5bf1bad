package guest

import (
	"encoding/base64"
	"errors"
	"sync"
	"time"

	"github.com/unikernel-ami/packer-plugin-unikernel/xenpv/hypervisor"
)

// consoleSize is how much of a console EC2 keeps, in bytes (GetConsoleOutput).
const consoleSize = 64 << 10

// Console keeps the end of what a guest wrote to its console.
type Console struct {
	mu   sync.Mutex
	data []byte
	last time.Time
}

// Write appends to the console. It never fails.
func (c *Console) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.data = append(c.data, p...)
	if extra := len(c.data) - consoleSize; extra > 0 {
		c.data = append(c.data[:0], c.data[extra:]...)
	}
	c.last = time.Now()
	return len(p), nil
}

// Read returns the console in base64, and the time of the last write.
func (c *Console) Read() (string, time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return base64.StdEncoding.EncodeToString(c.data), c.last
}

// grubText returns what PV-GRUB shows on the console if it can't start a guest:
// the messages of GRUB 0.97 (stage2/shared.h, stage2/common.c), and the prompt
// of Mini-OS.
func grubText(err error) string {
	const anyKey = "\n\nPress any key to continue..."
	switch {
	case errors.Is(err, hypervisor.ErrNoMenu):
		return "\n\ngrubdom> "
	case errors.Is(err, hypervisor.ErrNoFile):
		return "\n\nError 15: File not found" + anyKey
	case errors.Is(err, hypervisor.ErrNotPV):
		return "\n\nxc_dom_parse_image returned -1\n\nError 9: Unknown boot failure" + anyKey
	}
	return ""
}
