package hypervisor

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"sync/atomic"
	"time"
)

const qemuProgram = "qemu-system-x86_64"

// cpuFlags are the features that guests need in addition to qemu64. Without
// AES-NI MirageOS 3 crashes with an invalid opcode, and without RDRAND dom0
// waits seconds for random numbers. Xen 4.17 hangs with "-cpu max".
const cpuFlags = "qemu64,+aes,+ssse3,+sse4.1,+sse4.2,+pclmulqdq,+popcnt,+rdrand"

// hvmFlags are what HVM domains need in addition: AMD's virtualization with
// nested paging, which QEMU emulates, and a family that has it. Xen's PV shim
// dies on qemu64's own family 15, of whose registers QEMU emulates too few.
const hvmFlags = ",family=23,model=1,stepping=2,+svm,+npt,+nrip-save"

// Xen and dom0 start as on any host, except for what only costs time in
// emulation: scrubbing memory that QEMU has just zeroed, and mitigations against
// other tenants, as there are none.
const (
	// dom0MiB leaves room for uncompressed kernels and ramdisks of 100 MiB and
	// more in addition to dom0's own 60 MiB.
	dom0MiB = 512
	// hvmDom0MiB leaves room for the device model: 35 MiB of files in memory, and
	// QEMU's own memory.
	hvmDom0MiB = 640
	// xenMiB is for Xen itself, and for what a domain needs beyond its memory.
	xenMiB        = 80
	xenArguments  = "console=com1 com1=115200 loglvl=warning noreboot bootscrub=0 spec-ctrl=no xpti=0"
	dom0Arguments = "console=hvc0 quiet mitigations=off"
)

// machineSpec describes a machine that runs Xen.
type machineSpec struct {
	bundle bundle
	// memoryMiB is the machine's memory: dom0's, the guest's and Xen's own.
	memoryMiB int
	kvm       bool
	hvm       bool // it runs HVM domains, and the bundle has the device model
	// ram is QEMU's memory back end, without id and size.
	ram string
	// incoming makes the machine wait for a saved state.
	incoming bool
	netdev   string
	disk     *os.File
}

// machine is a running QEMU. The sockets of its monitor and of dom0's agent have
// no names in the file system, and neither has its copy-on-write layer. So
// nothing is left behind, however this program ends.
type machine struct {
	*monitor
	agent   net.Conn
	events  *bufio.Reader // from the agent
	process *os.Process
	// ended is closed when QEMU has ended; waitErr and state are set by then.
	ended   chan struct{}
	waitErr error
	state   *os.ProcessState
	serial  tail // Xen's and dom0's messages
	stderr  tail
	broken  atomic.Value // string: why this program ended QEMU
}

// hardware returns the options that a saved state depends on.
func (s machineSpec) hardware() []string {
	accel, cpu := "tcg,thread=multi", cpuFlags
	if s.hvm {
		cpu += hvmFlags
	}
	if s.kvm {
		accel, cpu = "kvm", "host"
	}
	return []string{
		"-machine", "pc,memory-backend=ram", "-accel", accel, "-cpu", cpu,
		"-m", strconv.Itoa(s.memoryMiB), "-smp", "1",
		"-no-user-config", "-nodefaults", "-no-reboot", "-display", "none", "-serial", "stdio",
		"-kernel", xenFile, "-append", fmt.Sprintf("%s dom0_mem=%[2]dM,max:%[2]dM", xenArguments, dom0Memory(s.hvm)),
		"-initrd", kernelFile + " " + dom0Arguments + "," + s.bundle.initramfs,
		"-device", "virtio-net-pci,netdev=net,romfile=",
		"-device", "virtio-blk-pci,drive=disk",
		"-device", "virtio-serial-pci", "-device", "virtserialport,chardev=agent,name=xenpv",
	}
}

func dom0Memory(hvm bool) int {
	if hvm {
		return hvmDom0MiB
	}
	return dom0MiB
}

// arguments returns QEMU's command line. File descriptor 3 is the monitor, 4 the
// agent's port, 5 the disk.
func (s machineSpec) arguments() []string {
	args := append(s.hardware(),
		"-object", fmt.Sprintf("%s,id=ram,size=%dM", s.ram, s.memoryMiB),
		"-netdev", s.netdev,
		"-chardev", "socket,id=monitor,fd=3", "-mon", "chardev=monitor,mode=control",
		"-chardev", "socket,id=agent,fd=4",
	)
	if s.disk != nil {
		args = append(args, "-add-fd", "fd=5,set=1",
			"-drive", "if=none,id=disk,file=/dev/fdset/1,format=raw,snapshot=on")
	} else {
		args = append(args, "-drive", "if=none,id=disk,driver=null-co,read-zeroes=on,size=1M")
	}
	if s.incoming {
		args = append(args, "-incoming", "defer")
	}
	return args
}

// start runs QEMU. The machine ends with this program, and with ctx.
func (s machineSpec) start(ctx context.Context) (*machine, error) {
	monitorEnd, monitorFile, err := socketPair()
	if err != nil {
		return nil, fmt.Errorf("start QEMU: %w", err)
	}
	agentEnd, agentFile, err := socketPair()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start QEMU: %w", err), monitorEnd.Close(), monitorFile.Close())
	}
	m := &machine{agent: agentEnd, ended: make(chan struct{})}
	cmd := exec.Command(qemuProgram, s.arguments()...) //nolint:gosec,noctx // G204: the arguments are our own; the machine outlives its boot
	cmd.Dir = s.bundle.dir
	cmd.Stdout, cmd.Stderr = &m.serial, &m.stderr
	cmd.ExtraFiles = []*os.File{monitorFile, agentFile}
	if s.disk != nil {
		cmd.ExtraFiles = append(cmd.ExtraFiles, s.disk)
	}
	err = errors.Join(m.launch(cmd), monitorFile.Close(), agentFile.Close())
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start QEMU: %w", err), monitorEnd.Close(), agentEnd.Close())
	}
	m.monitor, err = newMonitor(ctx, monitorEnd, m.onEvent)
	if err != nil {
		m.kill()
		return nil, m.explain(err)
	}
	return m, nil
}

// launch starts QEMU and waits for it in the same thread: Linux ends a child
// when the thread that started it ends (prctl(2), PR_SET_PDEATHSIG).
func (m *machine) launch(cmd *exec.Cmd) error {
	separate(cmd)
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		err := cmd.Start()
		m.process = cmd.Process
		started <- err
		if err == nil {
			m.waitErr = cmd.Wait()
			m.state = cmd.ProcessState
			close(m.ended)
		}
	}()
	return <-started
}

// showDisk makes dom0 read the size of its disk again. A saved machine has an
// empty disk, which QEMU replaces with the guest's disk; a request to resize it
// makes QEMU announce the new size. That is much faster than plugging in a disk.
func (m *machine) showDisk(ctx context.Context, size int64) error {
	return m.run(ctx, "block_resize", map[string]any{"device": "disk", "size": size}, nil)
}

// kill ends QEMU immediately and returns when it has ended.
func (m *machine) kill() {
	_ = m.process.Kill() // it may have ended by itself
	<-m.ended
	_, _ = m.conn.Close(), m.agent.Close() // the other ends are closed
}

// onEvent handles a write that failed: QEMU has then stopped the machine, and
// nothing would resume it.
func (m *machine) onEvent(name string, data json.RawMessage) {
	var failure struct{ Operation, Reason string }
	if name != "BLOCK_IO_ERROR" || json.Unmarshal(data, &failure) != nil {
		return
	}
	m.broken.Store(fmt.Sprintf("%s the disk (the guest's writes go to %s): %s", failure.Operation, os.TempDir(), failure.Reason))
	_ = m.process.Kill()
}

// explain adds to err the reason why QEMU ended, if it has ended.
func (m *machine) explain(err error) error {
	select {
	case <-m.ended:
	case <-time.After(endedGrace):
		return err
	}
	if why, ok := m.broken.Load().(string); ok {
		return fmt.Errorf("%w: %s", err, why)
	}
	why := lastLines(m.stderr.String(), 3, " | ")
	if m.waitErr == nil {
		return withLog(fmt.Errorf("%w: dom0 powered off", err), "last messages of dom0", m.serial.String())
	}
	if why == "" {
		why = m.waitErr.Error()
	}
	return fmt.Errorf("%w: QEMU ended: %s", err, why)
}

// endedGrace is how long it may take to reap a QEMU whose sockets have closed.
// The kernel needs milliseconds.
const endedGrace = time.Second
