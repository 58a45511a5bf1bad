package common

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"crypto/sha512"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// image is what the servers have: gzip, which the SDK would unpack by its name.
var image = func() []byte {
	var b bytes.Buffer
	zw := gzip.NewWriter(&b)
	if _, err := zw.Write(bytes.Repeat([]byte("image "), 1000)); err != nil {
		panic(err)
	}
	if err := zw.Close(); err != nil {
		panic(err)
	}
	return b.Bytes()
}()

// serve starts a server and returns a Config whose image is there, and the
// count of requests. Packer's cache is a directory of its own.
func serve(t *testing.T, handler http.HandlerFunc) (*Config, *atomic.Int32) {
	t.Helper()
	requests := new(atomic.Int32)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		handler(w, r)
	}))
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	t.Setenv("PACKER_CACHE_DIR", t.TempDir())
	c := &Config{
		Image:         server.URL + "/web.xen.gz?token=secret",
		ImageChecksum: fmt.Sprintf("sha256:%x", sha256.Sum256(image)),
	}
	if errs := c.Prepare(); len(errs) > 0 {
		t.Fatal(errs)
	}
	return c, requests
}

func sendImage(w http.ResponseWriter, r *http.Request) {
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(image))
}

func TestDownload(t *testing.T) {
	c, requests := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.RawQuery != "token=secret" {
			t.Errorf("asked for %s", r.URL)
		}
		sendImage(w, r)
	})
	for range 2 { // the second time from the cache
		u := &ui{}
		path, err := c.download(t.Context(), u)
		if err != nil {
			t.Fatal(err)
		}
		if data, err := os.ReadFile(path); err != nil || !bytes.Equal(data, image) {
			t.Errorf("%d bytes of %s, %v", len(data), path, err)
		}
		if filepath.Dir(path) != os.Getenv("PACKER_CACHE_DIR") {
			t.Errorf("%s isn't in the cache", path)
		}
		if !u.said("downloading http://") || u.said("secret") {
			t.Errorf("said %q", u.lines)
		}
	}
	if n := requests.Load(); n != 2 { // HEAD and GET
		t.Errorf("%d requests", n)
	}
}

func TestDownloadFails(t *testing.T) {
	stall := stallTimeout
	t.Cleanup(func() { stallTimeout = stall })
	stallTimeout = 500 * time.Millisecond
	for name, test := range map[string]struct {
		handler http.HandlerFunc
		want    string
	}{
		"another image": {func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>") }, "Checksums did not match"},
		"not there":     {http.NotFound, "bad response code: 404"},
		"broken":        {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) }, "bad response code: 500"},
		"cut": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", fmt.Sprint(len(image)))
			_, _ = w.Write(image[:len(image)/2])
		}, "unexpected EOF"},
		"no answer": {func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, "the server sent nothing for 500ms"},
		"stops half way": {func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", fmt.Sprint(len(image)))
			_, _ = w.Write(image[:len(image)/2])
			w.(http.Flusher).Flush()
			if r.Method == http.MethodGet {
				<-r.Context().Done()
			}
		}, "the server sent nothing for 500ms"},
		"large": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", fmt.Sprint(1<<20+1))
			_, _ = w.Write(make([]byte, 1<<20+1))
		}, "larger than max_image_size (1 MiB)"},
		"endless": {func(w http.ResponseWriter, r *http.Request) {
			for r.Method == http.MethodGet {
				if _, err := w.Write(make([]byte, 4096)); err != nil {
					return
				}
			}
		}, "larger than max_image_size (1 MiB)"},
	} {
		t.Run(name, func(t *testing.T) {
			c, _ := serve(t, test.handler)
			c.MaxImageSize = 1
			_, err := c.download(t.Context(), &ui{})
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want %s", err, test.want)
			}
			left, err := filepath.Glob(filepath.Join(os.Getenv("PACKER_CACHE_DIR"), "*.img"))
			if err != nil || len(left) > 0 {
				t.Errorf("left in the cache: %q, %v", left, err)
			}
		})
	}
}

// A download that was cut begins anew, whatever the server can do.
func TestDownloadAgain(t *testing.T) {
	cut := true
	c, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if cut && r.Method == http.MethodGet {
			w.Header().Set("Content-Length", fmt.Sprint(len(image)))
			_, _ = w.Write([]byte("no image"))
			return
		}
		sendImage(w, r)
	})
	if _, err := c.download(t.Context(), &ui{}); err == nil {
		t.Fatal("a download that was cut is taken")
	}
	cut = false
	if _, err := c.download(t.Context(), &ui{}); err != nil {
		t.Error(err)
	}
}

func TestDownloadCancelled(t *testing.T) {
	c, _ := serve(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(100*time.Millisecond, cancel)
	if _, err := c.download(ctx, &ui{}); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

// A server whose certificate nobody vouches for is refused.
func TestDownloadUnknownCertificate(t *testing.T) {
	c, _ := serve(t, sendImage)
	server := httptest.NewTLSServer(http.HandlerFunc(sendImage))
	defer server.Close()
	c.Image = server.URL + "/web.xen"
	if _, err := c.download(t.Context(), &ui{}); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("error %v", err)
	}
}

func TestCheckSum(t *testing.T) {
	path := filepath.Join(t.TempDir(), "image")
	if err := os.WriteFile(path, image, 0o600); err != nil {
		t.Fatal(err)
	}
	for checksum, want := range map[string]string{
		"": "",
		fmt.Sprintf("sha256:%x", sha256.Sum256(image)): "",
		fmt.Sprintf("sha256:%X", sha256.Sum256(image)): "",
		fmt.Sprintf("sha512:%x", sha512.Sum512(image)): "",
		fmt.Sprintf("sha256:%x", sha256.Sum256(nil)):   "it is a different file, or it is damaged",
		fmt.Sprintf("sha512:%x", sha512.Sum512(nil)):   fmt.Sprintf("has the checksum %x, but image_checksum is sha512:cf83", sha512.Sum512(image)),
	} {
		err := checkSum(t.Context(), path, checksum)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", checksum, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := checkSum(ctx, path, fmt.Sprintf("sha256:%x", sha256.Sum256(image))); err != nil && !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestPrepareRefuses(t *testing.T) {
	sum := fmt.Sprintf("sha256:%x", sha256.Sum256(image))
	for name, test := range map[string]struct {
		config Config
		want   string
	}{
		"no checksum":         {Config{Image: "https://example.org/a"}, "image is a URL, but image_checksum is not set"},
		"none":                {Config{Image: "https://example.org/a", ImageChecksum: "none"}, `image_checksum is "none": an image for an AMI is never used without a check`},
		"md5":                 {Config{Image: "a", ImageChecksum: "md5:d41d8cd98f00b204e9800998ecf8427e"}, "specify sha256: or sha512:"},
		"no kind":             {Config{Image: "a", ImageChecksum: sum[7:]}, "specify sha256: or sha512:"},
		"short checksum":      {Config{Image: "a", ImageChecksum: sum[:70]}, "sha256 has 64 hexadecimal digits"},
		"no digits":           {Config{Image: "a", ImageChecksum: "sha256:" + strings.Repeat("x", 64)}, "sha256 has 64 hexadecimal digits"},
		"ftp":                 {Config{Image: "ftp://example.org/a"}, "image begins with ftp://: it must be an https://"},
		"no server":           {Config{Image: "https:///a", ImageChecksum: sum}, "the URL has no host"},
		"no URL":              {Config{Image: "https://example.org:x/a", ImageChecksum: sum}, "image is not a valid URL: invalid port"},
		"two slashes":         {Config{Image: "https://example.org/a//b", ImageChecksum: sum}, "use a single slash"},
		"checksum in URL":     {Config{Image: "https://example.org/a?checksum=" + sum, ImageChecksum: sum}, "use image_checksum"},
		"archive in URL":      {Config{Image: "https://example.org/a?archive=zip", ImageChecksum: sum}, "remove it"},
		"small":               {Config{Image: "a", MaxImageSize: -1}, "max_image_size is -1: it must be 1 to 1048576 MiB"},
		"large":               {Config{Image: "a", MaxImageSize: 1 << 60}, "it must be 1 to 1048576 MiB"},
		"directory, no build": {Config{Image: "a", BuildDirectory: "b"}, "build_directory is set, but build_command is not"},
		"timeout, no build":   {Config{Image: "a", BuildTimeout: 1}, "build_timeout is set, but build_command is not"},
		"no time":             {Config{Image: "a", BuildCommand: "b", BuildTimeout: -1}, "build_timeout is -1ns"},
		"built URL":           {Config{Image: "https://example.org/a", ImageChecksum: sum, BuildCommand: "b"}, "build_command is set, but image is a URL"},
		"layout":              {Config{Image: "a", Layout: "gpt"}, `layout is "gpt": it must be whole-disk or partitioned`},
		"ramdisk, module":     {Config{Image: "a", Ramdisk: "r", Modules: []Module{{Path: "m"}}}, "a ramdisk and modules are both specified"},
		"module":              {Config{Image: "a", Modules: []Module{{Arguments: "a\n"}}}, "module 1 has no path"},
		"file":                {Config{Image: "a", Files: map[string]string{"/../x": "x"}}, `files: "/../x": `},
		"no local file":       {Config{Image: "a", Files: map[string]string{"/x": ""}}, `files: "/x" has no local file`},
	} {
		errs := test.config.Prepare()
		if !slices.ContainsFunc(errs, func(err error) bool { return strings.Contains(err.Error(), test.want) }) {
			t.Errorf("%s: errors %v, want %s", name, errs, test.want)
		}
	}
}

func TestDefaults(t *testing.T) {
	c := Config{Image: "HTTPS://user:password@example.org/a?token=b", ImageChecksum: fmt.Sprintf("sha512:%x", sha512.Sum512(image))}
	if errs := c.Prepare(); len(errs) > 0 {
		t.Error(errs)
	}
	if c.Compress != "auto" || c.Layout != "whole-disk" || c.MaxImageSize != 1024 || c.BuildTimeout != 30*time.Minute {
		t.Errorf("%+v", c)
	}
	if got := shown(c.Image); got != "https://example.org/a" {
		t.Errorf("shown as %s", got)
	}
}
