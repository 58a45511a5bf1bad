package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ebs"
	ebstypes "github.com/aws/aws-sdk-go-v2/service/ebs/types"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/unikernel-ami/packer-plugin-unikernel/internal/judge"
)

// TestKill kills the program while an instance boots: no process is left, and
// no file.
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
	qemu := waitForChild(cmd.Process.Pid)
	// QEMU makes a file for the guest's writes and removes its name at once.
	for files, _ := os.ReadDir(temp); len(files) > 0; files, _ = os.ReadDir(temp) {
		time.Sleep(10 * time.Millisecond)
	}
	time.Sleep(200 * time.Millisecond)
	_ = cmd.Process.Kill()
	_ = cmd.Wait() // it says that it was killed
	if err != nil || qemu == "" {
		t.Fatalf("no QEMU was started: %v\n%s", err, log.String())
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

// launch runs an instance of a disk that pygrub needs some time to despair of.
func launch(url string) error {
	cfg := aws.Config{Region: "us-east-1", BaseEndpoint: &url, Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{AccessKeyID: "AKIATEST", SecretAccessKey: "secret"}, nil
	})}
	ctx, blocks, control := context.Background(), ebs.NewFromConfig(cfg), ec2.NewFromConfig(cfg)
	snapshot, err := blocks.StartSnapshot(ctx, &ebs.StartSnapshotInput{VolumeSize: aws.Int64(1)})
	if err != nil {
		return err
	}
	data := bytes.Repeat([]byte{1}, 512<<10)
	sum := sha256.Sum256(data)
	_, err = blocks.PutSnapshotBlock(ctx, &ebs.PutSnapshotBlockInput{
		SnapshotId: snapshot.SnapshotId, BlockIndex: aws.Int32(0), BlockData: bytes.NewReader(data), DataLength: aws.Int32(512 << 10),
		Checksum: aws.String(base64.StdEncoding.EncodeToString(sum[:])), ChecksumAlgorithm: ebstypes.ChecksumAlgorithmChecksumAlgorithmSha256,
	})
	if err != nil {
		return err
	}
	if _, err = blocks.CompleteSnapshot(ctx, &ebs.CompleteSnapshotInput{SnapshotId: snapshot.SnapshotId, ChangedBlocksCount: aws.Int32(1)}); err != nil {
		return err
	}
	image, err := control.RegisterImage(ctx, &ec2.RegisterImageInput{
		Name: aws.String("kill"), Architecture: types.ArchitectureValuesX8664, VirtualizationType: aws.String("paravirtual"),
		KernelId: aws.String("aki-5c21674b"), RootDeviceName: aws.String("/dev/sda1"),
		BlockDeviceMappings: []types.BlockDeviceMapping{{DeviceName: aws.String("/dev/sda1"), Ebs: &types.EbsBlockDevice{SnapshotId: snapshot.SnapshotId}}},
	})
	if err != nil {
		return err
	}
	_, err = control.RunInstances(ctx, &ec2.RunInstancesInput{ImageId: image.ImageId, InstanceType: "t1.micro", MinCount: aws.Int32(1), MaxCount: aws.Int32(1)})
	return err
}

// waitForChild returns the QEMU process that a process starts, "" where it
// starts none.
func waitForChild(pid int) string {
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		lists, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid)) // the pattern is well formed
		for _, list := range lists {
			pids, _ := os.ReadFile(list) // a thread that is gone has none
			for child := range strings.FieldsSeq(string(pids)) {
				if name, _ := os.ReadFile("/proc/" + child + "/comm"); strings.HasPrefix(string(name), "qemu-system") {
					return child
				}
			}
		}
	}
	return ""
}
