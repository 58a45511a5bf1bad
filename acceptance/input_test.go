package acceptance

import (
	"bytes"
	"crypto/sha256"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// cmdWebServer serves a file under two names over HTTP and HTTPS, and its first
// half under a third. It sets SSL_CERT_FILE so that clients trust its certificate.
func cmdWebServer(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: webserver FILE")
	}
	data, err := os.ReadFile(ts.MkAbs(args[0]))
	ts.Check(err)
	mux := http.NewServeMux()
	for _, name := range []string{"/web.xen", "/web.xen.gz"} {
		mux.HandleFunc(name, func(w http.ResponseWriter, r *http.Request) {
			http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(data))
		})
	}
	mux.HandleFunc("/cut", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", fmt.Sprint(len(data)))
		_, _ = w.Write(data[:len(data)/2])
	})
	plain, secure := httptest.NewServer(mux), httptest.NewUnstartedServer(mux)
	secure.Config.ErrorLog = log.New(io.Discard, "", 0) // clients report rejected certificates
	secure.StartTLS()
	ts.Defer(plain.Close)
	ts.Defer(secure.Close)
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: secure.Certificate().Raw})
	path := ts.MkAbs("certificate.pem")
	ts.Check(os.WriteFile(path, certificate, 0o600))
	ts.Setenv("SSL_CERT_FILE", path)
	ts.Setenv("HTTP", plain.URL)
	ts.Setenv("HTTPS", secure.URL)
	ts.Setenv("CHECKSUM", fmt.Sprintf("sha256:%x", sha256.Sum256(data)))
}

// cmdInterruptAt runs a command and, once a file exists and is not empty,
// interrupts the whole process group, as Ctrl-C in a terminal does.
func cmdInterruptAt(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: interruptat FILE COMMAND...")
	}
	var output bytes.Buffer
	cmd := exec.Command(args[1], args[2:]...)
	cmd.Dir = ts.MkAbs(".")
	cmd.Env = scriptEnv(ts)
	cmd.Stdout, cmd.Stderr = &output, &output
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	ts.Check(cmd.Start())
	for range 300 {
		if info, err := os.Stat(ts.MkAbs(args[0])); err == nil && info.Size() > 0 {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	ts.Check(syscall.Kill(-cmd.Process.Pid, syscall.SIGINT))
	err := cmd.Wait()
	fmt.Fprintf(ts.Stdout(), "%s%v\n", output.String(), err)
}
