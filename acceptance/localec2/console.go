package localec2

import (
	"encoding/base64"
	"errors"
	"sync"
	"time"

	"github.com/unikernel-ami/packer-plugin-unikernel/xenpv/hypervisor"
)

var consoleActions = map[string]action{
	"GetConsoleOutput": {params: []string{"InstanceId", "Latest"}, run: (*Server).getConsoleOutput},
}

// consoleSize is how much of a console EC2 keeps, in bytes (GetConsoleOutput).
const consoleSize = 64 << 10

// console keeps the last that a guest wrote.
type console struct {
	mu   sync.Mutex
	data []byte
	last time.Time
}

func (t *console) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.data = append(t.data, p...)
	if extra := len(t.data) - consoleSize; extra > 0 {
		t.data = append(t.data[:0], t.data[extra:]...)
	}
	t.last = time.Now()
	return len(p), nil
}

// read returns what is kept, in base64, and the time of the last of it.
func (t *console) read() (string, time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return base64.StdEncoding.EncodeToString(t.data), t.last
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

type getConsoleResponse struct {
	response
	InstanceID string `xml:"instanceId"`
	Timestamp  string `xml:"timestamp,omitempty"`
	Output     string `xml:"output,omitempty"`
}

// getConsoleOutput gives what the console holds now; EC2 posts it minutes
// after a start or an end. That of an instance that has ended is of its end, or
// later.
func (s *Server) getConsoleOutput(c *call) (any, error) {
	s.forgetTerminated(c.region)
	in, err := findNamed(s, c, s.regions[c.region].instances, instanceKind, "InstanceId")
	if err != nil {
		return nil, err
	}
	latest, err := c.form.flag("Latest", false)
	if err != nil {
		return nil, err
	}
	if err := dryRun(c); err != nil {
		return nil, err
	}
	if latest && in.kind.hypervisor() != "nitro" {
		return nil, bad("UnsupportedOperation", "This instance type does not support retrieving the latest console logs. Only supported on Nitro Instances.")
	}
	out := &getConsoleResponse{InstanceID: in.id}
	var last time.Time
	if out.Output, last = in.console.read(); out.Output != "" {
		state := in.state(s.opts.Now())
		if (state == stopped || state == terminated) && in.settles.After(last) {
			last = in.settles
		}
		out.Timestamp = last.UTC().Format(ec2Time)
	}
	return out, nil
}
