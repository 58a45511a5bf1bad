package common

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	packersdk "github.com/hashicorp/packer-plugin-sdk/packer"
)

// ui keeps what is said.
type ui struct {
	packersdk.Ui // nothing but Say is called
	mu           sync.Mutex
	lines        []string
}

func (u *ui) Say(text string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.lines = append(u.lines, text)
}

func (u *ui) said(text string) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return strings.Contains(strings.Join(u.lines, "\n"), text)
}

// prepared is a Config whose image is to be built in a directory of its own, which
// is the working directory too. Packer's cache is in another.
func prepared(t *testing.T, command string) *Config {
	t.Helper()
	t.Setenv("PACKER_CACHE_DIR", t.TempDir())
	t.Chdir(t.TempDir())
	grace := buildGrace
	t.Cleanup(func() { buildGrace = grace })
	buildGrace = 300 * time.Millisecond
	c := &Config{Image: "web.xen", BuildCommand: command}
	if errs := c.Prepare(); len(errs) > 0 {
		t.Fatal(errs)
	}
	return c
}

// runBuild runs the build command, and unlocks the directory.
func runBuild(ctx context.Context, t *testing.T, c *Config) (*ui, error) {
	t.Helper()
	u := &ui{}
	held, err := c.build(ctx, u)
	if releaseErr := held.release(); releaseErr != nil {
		t.Error(releaseErr)
	}
	return u, err
}

func TestBuildCommand(t *testing.T) {
	c := prepared(t, "echo to stdout\necho to stderr >&2\nprintf 'no end'\npwd >web.xen")
	u, err := runBuild(t.Context(), t, c)
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"building in " + dir + ": " + c.BuildCommand, "to stdout", "to stderr", "no end"}
	if diff := cmp.Diff(want, u.lines[:len(u.lines)-1]); diff != "" {
		t.Error(diff)
	}
	if data, err := os.ReadFile("web.xen"); err != nil || string(data) != dir+"\n" {
		t.Errorf("the command ran in %q, %v", data, err)
	}
}

func TestBuildDirectory(t *testing.T) {
	c := prepared(t, "pwd >../web.xen")
	c.BuildDirectory = "sub"
	if _, err := runBuild(t.Context(), t, c); err == nil || !strings.Contains(err.Error(), "build_directory: ") {
		t.Errorf("missing directory: %v", err)
	}
	if err := os.Mkdir("sub", 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := runBuild(t.Context(), t, c); err != nil {
		t.Error(err)
	}
	c.BuildDirectory = "web.xen"
	if _, err := runBuild(t.Context(), t, c); err == nil || !strings.Contains(err.Error(), "is not a directory") {
		t.Errorf("a file: %v", err)
	}
}

func TestBuildFails(t *testing.T) {
	for name, test := range map[string]struct{ command, want string }{
		"exit status":   {"echo why; exit 3", "build_command failed (see its output above): exit status 3"},
		"first line":    {"false\ntouch web.xen", "exit status 1"},
		"not found":     {"no-such-program", "exit status 127"},
		"killed":        {"kill -9 $$", "signal: killed"},
		"no image":      {"true", "build_command wrote no image: web.xen does not exist"},
		"another image": {"touch mir-web.xen", "web.xen does not exist"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := runBuild(t.Context(), t, prepared(t, test.command)); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want %s", err, test.want)
			}
		})
	}
}

// An image that was there is refused unless the command has touched it, its
// kernel counts for a domain configuration, and no clock matters.
func TestBuildWritesImage(t *testing.T) {
	for name, test := range map[string]struct {
		image, command string
		written        bool
	}{
		"left alone":             {"web.xen", "true", false},
		"only read":              {"web.xen", "cat web.xen", false},
		"touched":                {"web.xen", "touch web.xen", true},
		"written anew":           {"web.xen", "echo new >web.xen", true},
		"older one in its place": {"web.xen", "echo new >x; touch -d 2001-01-01 x; mv x web.xen", true},
		"configuration alone":    {"domain_config", "touch domain_config", true},
		"kernel alone":           {"domain_config", "touch web.xen", true},
		"neither":                {"domain_config", "touch another", false},
	} {
		t.Run(name, func(t *testing.T) {
			c := prepared(t, test.command)
			c.Image = test.image
			err := errors.Join(
				os.WriteFile("web.xen", []byte("old"), 0o600),
				os.WriteFile("domain_config", []byte("name = \"web\"\nkernel = \"web.xen\"\n"), 0o600))
			if err != nil {
				t.Fatal(err)
			}
			_, err = runBuild(t.Context(), t, c)
			if written := err == nil; written != test.written {
				t.Errorf("error %v", err)
			}
			if err != nil && !strings.Contains(err.Error(), "is unchanged since") {
				t.Errorf("error %v", err)
			}
		})
	}
}

// stubborn starts a process that no polite signal ends, and waits for ever.
const stubborn = `sh -c 'trap "" TERM INT; echo $$ >pid; while :; do sleep 1; done' & wait`

// gone waits for the end of the process that stubborn has started.
func gone(t *testing.T) {
	t.Helper()
	text, err := os.ReadFile("pid")
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	for range 50 {
		if stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid)); err != nil || strings.Contains(string(stat), ") Z ") {
			return
		}
		if errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Errorf("process %d is still there", pid)
}

func TestBuildTimeout(t *testing.T) {
	c := prepared(t, stubborn)
	c.BuildTimeout = 300 * time.Millisecond
	start := time.Now()
	_, err := runBuild(t.Context(), t, c)
	if err == nil || !strings.Contains(err.Error(), "build_command exceeded build_timeout (300ms)") {
		t.Errorf("error %v", err)
	}
	if took := time.Since(start); took > buildGrace+3*time.Second {
		t.Errorf("took %s", took)
	}
	gone(t)
}

func TestBuildCancelled(t *testing.T) {
	c := prepared(t, stubborn)
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(300*time.Millisecond, cancel)
	if _, err := runBuild(ctx, t, c); !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "build_command was terminated") {
		t.Errorf("error %v", err)
	}
	gone(t)
}

// What a command leaves behind it holds nothing up, and doesn't live on.
func TestBuildLeavesProcess(t *testing.T) {
	c := prepared(t, `sh -c 'echo $$ >pid; while :; do sleep 1; done' & touch web.xen; while ! [ -s pid ]; do sleep 0.05; done`)
	if _, err := runBuild(t.Context(), t, c); err != nil {
		t.Error(err)
	}
	gone(t)
}

// A second build in the directory waits until the first has unlocked it.
func TestBuildsWait(t *testing.T) {
	c := prepared(t, "echo x >>web.xen")
	held, err := c.build(t.Context(), &ui{})
	if err != nil {
		t.Fatal(err)
	}
	u, done := &ui{}, make(chan error)
	go func() {
		second, err := c.build(t.Context(), u)
		done <- errors.Join(err, second.release())
	}()
	for !u.said("waiting for another build") {
		time.Sleep(10 * time.Millisecond)
	}
	if u.said("building in") {
		t.Error("both build at once")
	}
	if err := held.release(); err != nil {
		t.Error(err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	if held, err = c.build(t.Context(), u); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := c.build(ctx, u); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("cancelled while it waits: %v", err)
	}
	if err := held.release(); err != nil {
		t.Error(err)
	}
}

func TestLineWriter(t *testing.T) {
	long := strings.Repeat("x", maxLine)
	for name, test := range map[string]struct {
		text string
		want []string
	}{
		"nothing":        {"", nil},
		"lines":          {"a\n\nb\n", []string{"a", "", "b"}},
		"no end":         {"a\nb", []string{"a", "b"}},
		"Windows":        {"a\r\nb\r\n", []string{"a", "b"}},
		"progress":       {" 10%\r 50%\r100%\ndone\n", []string{"100%", "done"}},
		"longest":        {long + "\n\n" + long + "\n", []string{long, "", long}},
		"longer":         {long + "yz\n", []string{long, "yz"}},
		"twice and more": {long + long + "y", []string{long, long, "y"}},
	} {
		for _, size := range []int{1, 7, 1 << 20} {
			var got []string
			w := &lineWriter{say: func(line string) { got = append(got, line) }}
			for text := test.text; text != ""; text = text[min(size, len(text)):] {
				if n, err := w.Write([]byte(text[:min(size, len(text))])); err != nil || n != min(size, len(text)) {
					t.Fatal(n, err)
				}
			}
			w.flush()
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("%s, %d bytes at once: %s", name, size, diff)
			}
		}
	}
}
