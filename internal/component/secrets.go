package component

import (
	"cmp"
	"encoding/json"
	"io"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"

	packersdk "github.com/hashicorp/packer-plugin-sdk/packer"
)

const (
	// shortestSecret is the length in bytes below which a value is not looked for:
	// hiding every "1" or "no" would make messages unreadable.
	shortestSecret = 4

	hidden = "<sensitive>" // as Packer has it
)

// HideSecrets hides values in all that this process logs, shows or returns, in
// every form in which a message can contain them: as they are, quoted, line by
// line, and in a URL.
func HideSecrets(values ...string) {
	for _, value := range values {
		if len(value) < shortestSecret {
			continue
		}
		packersdk.LogSecretFilter.Set(value)
		texts.add(value, hidden)
		for _, form := range quoted(value) {
			texts.add(form, hidden)
		}
		for line := range strings.Lines(value) {
			texts.add(strings.TrimSpace(line), hidden)
		}
	}
}

// showPlainly turns the quoted forms of options back into what the user wrote.
// Any option can come from a sensitive variable. Packer doesn't tell a plugin
// which, and hides only the exact value.
func showPlainly(values ...string) {
	for _, value := range values {
		for _, form := range quoted(value) {
			texts.add(form, value)
		}
	}
}

// quoted returns the other forms of a value.
func quoted(value string) []string {
	forms := []string{inside(strconv.Quote(value)), inside(strconv.QuoteToASCII(value)), url.QueryEscape(value), url.PathEscape(value)}
	if text, err := json.Marshal(value); err == nil {
		forms = append(forms, inside(string(text)))
	}
	return slices.DeleteFunc(forms, func(form string) bool { return form == value })
}

// inside is a quoted text without its quotes.
func inside(quoted string) string { return quoted[1 : len(quoted)-1] }

// texts are replaced in all that leaves this process.
var texts replacements

type replacements struct {
	mu    sync.Mutex
	pairs map[string]string
	all   *strings.Replacer
}

// add replaces old by text from now on. What is hidden stays so.
func (r *replacements) add(old, text string) {
	if len(old) < shortestSecret {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if known, ok := r.pairs[old]; ok && (known == hidden || known == text) {
		return
	}
	if r.pairs == nil {
		r.pairs = map[string]string{}
	}
	r.pairs[old] = text
	r.all = nil
}

// in returns a text with everything replaced.
func (r *replacements) in(text string) string {
	r.mu.Lock()
	if r.all == nil {
		r.all = r.replacer()
	}
	all := r.all
	r.mu.Unlock()
	return all.Replace(text)
}

// replacer looks for the longest texts first: one secret may begin with another.
func (r *replacements) replacer() *strings.Replacer {
	var olds []string
	for old := range r.pairs {
		olds = append(olds, old)
	}
	slices.SortFunc(olds, func(a, b string) int { return cmp.Or(len(b)-len(a), cmp.Compare(a, b)) })
	var pairs []string
	for _, old := range olds {
		pairs = append(pairs, old, r.pairs[old])
	}
	return strings.NewReplacer(pairs...)
}

// FilterLog returns a writer that hides secrets in each line of a log.
func FilterLog(w io.Writer) io.Writer { return logFilter{w} }

type logFilter struct{ to io.Writer }

// Write reports the length of p, whatever was written.
func (f logFilter) Write(p []byte) (int, error) {
	if _, err := io.WriteString(f.to, texts.in(string(p))); err != nil {
		return 0, err
	}
	return len(p), nil
}
