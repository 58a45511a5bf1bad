package hypervisor

import (
	"context"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestDiskThatDoesNotBoot(t *testing.T) {
	needXen(t)
	kernel := assemble(t)
	for name, test := range map[string]struct {
		spec Spec
		want []string
	}{
		"no menu.lst": {
			Spec{Disk: disk(t, map[string]string{"boot/kernel": kernel})},
			[]string{"pygrub found nothing to boot", "its messages:", "Unable to find partition containing kernel"},
		},
		"no kernel": {
			Spec{Disk: disk(t, map[string]string{"boot/grub/menu.lst": menu("")})},
			[]string{"pygrub found nothing to boot", "/boot/kernel"},
		},
		"PVH only": {
			Spec{Disk: disk(t, map[string]string{"boot/kernel": assemble(t, "--defsym", "PVH=1"), "boot/grub/menu.lst": menu("")})},
			[]string{"xl could not create the domain", "no loader found: Invalid kernel"},
		},
		"32 bits": {
			Spec{Disk: disk(t, map[string]string{"boot/kernel": assemble32(t), "boot/grub/menu.lst": menu("")})},
			[]string{"this Xen starts only 64-bit PV guests"},
		},
		"too little memory": {
			Spec{Disk: guestDisk(t, ""), MemoryMiB: 1},
			[]string{"xl could not create the domain", "Out of memory"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := boot(t, test.spec)
			if err == nil {
				t.Fatal("the disk booted")
			}
			for _, want := range test.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q is missing in the error:\n%v", want, err)
				}
			}
		})
	}
}

func TestSilentGuest(t *testing.T) {
	needXen(t)
	d, err := boot(t, Spec{Disk: guestDisk(t, "s")})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	if exit, err := d.Shutdown(ctx); err != context.DeadlineExceeded {
		t.Errorf("Shutdown returned %q and %v for a guest that doesn't listen", exit, err)
	}
	if d.ConsoleTail() != "" || d.Times().FirstConsoleByte != 0 {
		t.Errorf("a silent guest wrote %q at %v", d.ConsoleTail(), d.Times().FirstConsoleByte)
	}
}

func TestQEMUKilled(t *testing.T) {
	needXen(t)
	d, err := boot(t, Spec{Disk: guestDisk(t, "stay")})
	if err != nil {
		t.Fatal(err)
	}
	qemu, err := os.FindProcess(d.PID())
	if err == nil {
		err = qemu.Kill()
	}
	if err != nil {
		t.Fatal(err)
	}
	exit, err := wait(t, d)
	if err == nil || !strings.Contains(err.Error(), "QEMU ended: signal: killed") {
		t.Errorf("Wait returned %q and %v", exit, err)
	}
	if err := d.Ping(t.Context()); err == nil {
		t.Error("a domain without its QEMU answers a ping")
	}
}

func TestCancelledBoot(t *testing.T) {
	needXen(t)
	noLeftovers(t)
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	begun := time.Now()
	d, err := Boot(ctx, Spec{Disk: guestDisk(t, "stay")})
	if err == nil {
		d.Destroy()
		t.Fatal("the boot succeeded within 0.3 s")
	}
	if !strings.Contains(err.Error(), context.DeadlineExceeded.Error()) || time.Since(begun) > 10*time.Second {
		t.Errorf("after %v: %v", time.Since(begun), err)
	}
}

// gates returns so many gated forwards.
func gates(count int) []Forward {
	var list []Forward
	for i := range count {
		host := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.9"), uint16(18000+i))
		list = append(list, Forward{Proto: "tcp", Host: host, GuestPort: uint16(i + 1), Gated: true})
	}
	return list
}

func TestRefusedSpecs(t *testing.T) {
	taken, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	file := filepath.Join(t.TempDir(), "disk")
	if err := os.WriteFile(file, make([]byte, 4096), 0o644); err != nil {
		t.Fatal(err)
	}
	fixed := func(address, gateway string) Network {
		n := Network{Address: netip.MustParsePrefix(address)}
		if gateway != "" {
			n.Gateway = netip.MustParseAddr(gateway)
		}
		return n
	}
	local := netip.MustParseAddrPort("127.0.0.9:8080")
	for want, spec := range map[string]Spec{
		"address already in use":            {Forwards: []Forward{{Proto: "tcp", Host: netip.MustParseAddrPort(taken.Addr().String()), GuestPort: 80}}},
		"must be tcp or udp":                {Forwards: []Forward{{Proto: "sctp", Host: local, GuestPort: 80}}},
		"only TCP ports can be gated":       {Forwards: []Forward{{Proto: "udp", Host: local, GuestPort: 53, Gated: true}}},
		"33 gated ports are more than 32":   {Forwards: gates(MaxGated + 1)},
		"no address left to probe":          {Network: fixed("192.0.2.2/30", "192.0.2.1"), Forwards: gates(1)},
		"a port of the guest":               {Forwards: []Forward{{Proto: "tcp", Host: local, GuestPort: 0}}},
		"an IPv4 address and port of":       {Forwards: []Forward{{Proto: "tcp", Host: netip.MustParseAddrPort("[::1]:80"), GuestPort: 80}}},
		"network or broadcast address":      {Network: fixed("10.0.0.255/24", "10.0.0.1")},
		"the guest's own address":           {Network: fixed("10.0.0.2/24", "10.0.0.2")},
		"not a host address in the guest's": {Network: fixed("10.0.0.2/24", "10.0.1.1")},
		"with a subnet of 8 to 30 bits":     {Network: fixed("10.0.0.2/31", "")},
		"memory must be 1 to 16384 MiB":     {MemoryMiB: -1},
		"processors must be 1 to 32":        {VCPUs: 33},
		"not a name such as sda1":           {RootDevice: "sda1,w"},
		"no such file or directory":         {Disk: file + ".none"},
		"is not a raw disk":                 {Disk: filepath.Dir(file)},
		"must be pv or hvm, not":            {Virtualization: "pvh"},
		"pv-grub starts only PV guests":     {Virtualization: HVM, PVGRUB: file},
		"must be hda, xvda, sda or sda1":    {Virtualization: HVM, RootDevice: "sda2"},
		"the disk has no boot sector":       {Virtualization: HVM},
		"read pv-grub":                      {PVGRUB: file + ".none"},
		"is empty or larger than 6710886":   {PVGRUB: os.DevNull},
	} {
		if spec.Disk == "" {
			spec.Disk = file
		}
		if _, err := Boot(t.Context(), spec); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want an error with %q, got %v", want, err)
		}
	}
}

func TestMissingProgramsAreListed(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	t.Setenv("XENPV_CACHE", t.TempDir())
	t.Setenv("XENPV_DOM0", "")
	file := filepath.Join(t.TempDir(), "disk")
	if err := os.WriteFile(file, make([]byte, 4096), 0o644); err != nil {
		t.Fatal(err)
	}
	_, err := Boot(t.Context(), Spec{Disk: file})
	if err == nil {
		t.Fatal("booted without QEMU")
	}
	for _, want := range []string{"qemu-system-x86_64 is missing", "apt-get install qemu-system-x86", "brew install qemu", "apt-get is missing", "dpkg-deb is missing", "XENPV_DOM0"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is missing in the error:\n%v", want, err)
		}
	}
}
