package hypervisor

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"sync"
)

// monitor speaks QMP, QEMU's control protocol, one command at a time
// (https://www.qemu.org/docs/master/interop/qmp-spec.html).
type monitor struct {
	mu      sync.Mutex
	conn    net.Conn
	replies chan qmpMessage
	closed  chan struct{}
}

// qmpMessage is a message from QEMU: a greeting, a reply or an event.
type qmpMessage struct {
	Return json.RawMessage `json:"return"`
	Error  *struct {
		Desc string `json:"desc"`
	} `json:"error"`
	Event string          `json:"event"`
	Data  json.RawMessage `json:"data"`
}

// newMonitor puts QEMU's monitor in command mode. Each event goes to onEvent.
func newMonitor(ctx context.Context, conn net.Conn, onEvent func(name string, data json.RawMessage)) (*monitor, error) {
	m := &monitor{conn: conn, replies: make(chan qmpMessage, 1), closed: make(chan struct{})}
	go m.read(onEvent)
	return m, m.run(ctx, "qmp_capabilities", nil, nil)
}

func (m *monitor) read(onEvent func(string, json.RawMessage)) {
	defer close(m.closed)
	for decoder := json.NewDecoder(m.conn); ; {
		var message qmpMessage
		if decoder.Decode(&message) != nil {
			return
		}
		switch {
		case message.Event != "":
			onEvent(message.Event, message.Data)
		case message.Return != nil || message.Error != nil:
			select {
			case m.replies <- message:
			default: // the command's context is done
			}
		}
	}
}

// run executes a command and decodes its result into result, if that isn't nil.
func (m *monitor) run(ctx context.Context, command string, arguments, result any) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	request := map[string]any{"execute": command}
	if arguments != nil {
		request["arguments"] = arguments
	}
	if err := json.NewEncoder(m.conn).Encode(request); err != nil {
		return fmt.Errorf("qemu %s: %w", command, err)
	}
	select {
	case reply := <-m.replies:
		if reply.Error != nil {
			return fmt.Errorf("qemu %s: %s", command, reply.Error.Desc)
		}
		if result == nil {
			return nil
		}
		return json.Unmarshal(reply.Return, result)
	case <-m.closed:
		return fmt.Errorf("qemu %s: no answer", command)
	case <-ctx.Done():
		return fmt.Errorf("qemu %s: %w", command, context.Cause(ctx))
	}
}
