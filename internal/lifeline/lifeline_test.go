package lifeline

import (
	"context"
	"errors"
	"testing"
)

// Cut ends the work's context and waits while the work cleans up.
func TestCutWaitsForWork(t *testing.T) {
	ctx, done := Hold(t.Context())
	cleaned := false
	go func() {
		defer done()
		<-ctx.Done()
		cleaned = true
	}()
	Cut()
	if !cleaned || !errors.Is(context.Cause(ctx), ErrGone) {
		t.Errorf("cleaned up: %v, cause: %v", cleaned, context.Cause(ctx))
	}
}
