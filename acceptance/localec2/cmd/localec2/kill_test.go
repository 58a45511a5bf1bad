package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ec2"

	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/byhand"
	"github.com/unikernel-ami/packer-plugin-unikernel/internal/judge"
)

// TestKill kills the program while an instance boots. No process and no file
// may be left.
func TestKill(t *testing.T) {
	if testing.Short() {
		t.Skip("boots a guest, and the test is to be short")
	}
	judge.Need(t, "qemu-system-x86_64")
	temp := t.TempDir()
	cmd := program("-snapshot-pending", "0", "-image-pending", "0", "-quiet")
	cmd.Env = append(cmd.Env, "TMPDIR="+temp)
	var log bytes.Buffer
	cmd.Stderr = &log
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err == nil {
		err = launch(strings.TrimPrefix(strings.TrimSpace(line), "AWS_ENDPOINT_URL="))
	}
	qemu := waitForGuest(cmd.Process.Pid, temp)
	_ = cmd.Process.Kill()
	_ = cmd.Wait() // it says that it was killed
	if err != nil || qemu == "" {
		t.Fatalf("no QEMU was started, or it has no file for writes: %v\n%s", err, log.String())
	}
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		if _, err := os.Stat("/proc/" + qemu); err != nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("QEMU runs on as process %s", qemu)
		}
	}
	if files, err := os.ReadDir(temp); err != nil || len(files) > 0 {
		t.Errorf("files are left: %v %v", files, err)
	}
}

// launch runs an instance of a disk on which pygrub takes a while to fail.
func launch(url string) error {
	ctx := context.Background()
	image, err := byhand.Register(ctx, url, bytes.Repeat([]byte{1}, 512<<10))
	if err != nil {
		return err
	}
	control := ec2.New(ec2.Options{Region: "us-east-1", BaseEndpoint: &url, Credentials: credentials.NewStaticCredentialsProvider("AKIATEST", "secret", "")})
	_, err = control.RunInstances(ctx, &ec2.RunInstancesInput{ImageId: &image, InstanceType: "t1.micro", MinCount: aws.Int32(1), MaxCount: aws.Int32(1)})
	return err
}

// waitForGuest waits until a process has started a QEMU that has created the
// file for its guest's writes and unlinked it. It returns the QEMU's process, or
// "". Before the first guest on a machine, other QEMUs prepare dom0, which takes
// a minute or more.
func waitForGuest(pid int, temp string) string {
	for deadline := time.Now().Add(5 * time.Minute); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		for _, qemu := range children(pid, "qemu-system") {
			if hasUnlinked(qemu, temp+"/vl.") {
				return qemu
			}
		}
	}
	return ""
}

// children returns the children of a process whose names have a prefix.
func children(pid int, prefix string) []string {
	var found []string
	lists, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid)) // the pattern is well formed
	for _, list := range lists {
		pids, _ := os.ReadFile(list) // a thread that has ended has none
		for child := range strings.FieldsSeq(string(pids)) {
			if name, _ := os.ReadFile("/proc/" + child + "/comm"); strings.HasPrefix(string(name), prefix) {
				found = append(found, child)
			}
		}
	}
	return found
}

// hasUnlinked reports whether a process has a file open whose path had a prefix
// and was removed.
func hasUnlinked(pid, prefix string) bool {
	open, _ := filepath.Glob("/proc/" + pid + "/fd/*") // the pattern is well formed
	for _, fd := range open {
		file, _ := os.Readlink(fd) // a file that was closed meanwhile has none
		if strings.HasPrefix(file, prefix) && strings.HasSuffix(file, " (deleted)") {
			return true
		}
	}
	return false
}
