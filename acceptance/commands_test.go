package acceptance

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ebs"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2"
)

// serverKey is the key of a script's local EC2.
type serverKey struct{}

// server is the EC2 that the script started last.
func server(ts *testscript.TestScript) *localec2.Running {
	running := *ts.Value(serverKey{}).(**localec2.Running)
	if running == nil {
		ts.Fatalf("no EC2 is running: run localec2 first")
	}
	return running
}

func cmdLocalEC2(ts *testscript.TestScript, neg bool, args []string) {
	if neg {
		ts.Fatalf("localec2 does not support negation")
	}
	var options localec2.Options
	var faults []localec2.Fault
	for len(args) > 0 {
		switch {
		case args[0] == "-latency" && len(args) > 1:
			options.Latency = duration(ts, args[1])
			args = args[2:]
		case args[0] == "-snapshot-pending" && len(args) > 1:
			options.SnapshotPending = duration(ts, args[1])
			args = args[2:]
		case args[0] == "-copy-pending" && len(args) > 1:
			options.CopyPending = duration(ts, args[1])
			args = args[2:]
		case args[0] == "-import-time" && len(args) > 1:
			options.ImportTime = duration(ts, args[1])
			args = args[2:]
		case args[0] == "-no-import-role":
			options.ImportRoles = []string{}
			args = args[1:]
		case args[0] == "-no-instances":
			options.NoInstances = true
			args = args[1:]
		default:
			fault, err := localec2.ParseFault(args[0])
			ts.Check(err)
			faults = append(faults, fault)
			args = args[1:]
		}
	}
	running, err := localec2.Start(options)
	ts.Check(err)
	ts.Defer(func() { ts.Check(running.Close()) })
	for _, fault := range faults {
		running.Inject(fault)
	}
	for _, variable := range running.Env() {
		key, value, _ := strings.Cut(variable, "=")
		ts.Setenv(key, value)
	}
	*ts.Value(serverKey{}).(**localec2.Running) = running
}

func duration(ts *testscript.TestScript, text string) time.Duration {
	d, err := time.ParseDuration(text)
	ts.Check(err)
	return d
}

// cmdResources omits what differs between runs: IDs and times, also in names.
func cmdResources(ts *testscript.TestScript, _ bool, _ []string) {
	all := server(ts).Resources()
	if len(all) == 0 {
		fmt.Fprintln(ts.Stdout(), "nothing")
	}
	for _, region := range slices.Sorted(maps.Keys(all)) {
		for _, s := range all[region].Snapshots {
			fmt.Fprintf(ts.Stdout(), "%s snapshot %s %d GiB, %d blocks,%s\n", region, s.State, s.SizeGiB, s.Blocks, tagText(s.Tags))
		}
		for _, i := range all[region].Images {
			fmt.Fprintf(ts.Stdout(), "%s image %s %q %s %s %s, %d snapshot,%s\n", region, i.State, epoch.ReplaceAllString(i.Name, "…"),
				i.Architecture, i.Virtualization, i.KernelID, len(i.Snapshots), tagText(i.Tags))
		}
		for _, i := range all[region].Instances {
			fmt.Fprintf(ts.Stdout(), "%s instance %s %s,%s\n", region, i.State, i.Type, tagText(i.Tags))
		}
		for _, n := range all[region].Networks {
			fmt.Fprintf(ts.Stdout(), "%s %s,%s\n", region, n.Kind, tagText(n.Tags))
		}
		for _, i := range all[region].Imports {
			fmt.Fprintf(ts.Stdout(), "%s import %s,%s\n", region, i.Message, tagText(i.Tags))
		}
		for _, b := range all[region].Buckets {
			fmt.Fprintf(ts.Stdout(), "%s bucket %s, %d objects, %d unfinished uploads\n", region, b.Name, len(b.Objects), len(b.Uploads))
		}
	}
}

// epoch matches the value of {{timestamp}}.
var epoch = regexp.MustCompile(`\b[0-9]{10}\b`)

// tagText omits the values that differ between builds or images.
func tagText(tags map[string]string) string {
	var b strings.Builder
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		value := tags[key]
		if key == "unikernel:build" || key == "unikernel:content" || key == "unikernel:smoke-test-time" {
			value = "…"
		}
		fmt.Fprintf(&b, " %s=%s", key, value)
	}
	return b.String()
}

// cmdCalls counts the calls. Retries by the SDK don't count.
func cmdCalls(ts *testscript.TestScript, _ bool, _ []string) {
	last, count := "", 0
	flush := func() {
		if count > 0 {
			fmt.Fprintf(ts.Stdout(), "%d %s\n", count, last)
		}
	}
	for _, call := range server(ts).Calls() {
		if call.Attempt > 1 {
			continue
		}
		if name := call.Service + " " + call.Action; name != last {
			flush()
			last, count = name, 0
		}
		count++
	}
	flush()
	if last == "" {
		fmt.Fprintln(ts.Stdout(), "nothing")
	}
}

// cmdInterrupt runs a command and, once EC2 has handled the action, interrupts
// the whole process group, as Ctrl-C in a terminal does.
func cmdInterrupt(ts *testscript.TestScript, _ bool, args []string) {
	var output bytes.Buffer
	cmd := exec.Command(args[1], args[2:]...)
	cmd.Dir = ts.MkAbs(".")
	cmd.Env = scriptEnv(ts)
	cmd.Stdout, cmd.Stderr = &output, &output
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	ts.Check(cmd.Start())
	await(ts, args[0])
	ts.Check(syscall.Kill(-cmd.Process.Pid, syscall.SIGINT))
	err := cmd.Wait()
	fmt.Fprintf(ts.Stdout(), "%s%v\n", output.String(), err)
}

// cmdKilled runs a command and, once EC2 has handled the action, kills its process
// and that process's children, of which one is packer's worker. The plugins, which
// the worker has started, stay alive.
func cmdKilled(ts *testscript.TestScript, _ bool, args []string) {
	cmd := exec.Command(args[1], args[2:]...)
	cmd.Dir, cmd.Env = ts.MkAbs("."), scriptEnv(ts)
	ts.Check(cmd.Start())
	await(ts, args[0])
	children, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%[1]d/children", cmd.Process.Pid))
	ts.Check(err)
	for child := range strings.FieldsSeq(string(children)) {
		pid, err := strconv.Atoi(child)
		ts.Check(err)
		ts.Check(syscall.Kill(pid, syscall.SIGKILL))
	}
	_ = cmd.Process.Kill() // it may have ended with its children
	_ = cmd.Wait()
}

// cmdNothingLeft waits until no resources are left or, with "launched", no
// instances and security groups or, with "outside REGION", none in other regions.
// Empty buckets don't count.
func cmdNothingLeft(ts *testscript.TestScript, _ bool, args []string) {
	for range 300 {
		left := 0
		for region, r := range server(ts).Resources() {
			if len(args) > 1 && args[1] == region {
				continue
			}
			left += len(r.Instances) + len(r.Networks)
			if len(args) == 0 || args[0] == "outside" {
				left += len(r.Images) + len(r.Snapshots) + len(r.Imports)
				for _, b := range r.Buckets {
					left += len(b.Objects) + len(b.Uploads)
				}
			}
		}
		if left == 0 {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	ts.Fatalf("left behind after 30 s: %+v", server(ts).Resources())
}

// scriptEnv is the script's environment.
func scriptEnv(ts *testscript.TestScript) []string {
	var env []string
	for _, name := range []string{
		"PATH", "HOME", "TMPDIR", "PACKER_PLUGIN_PATH", "PACKER_CONFIG_DIR", "PACKER_NO_COLOR", "CHECKPOINT_DISABLE", "GRUB64",
		"AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_EC2_METADATA_DISABLED",
	} {
		env = append(env, name+"="+ts.Getenv(name))
	}
	return env
}

func await(ts *testscript.TestScript, action string) {
	for range 300 {
		for _, call := range server(ts).Calls() {
			if call.Action == action {
				return
			}
		}
		time.Sleep(100 * time.Millisecond)
	}
	ts.Fatalf("%s was not called within 30 s", action)
}

// cmdBucket makes a bucket.
func cmdBucket(ts *testscript.TestScript, _ bool, args []string) {
	client := s3.New(s3.Options{
		Region:       "us-east-1",
		BaseEndpoint: aws.String(server(ts).URL()),
		UsePathStyle: true,
		Credentials:  credentials.NewStaticCredentialsProvider("AKIATEST", "secret", ""),
	})
	_, err := client.CreateBucket(context.Background(), &s3.CreateBucketInput{Bucket: aws.String(args[0])})
	ts.Check(err)
}

func cmdReadBack(ts *testscript.TestScript, _ bool, args []string) {
	region, path := args[0], ts.MkAbs(args[1])
	snapshots := server(ts).Resources()[region].Snapshots
	if len(snapshots) != 1 {
		ts.Fatalf("%d snapshots in %s, want 1", len(snapshots), region)
	}
	client := ebs.New(ebs.Options{
		Region:       region,
		BaseEndpoint: aws.String(server(ts).URL()),
		Credentials:  credentials.NewStaticCredentialsProvider("AKIATEST", "secret", ""),
	})
	file, err := os.Create(path)
	ts.Check(err)
	defer file.Close()
	ts.Check(copySnapshot(context.Background(), client, snapshots[0].ID, file))
	ts.Check(file.Truncate(snapshots[0].SizeGiB << 30))
}

// copySnapshot writes a snapshot's blocks to their offsets.
func copySnapshot(ctx context.Context, client *ebs.Client, id string, to io.WriterAt) error {
	pages := ebs.NewListSnapshotBlocksPaginator(client, &ebs.ListSnapshotBlocksInput{SnapshotId: &id})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return err
		}
		for _, block := range page.Blocks {
			output, err := client.GetSnapshotBlock(ctx, &ebs.GetSnapshotBlockInput{
				SnapshotId: &id, BlockIndex: block.BlockIndex, BlockToken: block.BlockToken,
			})
			if err != nil {
				return err
			}
			data, err := io.ReadAll(output.BlockData)
			if err != nil {
				return err
			}
			if _, err := to.WriteAt(data, int64(*block.BlockIndex)*int64(*page.BlockSize)); err != nil {
				return err
			}
		}
	}
	return nil
}
