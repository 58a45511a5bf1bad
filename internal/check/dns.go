package check

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"unicode"

	"github.com/miekg/dns"
)

// DNS sends the guest, which is a DNS server, one query over UDP.
type DNS struct {
	Port   uint16
	Name   string
	Type   string // "A", "MX", ...; "" is "A"
	Expect string // the data of one of the answers, as in a zone file; "" accepts any NOERROR response, even without answers
}

// Kind is "dns".
func (DNS) Kind() string { return "dns" }

// Ingress returns the UDP port.
func (c DNS) Ingress() (protocol string, port uint16) { return "udp", c.Port }

// Describe returns a short description.
func (c DNS) Describe() string {
	about := fmt.Sprintf("query UDP port %d for %s of %s", c.Port, c.typeName(), c.Name)
	if c.Expect != "" {
		about += ", expect " + excerpt(c.Expect)
	}
	return about
}

func (c DNS) typeName() string {
	if c.Type == "" {
		return "A"
	}
	return strings.ToUpper(c.Type)
}

// Validate returns all errors in the settings.
func (c DNS) Validate() error {
	var f faults
	f.port(c.Port)
	switch number, known := dns.StringToType[c.typeName()]; {
	case !known:
		f.add("type is %s: unknown record type: use A, AAAA, MX, NS, TXT or another", excerpt(c.Type))
	case number == dns.TypeAXFR, number == dns.TypeIXFR:
		f.add("type is %s: zone transfers need TCP, and this check uses UDP: use SOA", c.typeName())
	case number == dns.TypeNone, number == dns.TypeReserved, number == dns.TypeOPT, number == dns.TypeTSIG:
		f.add("type is %s: can't be queried: use A, AAAA, MX, NS, TXT or another", c.typeName())
	}
	if err := checkName(c.Name); err != nil {
		f.add("name is %s: %w: use a name such as www.example.com", excerpt(c.Name), err)
	}
	return f.err()
}

func checkName(name string) error {
	if name == "" {
		return errors.New("must not be empty")
	}
	if strings.ContainsFunc(name, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }) {
		return errors.New("must not contain spaces or control characters")
	}
	if _, ok := dns.IsDomainName(name); !ok {
		return errors.New("labels must be 1 to 63 bytes, and the name at most 253")
	}
	return nil
}

// Probe sends the query, and repeats it every second until there is a response.
func (c DNS) Probe(ctx context.Context, target Target) (string, error) {
	query := new(dns.Msg).SetQuestion(dns.Fqdn(c.Name), dns.StringToType[c.typeName()])
	request, err := query.Pack()
	if err != nil {
		return "", Impossible{fmt.Errorf("encode the query: %w", err)}
	}
	conn, err := target.dial(ctx, "udp", c.Port)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	datagram, err := exchange(ctx, conn, request)
	if err != nil {
		return "", err
	}
	var response dns.Msg
	if err := response.Unpack(datagram); err != nil {
		return "", fmt.Errorf("response is not a DNS message (%w): %s", err, excerpt(datagram))
	}
	return c.verify(query, &response)
}

func (c DNS) verify(query, response *dns.Msg) (string, error) {
	switch {
	case !response.Response:
		return "", errors.New("response is the query itself (is it an echo server?)")
	case response.Id != query.Id:
		return "", fmt.Errorf("response has ID %d, want %d", response.Id, query.Id)
	case response.Rcode != dns.RcodeSuccess:
		return "", errors.New(rcodeName(response.Rcode))
	case c.Expect != "" && len(response.Answer) == 0:
		return "", errors.New("response has no answers")
	}
	data := make([]string, len(response.Answer))
	for i, record := range response.Answer {
		data[i] = recordData(record)
	}
	if c.Expect == "" || slices.ContainsFunc(data, func(text string) bool { return sameData(text, c.Expect) }) {
		answers := "answers"
		if len(data) == 1 {
			answers = "answer"
		}
		return fmt.Sprintf("NOERROR with %d %s: %s", len(data), answers, excerpt(strings.Join(data, ", "))), nil
	}
	missing := excerpt(c.Expect)
	if response.Truncated {
		missing += " (response is truncated)"
	}
	return "", fmt.Errorf("no answer is %s: got %s", missing, excerpt(strings.Join(data, ", ")))
}

// rcodeName is for example "rcode NXDOMAIN".
func rcodeName(code int) string {
	if name, ok := dns.RcodeToString[code]; ok {
		return "rcode " + name
	}
	return fmt.Sprintf("rcode %d", code)
}

// recordData is a record without its name, TTL, class and type. The strings of
// a TXT record are joined: the split has no meaning (RFC 7208, 3.3).
func recordData(record dns.RR) string {
	if txt, ok := record.(*dns.TXT); ok {
		return strings.Join(txt.Txt, "")
	}
	return strings.TrimPrefix(record.String(), record.Header().String())
}

// sameData compares names without regard to case and the final dot, and addresses
// by value.
func sameData(a, b string) bool {
	if strings.EqualFold(strings.TrimSuffix(a, "."), strings.TrimSuffix(b, ".")) {
		return true
	}
	first, err := netip.ParseAddr(a)
	if err != nil {
		return false
	}
	second, err := netip.ParseAddr(b)
	return err == nil && first == second
}
