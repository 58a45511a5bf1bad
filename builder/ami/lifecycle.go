//go:generate packer-sdc struct-markdown

package ami

import (
	"errors"
	"fmt"
	"time"

	"github.com/unikernel-ami/packer-plugin-unikernel/internal/ami"
)

// Lifecycle are the options that say when AMIs come and go.
type Lifecycle struct {
	// Replace an AMI of the same name in this account and region. Packer's `-force`
	// sets it, too. The earlier AMI is deregistered only when the new one is
	// available: see [Replacing an AMI](#replacing-an-ami).
	ForceDeregister bool `mapstructure:"force_deregister"`
	// If an AMI already has the name, use it instead of making a new one, provided
	// that an earlier build made it from the same disk contents, with the same boot
	// method and for the same environment. In that case, nothing is uploaded, and the
	// AMI is not removed if a later step of the build fails. If the AMI differs, it
	// is replaced if `force_deregister` is set; otherwise, the build fails.
	Reuse bool `mapstructure:"reuse"`
	// With `force_deregister`: delete the snapshots of the earlier AMI, except those
	// that another AMI needs.
	ForceDeleteSnapshot bool `mapstructure:"force_delete_snapshot"`
	// The time from which the AMI is deprecated, in RFC 3339 format, for example
	// `2027-12-31T00:00:00Z`. EC2 then lists it only for its owner, but it can still
	// be launched. At most ten years from now, or two years for a public AMI. EC2
	// rounds it to the minute.
	DeprecateAt string `mapstructure:"deprecate_at"`
	// Protect the AMI from being deregistered, in a
	// [block](#deregistration_protection-block).
	DeregistrationProtection DeregistrationProtection `mapstructure:"deregistration_protection"`
	// Make the snapshots, but no AMI. The artifact is then the snapshot, which this
	// plugin's post-processors don't accept. Options of the AMI are checked, but have
	// no effect.
	SkipCreateAMI bool `mapstructure:"skip_create_ami"`
}

// DeregistrationProtection protects the AMI from being deregistered.
type DeregistrationProtection struct {
	// Enable the protection, as the last action of the build. A failed smoke test
	// still removes an AMI of this build, unless the protection has a cooldown.
	Enabled bool `mapstructure:"enabled"`
	// Keep the AMI protected for 24 hours after the protection is disabled.
	WithCooldown bool `mapstructure:"with_cooldown"`
}

// The latest deprecation times that EC2 accepts (EnableImageDeprecation).
const (
	deprecationYears       = 10
	publicDeprecationYears = 2
)

func (l *Lifecycle) check(sharing *Sharing, now time.Time) []error {
	var errs []error
	if l.ForceDeleteSnapshot && !l.ForceDeregister {
		errs = append(errs, errors.New("force_delete_snapshot is set, but force_deregister is not: set force_deregister, or remove force_delete_snapshot"))
	}
	if p := l.DeregistrationProtection; p.WithCooldown && !p.Enabled {
		errs = append(errs, errors.New("deregistration_protection: with_cooldown is set, but enabled is not: set enabled, or remove with_cooldown"))
	}
	if l.DeprecateAt == "" {
		return errs
	}
	at, err := time.Parse(time.RFC3339, l.DeprecateAt)
	switch latest, public := now.AddDate(deprecationYears, 0, 0), now.AddDate(publicDeprecationYears, 0, 0); {
	case err != nil:
		errs = append(errs, fmt.Errorf("deprecate_at is %q: it must be a time in the form of RFC 3339, for example 2027-12-31T00:00:00Z", l.DeprecateAt))
	case at.Before(now):
		errs = append(errs, fmt.Errorf("deprecate_at is %s, which is in the past: use a later time", l.DeprecateAt))
	case at.After(latest):
		errs = append(errs, fmt.Errorf("deprecate_at is %s: EC2 allows at most %d years from now", l.DeprecateAt, deprecationYears))
	case len(sharing.AMIGroups) > 0 && at.After(public):
		errs = append(errs, fmt.Errorf("deprecate_at is %s: EC2 allows at most %d years from now for a public AMI", l.DeprecateAt, publicDeprecationYears))
	}
	return errs
}

// deprecation is the time that check has accepted; zero for none.
func (l *Lifecycle) deprecation() time.Time {
	at, err := time.Parse(time.RFC3339, l.DeprecateAt)
	if err != nil {
		return time.Time{}
	}
	return at.UTC()
}

func (l *Lifecycle) protection() ami.Protection {
	return ami.Protection{Enabled: l.DeregistrationProtection.Enabled, WithCooldown: l.DeregistrationProtection.WithCooldown}
}
