package smoketest

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/unikernel-ami/packer-plugin-unikernel/internal/check"
	"github.com/unikernel-ami/packer-plugin-unikernel/internal/cloud"
	"github.com/unikernel-ami/packer-plugin-unikernel/internal/instance"
)

const (
	defaultAttempt  = 10 * time.Second // a busy guest under emulation can take several seconds
	defaultInterval = time.Second      // the default of ping(8)
	maxPort         = 65535
)

// option is a check as configured in the template.
type option struct {
	Patience
	block string // for example "http[0]", as errors name it
	name  string // given by the user
	port  int    // or noPort
	kind  func(port uint16) check.Check
}

const noPort = math.MinInt

// options lists all checks in the order of their types.
func (c *Config) options() []option {
	var list []option
	add := func(block string, i int, o option) {
		o.block = fmt.Sprintf("%s[%d]", block, i)
		list = append(list, o)
	}
	for i, o := range c.ICMP {
		add("icmp", i, option{o.Patience, "", o.Name, noPort, func(uint16) check.Check { return check.ICMP{} }})
	}
	for i, o := range c.TCP {
		add("tcp", i, option{o.Patience, "", o.Name, o.Port, func(port uint16) check.Check { return check.TCP{Port: port} }})
	}
	for i, o := range c.HTTP {
		add("http", i, option{o.Patience, "", o.Name, cmp.Or(o.Port, 80), o.check})
	}
	for i, o := range c.HTTPS {
		add("https", i, option{o.Patience, "", o.Name, cmp.Or(o.Port, 443), o.check})
	}
	for i, o := range c.UDP {
		add("udp", i, option{o.Patience, "", o.Name, o.Port, func(port uint16) check.Check {
			return check.UDP{Port: port, Send: o.Send, Expect: o.Expect}
		}})
	}
	for i, o := range c.DNS {
		add("dns", i, option{o.Patience, "", "", cmp.Or(o.Port, 53), func(port uint16) check.Check {
			return check.DNS{Port: port, Name: o.Name, Type: cmp.Or(o.Type, "A"), Expect: o.Expect}
		}})
	}
	for i, o := range c.Console {
		add("console", i, option{o.Patience, "", o.Name, noPort, func(uint16) check.Check {
			return check.Console{Contains: o.Contains, Matches: o.Matches}
		}})
	}
	return list
}

func (o HTTPCheck) http(port uint16) check.HTTP {
	return check.HTTP{
		Port: port, Path: cmp.Or(o.Path, "/"), Method: cmp.Or(o.Method, "GET"), Headers: o.Headers,
		Status: o.Status, BodyContains: o.BodyContains, BodyMatches: o.BodyMatches,
	}
}

func (o HTTPCheck) check(port uint16) check.Check { return o.http(port) }

func (o HTTPSCheck) check(port uint16) check.Check {
	h := o.http(port)
	h.TLS, h.ServerName, h.SkipVerify = true, o.ServerName, o.SkipVerify
	return h
}

// plans returns the checks, and all faults of their options.
func (c *Config) plans() ([]check.Plan, []error) {
	var plans []check.Plan
	var errs []error
	taken := map[string]string{}
	for _, o := range c.options() {
		plan, err := o.plan(c.Timeout)
		if first, ok := taken[plan.Name]; ok && o.name != "" {
			err = errors.Join(err, fmt.Errorf("name %q is already used by %s: use different names", o.name, first))
		}
		for n, name := 2, plan.Name; taken[plan.Name] != ""; n++ {
			plan.Name = fmt.Sprintf("%s (%d)", name, n)
		}
		taken[plan.Name] = o.block
		if err != nil {
			errs = append(errs, cloud.Each(err, func(one error) error { return fmt.Errorf("%s: %w", o.block, one) }))
		}
		plans = append(plans, plan)
	}
	if len(plans) == 0 {
		errs = append(errs, errors.New("no check is configured: add a block such as http { port = 80 }, or tcp, https, udp, dns, icmp or console"))
	}
	return plans, errs
}

// plan sets defaults. budget is the time limit of all checks.
func (o option) plan(budget time.Duration) (check.Plan, error) {
	var errs []error
	port := o.port
	if port != noPort && (port < 1 || port > maxPort) {
		errs = append(errs, fmt.Errorf("port is %d: it must be 1 to %d", port, maxPort))
		port = maxPort // so that the rest can be checked
	}
	p := check.Plan{
		Check: o.kind(uint16(max(port, 0))), Timeout: cmp.Or(o.Timeout, defaultAttempt),
		Interval: cmp.Or(o.Interval, defaultInterval), Consecutive: cmp.Or(o.Consecutive, 1),
	}
	p.Name = cmp.Or(o.name, p.Kind())
	if o.name == "" && o.port != noPort {
		p.Name += fmt.Sprintf(" %d", o.port)
	}
	if p.Timeout < 0 || p.Interval < 0 || p.Consecutive < 0 {
		errs = append(errs, fmt.Errorf("timeout %s, interval %s and consecutive %d must not be negative", p.Timeout, p.Interval, p.Consecutive))
	} else if least := time.Duration(p.Consecutive-1) * p.Interval; least >= budget {
		errs = append(errs, fmt.Errorf("%d consecutive passes every %s take %s, but the time limit of all checks is %s: raise the smoke test's timeout, or lower consecutive or interval",
			p.Consecutive, p.Interval, least, budget))
	}
	return p, errors.Join(append(errs, p.Validate())...)
}

// portOf returns the port that must be open for a check. ok is false for one
// that doesn't use the network.
func portOf(c check.Check) (_ instance.Port, ok bool) {
	protocol, number := c.Ingress()
	return instance.Port{Protocol: protocol, Number: number}, protocol != ""
}
