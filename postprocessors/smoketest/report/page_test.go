package report

import (
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/chromedp/chromedp"
)

// TestInBrowser measures every page in Chromium, on wide and narrow screens, in
// light and dark mode.
func TestInBrowser(t *testing.T) {
	b := newBrowser(t)
	for name, result := range results() {
		hostile := name == "hostile" // long, and not worth a picture
		path := filepath.Join(t.TempDir(), name+".html")
		if err := os.WriteFile(path, render(t, "html", result), 0o644); err != nil {
			t.Fatal(err)
		}
		for view, at := range map[string]struct {
			scheme string
			width  int64
		}{"light": {"light", 1280}, "dark": {"dark", 1280}, "phone": {"light", 390}, "phone-dark": {"dark", 390}, "tablet": {"light", 700}} {
			t.Run(name+"-"+view, func(t *testing.T) {
				b.open(t, path, at.scheme, at.width)
				closed := b.measure(t)
				if !hostile {
					b.screenshot(t, name+"-"+view)
				}
				b.unfold(t, result.Console != "")
				open := b.measure(t)
				if view == "light" && !hostile {
					b.screenshot(t, name+"-open")
				}
				checkPage(t, result, closed, open)
				checkColor(t, result, open)
				checkScheme(t, at.scheme, open)
				b.checkNoRequests(t, path)
			})
		}
	}
}

// unfold opens the console as a keyboard does: by Enter on the focused summary.
func (b *browser) unfold(t *testing.T, has bool) {
	t.Helper()
	if has {
		do(t, b, chromedp.Steps(chromedp.Focus(chromedp.CSS("summary")), chromedp.KeyEvent("\r")))
	}
}

func checkPage(t *testing.T, r Result, closed, open measurements) {
	t.Helper()
	want := statusOf(r).Headline
	reason, _, _ := strings.Cut(printable(r.Reason), "\n")
	if open.Headline != want || !strings.HasPrefix(open.Title, want+": smoke test of ") || !strings.Contains(open.Header, reason) {
		t.Errorf("the page has title %q, headline %q, header %q", open.Title, open.Headline, open.Header)
	}
	probes := 0
	for _, o := range r.Checks {
		probes += len(o.Attempts)
	}
	if open.Charts != min(len(r.Events)+len(r.Checks), 1) || open.Markers < min(probes, 1)+len(r.Events)-1 || open.Markers > 140*(len(r.Checks)+1) {
		t.Errorf("%d timelines with %d markers are visible, for %d probes", open.Charts, open.Markers, probes)
	}
	if len(open.Unexpected) > 0 || len(open.Escaped) > 0 || open.Overflow > 0 {
		t.Errorf("unexpected elements %q, text outside its box %q, overflow of %v pixels", open.Unexpected, open.Escaped, open.Overflow)
	}
	if len(open.Cut) > 0 && r.Subject.Kind != markup {
		t.Errorf("the timeline cuts off %q", open.Cut)
	}
	if open.Worst < 4.5 || open.WorstMarker < 3 {
		t.Errorf("contrast is %.2f for %q, and %.2f for markers", open.Worst, open.WorstText, open.WorstMarker)
	}
	if r.Console == "" {
		return
	}
	lines := strings.Split(strings.TrimSpace(printable(r.Console)), "\n")
	if last := lines[len(lines)-1]; closed.Console != "" || !strings.HasSuffix(strings.TrimSpace(open.Console), last) {
		t.Errorf("the console shows %d bytes when closed; when open, %d bytes without %q", len(closed.Console), len(open.Console), last)
	}
}

// checkColor checks that only a failure is red, and that a cancelled test is gray.
func checkColor(t *testing.T, r Result, seen measurements) {
	t.Helper()
	red, green := seen.Color[0], seen.Color[1]
	if isRed := red-green > 100; isRed != (statusOf(r).Class == Failed) {
		t.Errorf("the headline of a test that %s has the color %v", r.Verdict, seen.Color)
	}
	if r.Verdict == Cancelled && slices.Max(seen.Color)-slices.Min(seen.Color) > 30 {
		t.Errorf("the headline of a cancelled test has the color %v, want a gray", seen.Color)
	}
}

func checkScheme(t *testing.T, scheme string, seen measurements) {
	t.Helper()
	brightest, darkest := 0.0, 255.0
	for _, c := range seen.Background {
		brightest, darkest = math.Max(brightest, c), math.Min(darkest, c)
	}
	if scheme == "dark" && brightest > 40 || scheme == "light" && darkest < 230 {
		t.Errorf("the %s background is %v", scheme, seen.Background)
	}
}

// checkNoRequests checks that the browser requested only the page, without errors.
func (b *browser) checkNoRequests(t *testing.T, path string) {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.requests) != 1 || !strings.HasSuffix(b.requests[0], filepath.Base(path)) || len(b.errors) > 0 {
		t.Errorf("requests %q, errors %q", b.requests, b.errors)
	}
}

// TestPolicy runs scripts that violate the page's content security policy, as
// markup that gets past the template would.
func TestPolicy(t *testing.T) {
	var requests atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { requests.Add(1) }))
	defer server.Close()
	path := filepath.Join(t.TempDir(), "report.html")
	if err := os.WriteFile(path, render(t, "html", passed()), 0o644); err != nil {
		t.Fatal(err)
	}
	b := newBrowser(t)
	for name, script := range map[string]string{
		"image":           `document.body.append(Object.assign(new Image, {src: "SERVER/x.png"}))`,
		"script":          `document.body.append(Object.assign(document.createElement("script"), {textContent: "document.title = 'broken'"}))`,
		"style":           `document.body.append(Object.assign(document.createElement("style"), {textContent: "h1 { display: none }"}))`,
		"style attribute": `document.querySelector("h1").setAttribute("style", "display: none")`,
		"frame":           `document.body.append(Object.assign(document.createElement("iframe"), {src: "SERVER/"}))`,
		"event handler":   `document.body.setAttribute("onclick", "document.title = 'broken'"); document.body.click()`,
		"fetch":           `fetch("SERVER/").catch(() => 0)`,
	} {
		t.Run(name, func(t *testing.T) {
			b.open(t, path, "light", 1280)
			blocked := do(t, b, chromedp.Evaluate[bool](`new Promise(done => {
				document.addEventListener("securitypolicyviolation", () => done(true));
				setTimeout(() => done(false), 5000);
				`+strings.ReplaceAll(script, "SERVER", server.URL)+` })`, chromedp.EvalAwaitPromise))
			title := do(t, b, chromedp.Title())
			visible := do(t, b, chromedp.Evaluate[bool](`document.querySelector("h1").checkVisibility()`))
			if !blocked || title == "broken" || !visible {
				t.Errorf("blocked: %v; then the title is %q, and the headline is visible: %v", blocked, title, visible)
			}
		})
	}
	if n := requests.Load(); n > 0 {
		t.Errorf("the page made %d requests", n)
	}
}
