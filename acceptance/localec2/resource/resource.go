// Package resource has what all EC2 resources have in common: ids, tags, the
// time from which callers find them, and the errors for bad ids.
package resource

import (
	"crypto/rand"
	"encoding/hex"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/api"
)

// Type is a type of resource, and the errors for bad ids of it.
type Type struct {
	Prefix    string // of its ids, without the dash
	Name      string // in tags
	Label     string // in error messages
	NotFound  string
	Malformed string
}

// Common is the common part of all resources. Embed it.
type Common struct {
	ID      string
	Tags    TagSet
	Visible time.Time // callers find the resource from this time on
}

// Base returns the common part.
func (c *Common) Base() *Common { return c }

// Resource is anything that embeds Common.
type Resource interface{ Base() *Common }

// NewID returns a new id in EC2's long form: a prefix and 17 hexadecimal
// digits.
func NewID(prefix string) string {
	b := make([]byte, 9)
	_, _ = rand.Read(b) // crypto/rand does not fail (Go 1.24)
	return prefix + hex.EncodeToString(b)[:17]
}

var idTail = regexp.MustCompile(`^([0-9a-f]{8}|[0-9a-f]{17})$`)

// Find returns the resource with an id, if callers can see it now.
func Find[T Resource](now time.Time, all map[string]T, rt Type, id string) (T, error) {
	var none T
	if tail, ok := strings.CutPrefix(id, rt.Prefix+"-"); !ok || !idTail.MatchString(tail) {
		return none, api.Bad(rt.Malformed, `Invalid id: "%s" (expecting "%s-...")`, id, rt.Prefix)
	}
	v, ok := all[id]
	if !ok || now.Before(v.Base().Visible) {
		return none, api.Bad(rt.NotFound, "The %s '%s' does not exist", rt.Label, id)
	}
	return v, nil
}

// Visible returns the resources that callers can see now, sorted by id.
func Visible[T Resource](now time.Time, all map[string]T) []T {
	var seen []T
	for _, v := range all {
		if !now.Before(v.Base().Visible) {
			seen = append(seen, v)
		}
	}
	slices.SortFunc(seen, func(a, b T) int { return strings.Compare(a.Base().ID, b.Base().ID) })
	return seen
}
