package report

import (
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/chromedp/chromedp"
)

// TestInBrowser has Chromium judge every report, on a desk and on a phone, in
// the light and in the dark.
func TestInBrowser(t *testing.T) {
	b := newBrowser(t)
	for name, result := range results() {
		nasty := name == "hostile" // nothing to look at, at great length
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
				closed := b.look(t)
				if !nasty {
					b.shoot(t, name+"-"+view)
				}
				b.unfold(t, result.Console != "")
				open := b.look(t)
				if view == "light" && !nasty {
					b.shoot(t, name+"-open")
				}
				judgeLook(t, result, closed, open)
				judgeScheme(t, at.scheme, open)
				b.judgeSilence(t, path)
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

func judgeLook(t *testing.T, r Result, closed, open look) {
	t.Helper()
	want := map[bool]string{true: "Passed", false: "Failed"}[r.Verdict == Passed]
	reason, _, _ := strings.Cut(visible(r.Reason), "\n")
	if open.Headline != want || !strings.HasPrefix(open.Title, want+": smoke test of ") || !strings.Contains(open.Verdict, reason) {
		t.Errorf("the page says %q, %q, %q", open.Title, open.Headline, open.Verdict)
	}
	probes := 0
	for _, o := range r.Checks {
		probes += len(o.Attempts)
	}
	if open.Charts != min(len(r.Events)+len(r.Checks), 1) || open.Marks < min(probes, 1)+len(r.Events)-1 || open.Marks > 140*(len(r.Checks)+1) {
		t.Errorf("%d timelines with %d marks can be seen of %d probes", open.Charts, open.Marks, probes)
	}
	if len(open.Foreign) > 0 || len(open.Escaped) > 0 || open.Overflow > 0 {
		t.Errorf("the page has elements %q, text outside of its box %q, and overflows by %v pixels", open.Foreign, open.Escaped, open.Overflow)
	}
	if len(open.Cut) > 0 && r.Subject.Kind != markup {
		t.Errorf("the timeline cuts %q off", open.Cut)
	}
	if open.Worst < 4.5 || open.WorstMark < 3 {
		t.Errorf("contrast is %.2f for %q, and %.2f for marks", open.Worst, open.WorstText, open.WorstMark)
	}
	if r.Console == "" {
		return
	}
	lines := strings.Split(strings.TrimSpace(visible(r.Console)), "\n")
	if last := lines[len(lines)-1]; closed.Console != "" || !strings.HasSuffix(strings.TrimSpace(open.Console), last) {
		t.Errorf("the console shows %d bytes folded, and unfolded %d bytes without %q", len(closed.Console), len(open.Console), last)
	}
}

func judgeScheme(t *testing.T, scheme string, seen look) {
	t.Helper()
	brightest, darkest := 0.0, 255.0
	for _, c := range seen.Background {
		brightest, darkest = math.Max(brightest, c), math.Min(darkest, c)
	}
	if scheme == "dark" && brightest > 40 || scheme == "light" && darkest < 230 {
		t.Errorf("the %s background is %v", scheme, seen.Background)
	}
}

// judgeSilence wants no request but the page's own, and no complaint.
func (b *browser) judgeSilence(t *testing.T, path string) {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.requests) != 1 || !strings.HasSuffix(b.requests[0], filepath.Base(path)) || len(b.complaints) > 0 {
		t.Errorf("requests %q, complaints %q", b.requests, b.complaints)
	}
}

// TestPolicy has the page break its own rules: what would be allowed here would
// be allowed to whoever gets markup past the template.
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
			refused := do(t, b, chromedp.Evaluate[bool](`new Promise(done => {
				document.addEventListener("securitypolicyviolation", () => done(true));
				setTimeout(() => done(false), 5000);
				`+strings.ReplaceAll(script, "SERVER", server.URL)+` })`, chromedp.EvalAwaitPromise))
			title := do(t, b, chromedp.Title())
			shown := do(t, b, chromedp.Evaluate[bool](`document.querySelector("h1").checkVisibility()`))
			if !refused || title == "broken" || !shown {
				t.Errorf("refused: %v; then the page is called %q, and shows its verdict: %v", refused, title, shown)
			}
		})
	}
	if n := requests.Load(); n > 0 {
		t.Errorf("%d requests have left the page", n)
	}
}
