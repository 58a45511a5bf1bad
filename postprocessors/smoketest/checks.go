//go:generate packer-sdc struct-markdown

package smoketest

import "time"

// Patience holds the options that all checks have.
type Patience struct {
	// The maximum time of one attempt. Default: `10s`.
	Timeout time.Duration `mapstructure:"timeout"`
	// The pause between two attempts. Default: `1s`.
	Interval time.Duration `mapstructure:"interval"`
	// How many consecutive attempts must pass. Default: 1.
	Consecutive int `mapstructure:"consecutive"`
}

// TCPCheck opens a connection.
type TCPCheck struct {
	Patience `mapstructure:",squash"`
	// The name of the check in the report. Default: its type and port.
	Name string `mapstructure:"name"`
	// The port that must accept a connection.
	Port int `mapstructure:"port" required:"true"`
}

// HTTPCheck requests a page.
type HTTPCheck struct {
	Patience `mapstructure:",squash"`
	// The name of the check in the report. Default: its type and port.
	Name string `mapstructure:"name"`
	// The port. Default: 80, or 443 for `https`.
	Port int `mapstructure:"port"`
	// The path, with a query if needed. Default: `/`. The check reads at most the
	// first MiB of the response; a shorter response must arrive in full.
	Path string `mapstructure:"path"`
	// The request method. Default: `GET`.
	Method string `mapstructure:"method"`
	// Request headers. The header `Host` is the guest's address unless it is
	// given here.
	Headers map[string]string `mapstructure:"headers"`
	// The required status of the response. Default: any from 200 to 399. Redirects
	// are not followed.
	Status int `mapstructure:"status"`
	// Text that the first MiB of the response must contain.
	BodyContains string `mapstructure:"body_contains"`
	// A [regular expression](https://pkg.go.dev/regexp/syntax) that the first MiB
	// of the response must match.
	BodyMatches string `mapstructure:"body_matches"`
}

// HTTPSCheck requests a page over TLS.
type HTTPSCheck struct {
	HTTPCheck `mapstructure:",squash"`
	// The name that the certificate must be valid for. Default: the guest's
	// address.
	ServerName string `mapstructure:"server_name"`
	// Accept any certificate.
	SkipVerify bool `mapstructure:"skip_verify"`
}

// UDPCheck sends a datagram and waits for a response.
type UDPCheck struct {
	Patience `mapstructure:",squash"`
	// The name of the check in the report. Default: its type and port.
	Name string `mapstructure:"name"`
	// The port.
	Port int `mapstructure:"port" required:"true"`
	// The text to send, at most 1400 bytes.
	Send string `mapstructure:"send"`
	// Text that the response must contain. Default: any response passes.
	Expect string `mapstructure:"expect"`
}

// DNSCheck queries a name server.
type DNSCheck struct {
	Patience `mapstructure:",squash"`
	// The port. Default: 53.
	Port int `mapstructure:"port"`
	// The name to query, for example `www.example.org`. The query doesn't request
	// recursion.
	Name string `mapstructure:"name" required:"true"`
	// The type of record, for example `A` (the default), `AAAA`, `MX` or `TXT`.
	Type string `mapstructure:"type"`
	// The value that one of the answers must have, for example `10.0.0.2`.
	// Default: any response without an error passes.
	Expect string `mapstructure:"expect"`
}

// ICMPCheck pings the guest.
type ICMPCheck struct {
	Patience `mapstructure:",squash"`
	// The name of the check in the report. Default: its type.
	Name string `mapstructure:"name"`
}

// ConsoleCheck reads the guest's console.
type ConsoleCheck struct {
	Patience `mapstructure:",squash"`
	// The name of the check in the report. Default: its type.
	Name string `mapstructure:"name"`
	// Text that the console must contain.
	Contains string `mapstructure:"contains"`
	// A [regular expression](https://pkg.go.dev/regexp/syntax) that the console
	// must match. With `(?m)`, `^` and `$` match at the start and the end of each
	// line.
	Matches string `mapstructure:"matches"`
}
