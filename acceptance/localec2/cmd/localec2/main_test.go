package main

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestMain runs the program instead of the tests if the environment says so.
// That makes signals and exit codes real.
func TestMain(m *testing.M) {
	if os.Getenv("LOCALEC2_TEST_MAIN") != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

func program(args ...string) *exec.Cmd {
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = append(os.Environ(), "LOCALEC2_TEST_MAIN=1")
	return cmd
}

// TestProgram checks what scripts rely on: the first line, nothing after it,
// the log, faults from the command line, and the end by a signal.
func TestProgram(t *testing.T) {
	for _, signal := range []os.Signal{syscall.SIGINT, syscall.SIGTERM} {
		cmd := program("-listen", "127.0.0.1:0", "-fault", "*=refuse,times=1")
		var log bytes.Buffer
		cmd.Stderr = &log
		stdout, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		guard := time.AfterFunc(20*time.Second, func() { cmd.Process.Kill() })
		lines := bufio.NewReader(stdout)
		line, err := lines.ReadString('\n')
		url, ok := strings.CutPrefix(strings.TrimSpace(line), "AWS_ENDPOINT_URL=http://127.0.0.1:")
		if err != nil || !ok {
			t.Fatalf("first line %q: %v", line, err)
		}
		resp, err := http.Post("http://127.0.0.1:"+url, "application/x-www-form-urlencoded", strings.NewReader("Action=DescribeRegions"))
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if err := cmd.Process.Signal(signal); err != nil {
			t.Fatal(err)
		}
		if rest, err := io.ReadAll(lines); err != nil || len(rest) > 0 {
			t.Errorf("more on standard output: %q, %v", rest, err)
		}
		if err := cmd.Wait(); err != nil {
			t.Errorf("%v: %v", signal, err)
		}
		guard.Stop()
		if !strings.Contains(log.String(), "DescribeRegions") || !strings.Contains(log.String(), "403 MissingAuthenticationToken") {
			t.Errorf("log lacks the call: %q", log.String())
		}
	}
}

func TestProgramRefusals(t *testing.T) {
	for _, test := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"-listen", "0.0.0.0:0"}, 1, "not a loopback address"},
		{[]string{"-account", "me"}, 1, "use 12 digits"},
		{[]string{"-listen", "127.0.0.1"}, 1, "missing port"},
		{[]string{"-pvgrub", "/no/such/file"}, 1, "read pv-grub: open /no/such/file"},
		{[]string{"-public-addresses", "10.0.0.0/24"}, 1, "not a part of 127.0.0.0/8"},
		{[]string{"-public-addresses", "127.0.0.2"}, 2, "no '/'"},
		{[]string{"-memory", "-1"}, 1, "can't be -1 MiB"},
		{[]string{"-fault", "*=explode"}, 2, "unknown kind"},
		{[]string{"-colour"}, 2, "flag provided but not defined"},
		{[]string{"serve"}, 2, `unexpected argument "serve"`},
		{[]string{"-h"}, 0, "-snapshot-pending"},
	} {
		cmd := program(test.args...)
		var stderr, stdout bytes.Buffer
		cmd.Stderr, cmd.Stdout = &stderr, &stdout
		_ = cmd.Run() // the exit code is looked at below
		if got := cmd.ProcessState.ExitCode(); got != test.code || !strings.Contains(stderr.String(), test.want) || stdout.Len() > 0 {
			t.Errorf("%v: exit %d, %q, %q; want %d and %q", test.args, got, stderr.String(), stdout.String(), test.code, test.want)
		}
	}
}
