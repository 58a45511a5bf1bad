package report

import (
	"context"
	_ "embed" // the script that measures a page
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"github.com/unikernel-ami/packer-plugin-unikernel/internal/oracle"
)

// measurements are what the browser reports about a page, see testdata/measure.js.
type measurements struct {
	Title, Headline, Header string
	Unexpected              []string  // elements that no report has
	Markers                 int       // visible ones on the timeline
	Charts                  int       // visible timelines
	Overflow                float64   // beyond the window's width, in pixels
	Escaped                 []string  // text outside the window or its scrolling box
	Cut                     []string  // text on the timeline that is cut off
	Worst                   float64   // the lowest contrast of text with its background
	WorstText               string    //
	WorstMarker             float64   // the lowest contrast of a marker
	Background              []float64 // of the page: red, green, blue, from 0 to 255
	Color                   []float64 // of the headline: red, green, blue, from 0 to 255
	Console                 string    // its visible text
}

//go:embed testdata/measure.js
var measureScript string

// browser opens pages, and records their requests and errors.
type browser struct {
	ctx      context.Context
	mu       sync.Mutex
	requests []string
	errors   []string
}

func newBrowser(t *testing.T) *browser {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(oracle.NeedOne(t, "chromium-headless-shell", "chromium")),
		chromedp.UserDataDir(t.TempDir()),
		chromedp.NoSandbox, // root and many containers have no sandbox; the pages are our own
		chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-component-update", true),
	)
	ctx, cancel := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(cancel)
	b := &browser{}
	b.ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	if err := chromedp.Listen(b.ctx, b.record); err != nil {
		t.Fatal(err)
	}
	call(t, b, network.Enable, network.EnableParams{})
	call(t, b, log.Enable, cdp.Empty{})
	call(t, b, runtime.Enable, cdp.Empty{})
	return b
}

// call runs a command of the browser.
func call[P, R any](t *testing.T, b *browser, command cdp.Command[P, R], params P) {
	t.Helper()
	if _, err := chromedp.Call(b.ctx, command, params); err != nil {
		t.Fatal(err)
	}
}

// do runs an action on the page and returns its result.
func do[T any](t *testing.T, b *browser, action chromedp.Action[T]) T {
	t.Helper()
	result, err := chromedp.Run(b.ctx, action)
	if err != nil {
		t.Fatal(err)
	}
	return result
}

func (b *browser) record(event any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		b.requests = append(b.requests, e.Request.URL)
	case *log.EventEntryAdded:
		b.errors = append(b.errors, e.Entry.Text)
	case *runtime.EventConsoleAPICalled:
		b.errors = append(b.errors, string(e.Type))
	case *runtime.EventExceptionThrown:
		b.errors = append(b.errors, e.ExceptionDetails.Text)
	}
}

// open shows a page in a window of the given width.
func (b *browser) open(t *testing.T, path, scheme string, width int64) {
	t.Helper()
	page := url.URL{Scheme: "file", Path: path}
	b.mu.Lock()
	b.requests, b.errors = nil, nil
	b.mu.Unlock()
	call(t, b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}})
	call(t, b, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: width, Height: 844, DeviceScaleFactor: 2, Mobile: width < 640})
	do(t, b, chromedp.Navigate(page.String()))
}

func (b *browser) measure(t *testing.T) measurements {
	t.Helper()
	return do(t, b, chromedp.Evaluate[measurements](measureScript))
}

// screenshot saves a picture of the whole page in the directory that
// UNIKERNEL_SCREENSHOTS names, if any.
func (b *browser) screenshot(t *testing.T, name string) {
	t.Helper()
	dir := os.Getenv("UNIKERNEL_SCREENSHOTS")
	if dir == "" {
		return
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	picture := do(t, b, chromedp.FullScreenshot(100)) // quality 100 selects PNG
	if err := os.WriteFile(filepath.Join(dir, name+".png"), picture, 0o644); err != nil {
		t.Fatal(err)
	}
}
