package hypervisor

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// dial tries to connect and returns the result.
func dial(address netip.AddrPort) error {
	conn, err := net.DialTimeout("tcp4", address.String(), 5*time.Second)
	if err == nil {
		err = conn.Close()
	}
	return err
}

func wantRefused(t *testing.T, address netip.AddrPort, when string) {
	t.Helper()
	if err := dial(address); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("%s, a connection to %v: %v, want a refusal", when, address, err)
	}
}

// TestGatedForwards has a guest serve port 80 and never port 81, then a program
// take a port before it is opened, and the guest power off.
func TestGatedForwards(t *testing.T) {
	files := linuxGuest(t)
	files["boot/grub/menu.lst"] = menu("console=hvc0 quiet") + "  initrd /boot/ramdisk\n"
	at := func(port uint16) netip.AddrPort {
		return netip.AddrPortFrom(netip.MustParseAddr("127.0.0.8"), port)
	}
	type told struct {
		f   Forward
		err error
	}
	opened := make(chan told, 4)
	console := new(buffer)
	d, err := boot(t, Spec{
		Disk: sizedDisk(t, "64M", files), MemoryMiB: 256, Console: console,
		Forwards: []Forward{
			{Proto: "tcp", Host: at(18080), GuestPort: 80, Gated: true},
			{Proto: "tcp", Host: at(18081), GuestPort: 81, Gated: true},
			{Proto: "tcp", Host: at(18082), GuestPort: 80, Gated: true},
			{Proto: "tcp", Host: at(18099), GuestPort: 99},
		},
		Opened: func(f Forward, err error) { opened <- told{f, err} },
	})
	if err != nil {
		t.Fatal(err)
	}
	wantRefused(t, at(18080), "before the guest listens")
	taken, err := net.Listen("tcp4", at(18082).String())
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	console.waitFor(t, "serving at")
	listens := time.Now()
	for range 2 {
		got := <-opened
		t.Logf("port %d opened after %v: %v", got.f.Host.Port(), time.Since(listens), got.err)
		if want := got.f.Host != at(18080); (got.err != nil) != want || want && !strings.Contains(got.err.Error(), "address already in use") {
			t.Errorf("%v: %v", got.f, got.err)
		}
	}
	if err := await(t, d, "http://:80/", 10*time.Second); err != nil {
		t.Error(err)
	}
	wantRefused(t, at(18081), "while the guest doesn't listen")
	probeAll(t, d)
	if err := dial(at(18099)); err != nil {
		t.Fatal(err)
	}
	if exit, err := wait(t, d); exit != Poweroff || err != nil {
		t.Errorf("the guest ended: %q, %v", exit, err)
	}
	wantRefused(t, at(18080), "after the guest's end")
}

// probeAll asks a guest several things at once.
func probeAll(t *testing.T, d *Domain) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			if err := d.Ping(ctx); err != nil {
				t.Error(err)
			}
		})
		wg.Go(func() {
			if err := d.Connect(ctx, 80); err != nil {
				t.Error(err)
			}
		})
		wg.Go(func() {
			if err := d.Connect(ctx, 81); !errors.Is(err, syscall.ECONNREFUSED) {
				t.Errorf("a probe of a closed port: %v", err)
			}
		})
	}
	wg.Wait()
}

func TestGateInterval(t *testing.T) {
	for _, test := range []struct {
		ports        int
		waited, want time.Duration
	}{
		{1, 0, 100 * time.Millisecond},
		{1, 20 * time.Second, 200 * time.Millisecond},
		{1, time.Hour, time.Second},
		{MaxGated, 0, 320 * time.Millisecond},
	} {
		if got := gateInterval(test.ports, test.waited); got != test.want {
			t.Errorf("%d ports after %v: every %v, want %v", test.ports, test.waited, got, test.want)
		}
	}
}
