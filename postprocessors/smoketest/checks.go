//go:generate packer-sdc struct-markdown

package smoketest

import "time"

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
	// What is asked for, with a query if need be. Default: `/`. The answer must
	// come to its end, or have a MiB.
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
