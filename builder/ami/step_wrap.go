package ami

import (
	"context"
	"fmt"
	"strings"

	"github.com/hashicorp/packer-plugin-sdk/multistep"
)

// stepWrap inspects the image and lays out its disk.
type stepWrap struct{ *build }

func (s *stepWrap) Run(ctx context.Context, _ multistep.StateBag) multistep.StepAction {
	s.err = nil // from an earlier attempt, if the user chose to retry
	wrapped, err := s.config.Wrap(ctx, s.ui, int64(s.config.VolumeSize)<<30, strings.HasPrefix(s.config.BootMode, "uefi"))
	if err != nil {
		return s.fail(err)
	}
	s.wrapped = wrapped
	if s.volumes, err = s.config.layOut(ctx); err != nil {
		return s.fail(err)
	}
	return multistep.ActionContinue
}

func (s *stepWrap) Cleanup(multistep.StateBag) {
	if s.wrapped == nil {
		return
	}
	if err := s.wrapped.Close(); err != nil {
		s.ui.Error(fmt.Sprintf("close disk: %v", err))
	}
}
