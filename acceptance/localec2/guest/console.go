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

// Console keeps the last that a guest wrote.
type Console struct {
	mu   sync.Mutex
	data []byte
	last time.Time
}

// Write adds to the console. It never fails.
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

// Read returns what is kept, in base64, and the time of the last of it.
func (c *Console) Read() (string, time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return base64.StdEncoding.EncodeToString(c.data), c.last
}

// grubText is what PV-GRUB shows on the console where it can't start a guest:
// GRUB 0.97's messages (stage2/shared.h, stage2/common.c), and Mini-OS's prompt.
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
