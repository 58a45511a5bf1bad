//go:generate packer-sdc struct-markdown

package smoketest

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/unikernel-ami/packer-plugin-unikernel/internal/check"
	"github.com/unikernel-ami/packer-plugin-unikernel/internal/ec2ami"
)

// Patience is what all checks have in common.
type Patience struct {
	// How long one attempt may take. Default: `10s`.
	Timeout time.Duration `mapstructure:"timeout"`
	// The pause between two attempts. Default: `1s`.
	Interval time.Duration `mapstructure:"interval"`
	// How many attempts in a row must succeed. Default: 1.
	Consecutive int `mapstructure:"consecutive"`
}

// TCPCheck asks for a connection.
type TCPCheck struct {
	Patience `mapstructure:",squash"`
	// What the check is called in the report. Default: its type and port.
	Name string `mapstructure:"name"`
	// The port that must accept a connection.
	Port int `mapstructure:"port" required:"true"`
}

// HTTPCheck asks for a page.
type HTTPCheck struct {
	Patience `mapstructure:",squash"`
	// What the check is called in the report. Default: its type and port.
	Name string `mapstructure:"name"`
	// The port. Default: 80, or 443 for `https`.
	Port int `mapstructure:"port"`
	// What is asked for, with a query if need be. Default: `/`.
	Path string `mapstructure:"path"`
	// The method. Default: `GET`.
	Method string `mapstructure:"method"`
	// Headers of the request. `Host` replaces the guest's address in it.
	Headers map[string]string `mapstructure:"headers"`
	// The status that the answer must have. Default: any from 200 to 399.
	// Redirects are not followed.
	Status int `mapstructure:"status"`
	// What the answer's first MiB must contain.
	BodyContains string `mapstructure:"body_contains"`
	// A [regular expression](https://pkg.go.dev/regexp/syntax) that the answer's
	// first MiB must match.
	BodyMatches string `mapstructure:"body_matches"`
}

// HTTPSCheck asks for a page over TLS.
type HTTPSCheck struct {
	HTTPCheck `mapstructure:",squash"`
	// The name that the certificate must be for. Default: the guest's address.
	ServerName string `mapstructure:"server_name"`
	// Take any certificate.
	SkipVerify bool `mapstructure:"skip_verify"`
}

// UDPCheck sends a datagram and waits for one.
type UDPCheck struct {
	Patience `mapstructure:",squash"`
	// What the check is called in the report. Default: its type and port.
	Name string `mapstructure:"name"`
	// The port.
	Port int `mapstructure:"port" required:"true"`
	// What is sent, at most 1400 bytes.
	Send string `mapstructure:"send"`
	// What the answer must contain. Default: any answer will do.
	Expect string `mapstructure:"expect"`
}

// DNSCheck asks a name server.
type DNSCheck struct {
	Patience `mapstructure:",squash"`
	// The port. Default: 53.
	Port int `mapstructure:"port"`
	// The name that is asked for, for example `www.example.org`. The query
	// doesn't ask for recursion.
	Name string `mapstructure:"name" required:"true"`
	// The type of record, for example `A` (the default), `AAAA`, `MX` or `TXT`.
	Type string `mapstructure:"type"`
	// What one of the answers must be, for example `10.0.0.2`. Default: any
	// answer without an error will do.
	Expect string `mapstructure:"expect"`
}

// ICMPCheck pings.
type ICMPCheck struct {
	Patience `mapstructure:",squash"`
	// What the check is called in the report. Default: its type and port.
	Name string `mapstructure:"name"`
}

// ConsoleCheck reads the guest's console.
type ConsoleCheck struct {
	Patience `mapstructure:",squash"`
	// What the check is called in the report. Default: its type and port.
	Name string `mapstructure:"name"`
	// What the console must contain.
	Contains string `mapstructure:"contains"`
	// A [regular expression](https://pkg.go.dev/regexp/syntax) that the console
	// must match; `(?m)` makes `^` and `$` those of lines.
	Matches string `mapstructure:"matches"`
}

const (
	defaultAttempt  = 10 * time.Second // a loaded guest under emulation has been seen to take several
	defaultInterval = time.Second      // as ping(8) has it
	maxPort         = 65535
)

// option is a check as the template has it.
type option struct {
	Patience
	block string // for example "http[0]", as errors name it
	name  string // as the user calls it
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

// plans makes the checks and returns everything that is wrong with them.
func (c *Config) plans() ([]check.Plan, []error) {
	var plans []check.Plan
	var errs []error
	taken := map[string]string{}
	for _, o := range c.options() {
		plan, err := o.plan(c.Timeout)
		if first, ok := taken[plan.Name]; ok && o.name != "" {
			err = errors.Join(err, fmt.Errorf("name is %q, as that of %s: give one of them another name", o.name, first))
		}
		for n, name := 2, plan.Name; taken[plan.Name] != ""; n++ {
			plan.Name = fmt.Sprintf("%s (%d)", name, n)
		}
		taken[plan.Name] = o.block
		for _, err := range compact([]error{err}) {
			errs = append(errs, fmt.Errorf("%s: %w", o.block, err))
		}
		plans = append(plans, plan)
	}
	if len(plans) == 0 {
		errs = append(errs, errors.New("there is no check: add a block such as http { port = 80 }, or tcp, https, udp, dns, icmp or console"))
	}
	return plans, errs
}

// plan sets defaults. budget is the time that all checks have.
func (o option) plan(budget time.Duration) (check.Plan, error) {
	var errs []error
	port := o.port
	if port != noPort && (port < 1 || port > maxPort) {
		errs = append(errs, fmt.Errorf("port is %d: use one from 1 to %d", port, maxPort))
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
		errs = append(errs, fmt.Errorf("%d passes in a row, %s apart, take %s, and all checks have %s: raise the smoke test's timeout, or lower consecutive or interval",
			p.Consecutive, p.Interval, least, budget))
	}
	return p, errors.Join(append(errs, p.Validate())...)
}

// portOf returns what of the guest must be open for a check.
func portOf(c check.Check) (ec2ami.Port, bool) {
	switch c := c.(type) {
	case check.TCP:
		return ec2ami.Port{Protocol: "tcp", Number: c.Port}, true
	case check.HTTP:
		return ec2ami.Port{Protocol: "tcp", Number: c.Port}, true
	case check.UDP:
		return ec2ami.Port{Protocol: "udp", Number: c.Port}, true
	case check.DNS:
		return ec2ami.Port{Protocol: "udp", Number: c.Port}, true
	case check.ICMP:
		return ec2ami.Port{Protocol: "icmp"}, true
	}
	return ec2ami.Port{}, false // the console
}
