package s3

import (
	"time"

	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/account"
)

// clock is the account's clock, as gofakes3 wants it.
type clock struct{ *account.Account }

// Now returns the time.
func (c clock) Now() time.Time { return c.Account.Now() }

// Since returns the time that has passed since t.
func (c clock) Since(t time.Time) time.Duration { return c.Now().Sub(t) }
