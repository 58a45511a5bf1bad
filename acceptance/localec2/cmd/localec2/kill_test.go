package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ec2"

	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/byhand"
	"github.com/unikernel-ami/packer-plugin-unikernel/internal/oracle"
)

// TestKill kills the program while an instance boots: no process is left, and
// no file.
func TestKill(t *testing.T) {
	if testing.Short() {
		t.Skip("boots a guest, and the test is to be short")
	}
	oracle.Need(t, "qemu-system-x86_64")
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
		t.Fatalf("no QEMU runs the guest: %v\n%s", err, log.String())
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

// launch runs an instance of a disk that takes pygrub some time to give up on.
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

// waitForGuest returns the QEMU process that runs the guest, once it has made
// the file for the guest's writes (vl.XXXXXX in the temporary directory) and
// removed its name, or "" if there is none. A QEMU that first saves the state of
// Xen is not it.
func waitForGuest(pid int, temp string) string {
	for deadline := time.Now().Add(5 * time.Minute); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		for _, child := range children(pid) {
			name, _ := os.ReadFile("/proc/" + child + "/comm") // a process that has ended has none
			if strings.HasPrefix(string(name), "qemu-system") && holdsUnnamed(child, temp) {
				return child
			}
		}
	}
	return ""
}

// holdsUnnamed reports whether a process has a file of the temporary directory
// open that no longer has a name.
func holdsUnnamed(pid, temp string) bool {
	open, _ := filepath.Glob("/proc/" + pid + "/fd/*") // the pattern is well formed
	return slices.ContainsFunc(open, func(fd string) bool {
		file, _ := os.Readlink(fd) // one closed in the meantime has none
		return strings.HasPrefix(file, temp+"/vl.") && strings.HasSuffix(file, " (deleted)")
	})
}

func children(pid int) []string {
	var all []string
	lists, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid)) // the pattern is well formed
	for _, list := range lists {
		pids, _ := os.ReadFile(list) // a thread that has ended has none
		all = append(all, strings.Fields(string(pids))...)
	}
	return all
}
