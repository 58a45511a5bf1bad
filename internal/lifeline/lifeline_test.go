package lifeline

import (
	"context"
	"errors"
	"testing"
)

// Work hears that Packer has gone, and is waited for while it tidies up.
func TestCutWaitsForWork(t *testing.T) {
	ctx, done := Hold(t.Context())
	tidied := false
	go func() {
		defer done()
		<-ctx.Done()
		tidied = true
	}()
	Cut()
	if !tidied || !errors.Is(context.Cause(ctx), ErrGone) {
		t.Errorf("tidied %v, cause %v", tidied, context.Cause(ctx))
	}
}
