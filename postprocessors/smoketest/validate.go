package smoketest

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
)

// wrong returns an error if the condition holds.
func wrong(is bool, format string, args ...any) error {
	if !is {
		return nil
	}
	return fmt.Errorf(format, args...)
}

func (c *Config) checkTimes() error {
	return errors.Join(
		wrong(c.Timeout < 0, "timeout is %s: it must be positive, for example 10m", c.Timeout),
		wrong(c.Hold < 0, "hold is %s: it must be positive, for example 30s", c.Hold),
	)
}

func (c *Config) checkSubject() error {
	return checkForm("ami_id", c.AMIID, amiForm, "ami-0123456789abcdef0")
}

func (c *Config) checkDisk() error {
	errs := []error{wrong(c.Memory < 0, "memory is %d: specify the guest's memory in MiB, for example 256", c.Memory)}
	if c.GuestAddress != "" {
		prefix, err := netip.ParsePrefix(c.GuestAddress)
		errs = append(errs, wrong(err != nil || !prefix.Addr().Is4(), "guest_address is %q: use an IPv4 address with its prefix length, such as 10.0.0.2/24", c.GuestAddress))
	}
	if c.GuestGateway != "" {
		gateway, err := netip.ParseAddr(c.GuestGateway)
		errs = append(errs,
			wrong(err != nil || !gateway.Is4(), "guest_gateway is %q: use an IPv4 address such as 10.0.0.1", c.GuestGateway),
			wrong(c.GuestAddress == "", "guest_gateway is set, but guest_address is not: set both"))
	}
	return errors.Join(errs...)
}

// checkFiles refuses files that could not be written after the test.
func (c *Config) checkFiles() error {
	errs := []error{wrong(c.Result != "" && filepath.Clean(c.Result) == filepath.Clean(c.Report), "result and report are the same file, %s: use different files", c.Result)}
	for option, path := range map[string]string{"result": c.Result, "report": c.Report} {
		if path == "" {
			continue
		}
		if info, err := os.Stat(path); err == nil && info.IsDir() {
			errs = append(errs, fmt.Errorf("%s is %s, which is a directory: specify a file", option, path))
		}
	}
	return errors.Join(errs...)
}
