package report

import (
	"context"
	_ "embed" // what the browser is asked
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

	"github.com/unikernel-ami/packer-plugin-unikernel/internal/judge"
)

// A look is what the browser tells about a page, see testdata/look.js.
type look struct {
	Title, Headline, Verdict string
	Foreign                  []string  // elements that no report has
	Marks                    int       // of the timeline, that can be seen
	Charts                   int       // timelines that can be seen
	Overflow                 float64   // of the page's width, in pixels
	Escaped                  []string  // text that is outside the window or its scrolling box
	Cut                      []string  // text of the timeline that is longer than was thought
	Worst                    float64   // contrast of any text with what is below it
	WorstText                string    //
	WorstMark                float64   // contrast of any mark of the timeline
	Background               []float64 // of the page: red, green, blue, from 0 to 255
	Console                  string    // what can be seen of it
}

//go:embed testdata/look.js
var lookScript string

// browser opens pages, and notes what they ask of the network and complain of.
type browser struct {
	ctx        context.Context
	mu         sync.Mutex
	requests   []string
	complaints []string
}

func newBrowser(t *testing.T) *browser {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(judge.NeedOne(t, "chromium-headless-shell", "chromium")),
		chromedp.UserDataDir(t.TempDir()),
		chromedp.NoSandbox, // root has none, and containers may have none; the pages are our own
		chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-component-update", true),
	)
	ctx, cancel := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(cancel)
	b := &browser{}
	b.ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	if err := chromedp.Listen(b.ctx, b.note); err != nil {
		t.Fatal(err)
	}
	call(t, b, network.Enable, network.EnableParams{})
	call(t, b, log.Enable, cdp.Empty{})
	call(t, b, runtime.Enable, cdp.Empty{})
	return b
}

// call has the browser do something.
func call[P, R any](t *testing.T, b *browser, command cdp.Command[P, R], params P) {
	t.Helper()
	if _, err := chromedp.Call(b.ctx, command, params); err != nil {
		t.Fatal(err)
	}
}

// do has the page do something, and returns what comes of it.
func do[T any](t *testing.T, b *browser, action chromedp.Action[T]) T {
	t.Helper()
	result, err := chromedp.Run(b.ctx, action)
	if err != nil {
		t.Fatal(err)
	}
	return result
}

func (b *browser) note(event any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		b.requests = append(b.requests, e.Request.URL)
	case *log.EventEntryAdded:
		b.complaints = append(b.complaints, e.Entry.Text)
	case *runtime.EventConsoleAPICalled:
		b.complaints = append(b.complaints, string(e.Type))
	case *runtime.EventExceptionThrown:
		b.complaints = append(b.complaints, e.ExceptionDetails.Text)
	}
}

// open shows a page in a window of the given width.
func (b *browser) open(t *testing.T, path, scheme string, width int64) {
	t.Helper()
	page := url.URL{Scheme: "file", Path: path}
	b.mu.Lock()
	b.requests, b.complaints = nil, nil
	b.mu.Unlock()
	call(t, b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}})
	call(t, b, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: width, Height: 844, DeviceScaleFactor: 2, Mobile: width < 640})
	do(t, b, chromedp.Navigate(page.String()))
}

func (b *browser) look(t *testing.T) look {
	t.Helper()
	return do(t, b, chromedp.Evaluate[look](lookScript))
}

// shoot writes a picture of the whole page into the folder that the environment
// names.
func (b *browser) shoot(t *testing.T, name string) {
	t.Helper()
	folder := os.Getenv("UNIKERNEL_SCREENSHOTS")
	if folder == "" {
		return
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	picture := do(t, b, chromedp.FullScreenshot(100)) // at 100 it is a PNG
	if err := os.WriteFile(filepath.Join(folder, name+".png"), picture, 0o644); err != nil {
		t.Fatal(err)
	}
}
