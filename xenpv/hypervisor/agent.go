package hypervisor

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
)

// request is a request to dom0's agent: one line of JSON. A boot is
// followed by Kernel bytes: a kernel to start instead of the one in menu.lst.
type request struct {
	Request string `json:"request"`
	// For boot: memory in MiB, the disk's size and name, the kernel's size in
	// bytes and its arguments.
	Memory  int    `json:"memory,omitempty"`
	VCPUs   int    `json:"vcpus,omitempty"`
	Sectors int64  `json:"sectors,omitempty"`
	Device  string `json:"device,omitempty"`
	MAC     string `json:"mac,omitempty"`
	Kernel  int    `json:"kernel"`
	Args    string `json:"args,omitempty"`
	// For probe: its number, the guest's address and ports (0 means ICMP), and
	// dom0's own address with its subnet mask.
	ID      uint32   `json:"id,omitempty"`
	Address string   `json:"address,omitempty"`
	Ports   []uint16 `json:"ports,omitempty"`
	From    string   `json:"from,omitempty"`
	Mask    string   `json:"mask,omitempty"`
}

// event is a message from the agent: ready, created, console, failed, ended or
// answered.
type event struct {
	Event string `json:"event"`
	// Reason and Log explain why a domain could not be started. Reason is also
	// how it ended.
	Reason string `json:"reason"`
	Log    string `json:"log"`
	Data   []byte `json:"data"` // of the console
	// For answered: the probe's number, the port, and whether the guest refused
	// the connection.
	ID      uint32 `json:"id"`
	Port    uint16 `json:"port"`
	Refused bool   `json:"refused"`
}

// maxEvent bounds a line from the agent: its largest holds a tool's log.
const maxEvent = 1 << 20

// ask sends a request to the agent.
func (m *machine) ask(r request) error {
	line, err := json.Marshal(r)
	if err != nil {
		return err
	}
	if _, err := m.agent.Write(append(line, '\n')); err != nil {
		return fmt.Errorf("ask dom0 to %s: %w", r.Request, err)
	}
	return nil
}

// ready waits until dom0's toolstack is up. If that fails, it ends the machine.
func (m *machine) ready(ctx context.Context, limit time.Duration) error {
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("no answer from dom0 within %v", limit))
	defer cancel()
	stop := context.AfterFunc(ctx, func() { _ = m.agent.SetReadDeadline(time.Now()) })
	defer stop()
	m.events = bufio.NewReader(m.agent)
	err := m.ask(request{Request: "hello"})
	var first event
	if err == nil {
		first, err = m.nextEvent()
	}
	if err == nil && first.Event != "ready" {
		err = fmt.Errorf("dom0 sent %q before it was ready", first.Event)
	}
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	err = m.explain(err)
	m.kill()
	return withLog(err, "the last messages of Xen and dom0", m.serial.String())
}

// nextEvent reads the agent's next line.
func (m *machine) nextEvent() (event, error) {
	var e event
	line, err := readLine(m.events)
	if err != nil {
		return e, fmt.Errorf("read from dom0: %w", err)
	}
	return e, json.Unmarshal(line, &e)
}

// readLine reads up to a newline, and rejects a line longer than maxEvent.
func readLine(r *bufio.Reader) ([]byte, error) {
	var line []byte
	for {
		part, err := r.ReadSlice('\n')
		line = append(line, part...)
		switch {
		case err == nil:
			return line, nil
		case !errors.Is(err, bufio.ErrBufferFull):
			return nil, err
		case len(line) > maxEvent:
			return nil, io.ErrShortBuffer
		}
	}
}
