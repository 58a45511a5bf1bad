package localec2

import (
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ec2"

	"github.com/unikernel-ami/packer-plugin-unikernel/internal/oracle"
	"github.com/unikernel-ami/packer-plugin-unikernel/xenpv"
	"github.com/unikernel-ami/packer-plugin-unikernel/xenpv/boot"
)

// hello is the directory in which examples/hello/make-hello.sh puts the sample
// image.
const hello = "../../build/hello"

// startXen starts a server whose instances boot. It skips the test if they
// can't.
func startXen(t *testing.T, opts Options) *lab {
	t.Helper()
	if testing.Short() {
		t.Skip("boots a guest, and the test is to be short")
	}
	oracle.Need(t, "qemu-system-x86_64")
	if _, err := os.Stat(hello + "/kernel.gz"); err != nil {
		oracle.Missing(t, "build/hello has no sample image")
	}
	if _, err := exec.LookPath("apt-get"); err != nil && os.Getenv("XENPV_DOM0") == "" {
		oracle.Missing(t, "no apt-get, and XENPV_DOM0 names no dom0 bundle")
	}
	opts.Log = func(line string) { t.Log(line) }
	return start(t, opts)
}

// helloAMI bakes the sample image with a command line.
func (l *lab) helloAMI(commandLine string) *string {
	l.t.Helper()
	return l.bake(hello+"/kernel.gz", hello+"/ramdisk", commandLine)
}

// bake creates an AMI of a kernel. It replaces texts on the disk, given in
// pairs.
func (l *lab) bake(path, ramdisk, commandLine string, replaced ...string) *string {
	l.t.Helper()
	disk := must(xenpv.Wrap(l.ctx, xenpv.Spec{Image: path, CommandLine: &commandLine, Ramdisk: ramdisk, Compress: boot.CompressNone}))(l.t)
	defer disk.Close()
	snapshot := l.begin()
	blocks := must(disk.Blocks(l.ctx))(l.t)
	for _, b := range blocks {
		data := make([]byte, blockSize)
		if n, err := disk.ReadAt(data, int64(b.Index)*blockSize); err != nil && (err != io.EOF || n == 0) {
			l.t.Fatal(err)
		}
		data = []byte(strings.NewReplacer(replaced...).Replace(string(data)))
		if err := l.put(snapshot, b.Index, data); err != nil {
			l.t.Fatal(err)
		}
	}
	if err := l.complete(snapshot, int32(len(blocks))); err != nil {
		l.t.Fatal(err)
	}
	ami := l.register("guest on "+*snapshot, l.waited(snapshot))
	l.available(ami)
	return ami
}

// waited waits until a snapshot is completed.
func (l *lab) waited(snapshot *string) *string {
	l.t.Helper()
	soon := func(o *ec2.SnapshotCompletedWaiterOptions) { o.MinDelay = 100 * time.Millisecond }
	err := ec2.NewSnapshotCompletedWaiter(l.ec2, soon).Wait(l.ctx, &ec2.DescribeSnapshotsInput{SnapshotIds: []string{*snapshot}}, time.Minute)
	if err != nil {
		l.t.Fatal(err)
	}
	return snapshot
}

// available waits until an image is.
func (l *lab) available(ami *string) {
	l.t.Helper()
	soon := func(o *ec2.ImageAvailableWaiterOptions) { o.MinDelay = 100 * time.Millisecond }
	if err := ec2.NewImageAvailableWaiter(l.ec2, soon).Wait(l.ctx, &ec2.DescribeImagesInput{ImageIds: []string{*ami}}, time.Minute); err != nil {
		l.t.Fatal(err)
	}
}

// page fetches the guest's page, as soon as it is served.
func (l *lab) page(id, address *string) string {
	l.t.Helper()
	client := http.Client{Timeout: 5 * time.Second}
	var last error
	for deadline := time.Now().Add(2 * time.Minute); time.Now().Before(deadline); time.Sleep(200 * time.Millisecond) {
		answer, err := client.Get("http://" + *address + "/")
		if err == nil {
			body := must(io.ReadAll(answer.Body))(l.t)
			answer.Body.Close()
			return string(body)
		}
		last = err
	}
	l.t.Fatalf("no answer: %v; the console:\n%s", last, l.console(id))
	return ""
}

func refuses(t *testing.T, address string) {
	t.Helper()
	if conn, err := net.DialTimeout("tcp", address, time.Second); err == nil {
		conn.Close()
		t.Errorf("%s accepts connections", address)
	}
}

// machines counts the QEMU processes that this one has started.
func machines(t *testing.T) int {
	t.Helper()
	lists, err := filepath.Glob("/proc/self/task/*/children")
	if err != nil || len(lists) == 0 {
		t.Skip("this system doesn't list a process's children")
	}
	count := 0
	for _, list := range lists {
		pids, _ := os.ReadFile(list) // a thread that is gone has none
		for pid := range strings.FieldsSeq(string(pids)) {
			name, _ := os.ReadFile("/proc/" + pid + "/comm")
			if strings.HasPrefix(string(name), "qemu-system") {
				count++
			}
		}
	}
	return count
}

// assemble builds the hypervisor's test guest. It prints its command line, then
// powers off (p), crashes (c) or keeps running.
func assemble(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	object, kernel := filepath.Join(dir, "guest.o"), filepath.Join(dir, "guest")
	for _, args := range [][]string{
		{"as", "-o", object, "../../xenpv/hypervisor/testdata/guest.S"},
		{"ld", "-N", "-Ttext=0x1000", "--build-id=none", "-e", "_start", "-o", kernel, object},
	} {
		if out, err := exec.Command(oracle.Need(t, args[0]), args[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", args, err, out)
		}
	}
	return kernel
}

// says waits until a console shows a text.
func (l *lab) says(id *string, text string) {
	l.t.Helper()
	for deadline := time.Now().Add(3 * time.Minute); !strings.Contains(l.console(id), text); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			l.t.Fatalf("the console doesn't show %q but:\n%s", text, l.console(id))
		}
	}
}
