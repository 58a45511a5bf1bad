// Package account holds what all services know about the account that callers
// use: its number, the clock, its eventual consistency, and its tokens.
package account

import (
	"time"

	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/token"
)

// Account owns everything that callers create.
type Account struct {
	ID  string           // 12 digits
	Now func() time.Time // the clock for every state and timeout

	// Invisible is how long other calls don't find a new resource.
	Invisible time.Duration

	Tokens *token.Sealer

	Sessions Sessions
}

// New returns an account that uses the given clock.
func New(id string, now func() time.Time, invisible time.Duration) *Account {
	return &Account{ID: id, Now: now, Invisible: invisible, Tokens: token.NewSealer(now)}
}

// Visible returns the time at which callers start to find a resource created
// now.
func (a *Account) Visible() time.Time { return a.Now().Add(a.Invisible) }
