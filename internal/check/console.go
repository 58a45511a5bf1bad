package check

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// Console asks whether the guest has written something to its console. EC2
// shows the console of a PV instance minutes late, or after its stop only: a
// console check there needs a long timeout for all.
type Console struct {
	Contains string
	Matches  string // a regular expression (RE2); one of both is set
}

// Kind is "console".
func (Console) Kind() string { return "console" }

// Describe says what is asked.
func (c Console) Describe() string {
	if c.Matches != "" {
		return "find what matches " + excerpt(c.Matches) + " on the console"
	}
	return "find " + excerpt(c.Contains) + " on the console"
}

// Validate returns everything that is wrong with the settings.
func (c Console) Validate() error {
	var f faults
	switch {
	case c.Contains == "" && c.Matches == "":
		f.add("contains and matches are both empty: say in one of them what the console must show")
	case c.Contains != "" && c.Matches != "":
		f.add("contains and matches are both set: write a check for each")
	}
	f.expression("matches", c.Matches)
	return f.err()
}

// expression refuses what is no regular expression.
func (f *faults) expression(option, text string) {
	if _, err := regexp.Compile(text); err != nil {
		reason := strings.TrimPrefix(err.Error(), "error parsing regexp: ")
		f.add("%s %s: %s: write it as https://golang.org/s/re2syntax says", option, excerpt(text), reason)
	}
}

// Probe reads the console once.
func (c Console) Probe(ctx context.Context, target Target) error {
	if target.Console == nil {
		return Impossible{errors.New("the guest's console can't be read here")}
	}
	text, err := target.Console(ctx)
	if err != nil {
		return fmt.Errorf("read the console: %w", orCause(ctx, err))
	}
	missing, err := lacks(text, c.Contains, c.Matches)
	switch {
	case err != nil, missing == "":
		return err
	}
	text = strings.TrimSpace(text)
	if text == "" {
		return errors.New("console is empty")
	}
	return fmt.Errorf("console has %s: it ends with %s", missing, excerpt(text[max(0, len(text)-excerptSize):]))
}

// lacks says in words which of the two is not in the text, or nothing. An empty
// one is in every text.
func lacks(text, contains, matches string) (string, error) {
	if !strings.Contains(text, contains) {
		return "no " + excerpt(contains), nil
	}
	expression, err := regexp.Compile(matches)
	if err != nil {
		return "", Impossible{err}
	}
	if !expression.MatchString(text) {
		return "nothing that matches " + excerpt(matches), nil
	}
	return "", nil
}
