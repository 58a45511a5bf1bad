package component

import (
	"encoding/json"
	"net/url"
	"strconv"
	"strings"

	packersdk "github.com/hashicorp/packer-plugin-sdk/packer"
)

// shortestSecret is the length below which a value is not hidden: hiding every
// "1" or "no" would make logs unreadable.
const shortestSecret = 4

// HideSecrets makes Packer's log filter replace values, in every form in which a
// message can contain them: as they are, quoted by Go or JSON, and in a URL.
func HideSecrets(values ...string) {
	for _, value := range values {
		if len(value) < shortestSecret {
			continue
		}
		packersdk.LogSecretFilter.Set(forms(value)...)
	}
}

func forms(value string) []string {
	all := []string{value, inside(strconv.Quote(value)), inside(strconv.QuoteToASCII(value)), url.QueryEscape(value), url.PathEscape(value)}
	if text, err := json.Marshal(value); err == nil {
		all = append(all, inside(string(text)))
	}
	for line := range strings.Lines(value) { // a message can be cut or wrapped at line ends
		if line = strings.TrimSpace(line); len(line) >= shortestSecret {
			all = append(all, line)
		}
	}
	return all
}

// inside is a quoted text without its quotes.
func inside(quoted string) string { return quoted[1 : len(quoted)-1] }
