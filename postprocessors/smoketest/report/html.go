package report

import (
	"crypto/sha256"
	_ "embed" // the page and its style sheet
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

// Some implementations of content security policies ignore leading and trailing
// space when they hash a style sheet.
var style = strings.TrimSpace(styleSource)

var pageTemplate = template.Must(template.New("page").Parse(pageSource))

// The widths for which the timeline is laid out, without margins: the smallest
// window with the wide layout (640 px, see page.css), and a phone (360 px).
const (
	wide   = 580
	narrow = 310
)

// policy allows the page nothing but its own style sheet: no scripts, images,
// fonts or requests.
func policy() string {
	hash := sha256.Sum256([]byte(style))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(hash[:]) + "'; base-uri 'none'; form-action 'none'"
}

// page is the template's data. All its text is safe to show.
type page struct {
	Policy, Title string
	Style         template.CSS
	Status        status
	Reason        string
	Tool, Started string
	Subject       subjectView
	Figures       []fact
	Charts        []chart
	Events        []event
	Checks        []checkView
	Instance      []fact
	Console       console
}

// subjectView is the subject as the page shows it.
type subjectView struct {
	ID, Name string
	Facts    []fact
}

// A fact has a name and a value.
type fact struct{ Name, Value string }

type event struct{ Clock, Name, Text string }

// checkView is a check's row in the table.
type checkView struct {
	Name, About, Outcome string
	Class                string // of the outcome
	Probes               string
	Evidence             string // of a check that passed
	First, Last          string // errors; Last is empty if it is the same
	When                 string // when First was, if not before a failure
}

// HTML writes the result as a page that needs no other file.
func HTML(w io.Writer, r Result) error {
	r = normalize(r)
	p := newPage(r)
	if err := pageTemplate.Execute(w, p); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	return nil
}

func newPage(r Result) page {
	p := page{
		Policy: policy(), Style: template.CSS(style), //nolint:gosec // G203: the package's own style
		Status: statusOf(r), Reason: strings.TrimSpace(printable(shortReason(r.Reason))),
		Tool: line(r.Tool, 200), Started: r.Started.Format("January 2, 2006, 15:04:05 UTC"),
		Subject: subject(r.Subject), Figures: figures(r.Seconds),
		Instance: instance(r.Instance), Console: newConsole(r),
	}
	if r.Verdict == Passed {
		p.Reason = ""
	}
	p.Title = p.Status.Headline + ": smoke test of " + subjectLine(r.Subject)
	t := newTimeline(r)
	for _, e := range r.Events {
		p.Events = append(p.Events, event{Clock: elapsed(t.seconds(e.At)), Name: line(e.Name, 60), Text: line(e.Text, 500)})
	}
	for _, o := range r.Checks {
		p.Checks = append(p.Checks, t.checkView(o))
	}
	if len(p.Events)+len(p.Checks) > 0 {
		p.Charts = []chart{newChart(r, "wide", wide), newChart(r, "narrow", narrow)}
	}
	return p
}
