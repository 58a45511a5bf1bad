package report

// A status is how a page presents the result of a test.
type status struct {
	Class    string // selects the page's color and symbol
	Headline string
	Note     string // explains a result that says nothing about the guest
}

var statuses = map[string]status{
	Passed: {Class: Passed, Headline: "Passed"},
	Failed: {Class: Failed, Headline: "Failed"},
	Cancelled: {
		Class: Cancelled, Headline: "Cancelled",
		Note: "The test was interrupted. It does not show whether the guest works.",
	},
	Error: {
		Class: Error, Headline: "Error",
		Note: "The test could not run. It does not show whether the guest works.",
	},
}

// statusOf treats unknown results as failures.
func statusOf(r Result) status {
	if s, ok := statuses[r.Verdict]; ok {
		return s
	}
	return statuses[Failed]
}
