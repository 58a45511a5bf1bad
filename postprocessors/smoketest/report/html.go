package report

import (
	"crypto/sha256"
	_ "embed" // the page and its style
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"strings"
)

//go:embed page.html
var pageSource string

//go:embed page.css
var styleSource string

// Some judges of policies leave blanks at the ends out of a style's hash.
var style = strings.TrimSpace(styleSource)

var pageTemplate = template.Must(template.New("page").Parse(pageSource))

// The least widths for which the timeline is laid out: of a window just too
// narrow for a phone's layout (640 px, see page.css), and of a phone (360 px),
// both without the margins.
const (
	wide   = 580
	narrow = 310
)

// policy forbids the page everything but the one style that it has: no script,
// no image, no font, no request.
func policy() string {
	hash := sha256.Sum256([]byte(style))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(hash[:]) + "'; base-uri 'none'; form-action 'none'"
}

// page is what the template shows. All its text is visible.
type page struct {
	Policy, Title string
	Style         template.CSS
	Passed        bool
	Headline      string
	Reason        string
	Tool, Started string
	Subject       shown
	Figures       []fact
	Charts        []chart
	Events        []event
	Checks        []checked
	Instance      []fact
	Console       console
}

// shown is the subject on the page.
type shown struct {
	ID, Name string
	Facts    []fact
}

// A fact has a name and a value.
type fact struct{ Name, Value string }

type event struct{ Clock, Name, Text string }

// checked is a check's line in the table.
type checked struct {
	Name, About, Outcome string
	Passed               bool
	Probes               string
	First, Last          string // errors
}

// HTML writes the result as a page that needs no other file.
func HTML(w io.Writer, r Result) error {
	r = tidy(r)
	p := newPage(r)
	if err := pageTemplate.Execute(w, p); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	return nil
}

func newPage(r Result) page {
	p := page{
		Policy: policy(), Style: template.CSS(style), //nolint:gosec // G203: the package's own style
		Passed: r.Verdict == Passed, Headline: "Failed", Reason: strings.TrimSpace(visible(head(r.Reason))),
		Tool: line(r.Tool, 200), Started: r.Started.Format("2 January 2006, 15:04:05 UTC"),
		Subject: subject(r.Subject), Figures: figures(r.Seconds),
		Instance: instance(r.Instance), Console: newConsole(r),
	}
	if p.Passed {
		p.Headline, p.Reason = "Passed", ""
	}
	p.Title = p.Headline + ": smoke test of " + lede(r.Subject)
	t := newTimeline(r)
	for _, e := range r.Events {
		p.Events = append(p.Events, event{Clock: clock(t.seconds(e.At)), Name: line(e.Name, 60), Text: line(e.Text, 500)})
	}
	for _, o := range r.Checks {
		p.Checks = append(p.Checks, t.checked(o))
	}
	if len(p.Events)+len(p.Checks) > 0 {
		p.Charts = []chart{newChart(r, "wide", wide), newChart(r, "narrow", narrow)}
	}
	return p
}
