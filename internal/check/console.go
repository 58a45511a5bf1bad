package check

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// Console checks what the guest has written to its console. EC2 publishes the
// console of a PV instance minutes late, or only after the instance stops, so a
// console check on EC2 needs a long run timeout.
type Console struct {
	Contains string
	Matches  string // a regular expression (RE2); exactly one of the two is set
}

// Kind is "console".
func (Console) Kind() string { return "console" }

// Ingress returns nothing: the console is not read over the network.
func (Console) Ingress() (protocol string, port uint16) { return "", 0 }

// Describe returns a short description.
func (c Console) Describe() string {
	if c.Matches != "" {
		return "console output matches " + excerpt(c.Matches)
	}
	return "console output contains " + excerpt(c.Contains)
}

// Validate returns all errors in the settings.
func (c Console) Validate() error {
	var f faults
	switch {
	case c.Contains == "" && c.Matches == "":
		f.add("contains and matches are both empty: set one of them")
	case c.Contains != "" && c.Matches != "":
		f.add("contains and matches are both set: use one check for each")
	}
	f.expression("matches", c.Matches)
	return f.err()
}

// expression rejects text that isn't a regular expression.
func (f *faults) expression(option, text string) {
	if _, err := regexp.Compile(text); err != nil {
		reason := strings.TrimPrefix(err.Error(), "error parsing regexp: ")
		f.add("%s is %s: %s: see https://golang.org/s/re2syntax", option, excerpt(text), reason)
	}
}

// Probe reads the console once.
func (c Console) Probe(ctx context.Context, target Target) (string, error) {
	if target.Console == nil {
		return "", Impossible{errors.New("the guest's console can't be read here")}
	}
	text, err := target.Console(ctx)
	if err != nil {
		return "", fmt.Errorf("read the console: %w", orCause(ctx, err))
	}
	missing, err := missingFrom(text, c.Contains, c.Matches)
	switch {
	case err != nil:
		return "", err
	case missing == "":
		return "the console shows " + excerpt(c.lineOf(text)), nil
	}
	text = strings.TrimSpace(text)
	if text == "" {
		return "", errors.New("console output is empty")
	}
	return "", fmt.Errorf("console output %s; it ends with %s", missing, excerpt(text[max(0, len(text)-excerptSize):]))
}

// lineOf returns the first line of the console that shows that it passed. A match
// of several lines has its first.
func (c Console) lineOf(text string) string {
	at := strings.Index(text, c.Contains)
	if c.Matches != "" {
		if found := regexp.MustCompile(c.Matches).FindStringIndex(text); found != nil {
			at = found[0]
		}
	}
	start := strings.LastIndexByte(text[:at], '\n') + 1
	line, _, _ := strings.Cut(text[start:], "\n")
	return strings.TrimSpace(line)
}

// missingFrom describes which of the two isn't in the text, as in `does not
// contain "ready"`. It returns "" if both are. An empty one is in every text.
func missingFrom(text, contains, matches string) (string, error) {
	if !strings.Contains(text, contains) {
		return "does not contain " + excerpt(contains), nil
	}
	expression, err := regexp.Compile(matches)
	if err != nil {
		return "", Impossible{err}
	}
	if !expression.MatchString(text) {
		return "does not match " + excerpt(matches), nil
	}
	return "", nil
}
