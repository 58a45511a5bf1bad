// Package account is what all services know of the account that callers act
// for: its number, the clock, how consistent its answers are, and its tokens.
package account

import (
	"time"

	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/token"
)

// Account owns everything that callers make.
type Account struct {
	ID  string           // 12 digits
	Now func() time.Time // the clock for every state and time-out

	// Invisible is how long no other call finds a new resource.
	Invisible time.Duration

	Tokens *token.Sealer
}

// New makes an account with a clock.
func New(id string, now func() time.Time, invisible time.Duration) *Account {
	return &Account{ID: id, Now: now, Invisible: invisible, Tokens: token.NewSealer(now)}
}

// Visible is the time from which callers find what is made now.
func (a *Account) Visible() time.Time { return a.Now().Add(a.Invisible) }
