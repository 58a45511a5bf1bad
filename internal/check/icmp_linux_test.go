package check

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"runtime"
	"testing"
	"time"

	"golang.org/x/net/icmp"
	"golang.org/x/net/ipv4"
	"golang.org/x/sys/unix"
)

// inNetwork calls do on a thread in a new network namespace, in which only
// 192.0.2.7 and 127.0.0.0/8 exist, both on the loopback interface. The thread
// is never unlocked, so it ends with do.
func inNetwork(t *testing.T, do func() error) error {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root, to create a network namespace")
	}
	result := make(chan error)
	go func() {
		runtime.LockOSThread()
		err := unix.Unshare(unix.CLONE_NEWNET)
		if err != nil {
			result <- errors.Join(errNoNetwork, err)
			return
		}
		if err = loopbackUp([4]byte{192, 0, 2, 7}); err == nil {
			err = do()
		}
		result <- err
	}()
	err := <-result
	if errors.Is(err, errNoNetwork) {
		t.Skip("root can't create a network namespace here: ", err)
	}
	return err
}

var errNoNetwork = errors.New("no network")

func loopbackUp(address [4]byte) error {
	socket, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
	if err != nil {
		return err
	}
	defer unix.Close(socket)
	request, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	if err := request.SetInet4Addr(address[:]); err != nil {
		return err
	}
	if err := unix.IoctlIfreq(socket, unix.SIOCSIFADDR, request); err != nil {
		return err
	}
	request.SetUint16(unix.IFF_UP)
	return unix.IoctlIfreq(socket, unix.SIOCSIFFLAGS, request)
}

// allowPing and ignorePing configure this thread's network.
func allowPing() error {
	return os.WriteFile("/proc/sys/net/ipv4/ping_group_range", []byte("0 2147483647"), 0)
}

func ignorePing() error {
	return os.WriteFile("/proc/sys/net/ipv4/icmp_echo_ignore_all", []byte("1"), 0)
}

// dropRaw drops this thread's capability to open raw sockets.
func dropRaw() error {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&header, &data[0]); err != nil {
		return err
	}
	data[0].Effective &^= 1 << unix.CAP_NET_RAW
	return unix.Capset(&header, &data[0])
}

func TestICMP(t *testing.T) {
	const remedy = "this user may not ping from this machine (operation not permitted): run as root, " +
		"or allow ping for all groups: sysctl -w net.ipv4.ping_group_range='0 2147483647'"
	tests := map[string]struct {
		setUp []func() error
		host  string
		want  string
	}{
		"as root":              {host: "192.0.2.7"},
		"as any user":          {setUp: []func() error{allowPing, dropRaw}, host: "192.0.2.7"},
		"not allowed":          {setUp: []func() error{dropRaw}, host: "192.0.2.7", want: remedy},
		"silence":              {setUp: []func() error{ignorePing}, host: "192.0.2.7", want: "no response within 300ms"},
		"silence, as any user": {setUp: []func() error{ignorePing, allowPing, dropRaw}, host: "192.0.2.7", want: "no response within 300ms"},
		"no route":             {host: "198.51.100.1", want: "network is unreachable"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			err := inNetwork(t, func() error {
				for _, do := range test.setUp {
					if err := do(); err != nil {
						return err
					}
				}
				ctx, cancel := context.WithTimeoutCause(t.Context(), short, noResponse(short))
				defer cancel()
				_, err := ICMP{}.Probe(ctx, here(test.host))
				return err
			})
			got := ""
			if err != nil {
				got = err.Error()
			}
			expect(t, got, test.want)
			if _, impossible := errors.AsType[Impossible](err); impossible != (name == "not allowed") {
				t.Errorf("%v is Impossible: %t", err, impossible)
			}
		})
	}
}

// A raw socket also receives the replies to other processes.
func TestOwnsEcho(t *testing.T) {
	token := []byte("0123456789abcdef")
	p := pinger{protocol: protocolICMP, request: ipv4.ICMPTypeEcho, reply: ipv4.ICMPTypeEchoReply, token: token}
	tests := map[string]struct {
		kind icmp.Type
		body icmp.MessageBody
		want bool
	}{
		"own":             {ipv4.ICMPTypeEchoReply, &icmp.Echo{ID: 1, Data: token}, true},
		"own request":     {ipv4.ICMPTypeEcho, &icmp.Echo{ID: 1, Data: token}, false},
		"another's":       {ipv4.ICMPTypeEchoReply, &icmp.Echo{ID: 1, Data: []byte("fedcba9876543210")}, false},
		"without data":    {ipv4.ICMPTypeEchoReply, &icmp.Echo{ID: 1}, false},
		"unreachable":     {ipv4.ICMPTypeDestinationUnreachable, &icmp.DstUnreach{Data: token}, false},
		"without content": {ipv4.ICMPTypeEchoReply, nil, false},
	}
	for name, test := range tests {
		datagram, err := (&icmp.Message{Type: test.kind, Body: test.body}).Marshal(nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := p.owns(datagram); got != test.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}

func TestCanPing(t *testing.T) {
	if err := inNetwork(t, CanPing); err != nil {
		t.Error(err)
	}
	if err := inNetwork(t, func() error { return errors.Join(dropRaw(), CanPing()) }); err == nil {
		t.Error("can ping without permission")
	}
}

func TestICMPv6(t *testing.T) {
	if _, err := os.Stat("/proc/net/if_inet6"); err != nil {
		t.Skip("this machine has no IPv6")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for name, setUp := range map[string]func() error{
		"as root":     func() error { return nil },
		"as any user": func() error { return errors.Join(allowPing(), dropRaw()) },
	} {
		err := inNetwork(t, func() error { return errors.Join(setUp(), ping(ctx, netip.IPv6Loopback())) })
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A listening socket whose queue is full does not respond to a SYN.
func TestTCPBlackHole(t *testing.T) {
	socket, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(socket)
	if err := errors.Join(unix.Bind(socket, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}), unix.Listen(socket, 0)); err != nil {
		t.Fatal(err)
	}
	address, err := unix.Getsockname(socket)
	if err != nil {
		t.Fatal(err)
	}
	port := uint16(address.(*unix.SockaddrInet4).Port)
	for range 10 { // a queue of 0 accepts one or two
		ctx, cancel := context.WithTimeoutCause(t.Context(), short, noResponse(short))
		defer cancel()
		conn, err := here("127.0.0.1").dial(ctx, "tcp", port)
		if err != nil {
			expect(t, err.Error(), "no response within 300ms")
			break
		}
		defer conn.Close()
	}
	for _, c := range []Check{TCP{port}, HTTP{Port: port}, HTTP{TLS: true, Port: port}} {
		expect(t, probe(t, c, here("127.0.0.1"), short), "no response within 300ms")
	}
}
