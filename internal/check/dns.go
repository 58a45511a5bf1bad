package check

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"unicode"

	"github.com/miekg/dns"
)

// DNS asks the guest, as a DNS server, one question over UDP.
type DNS struct {
	Port   uint16
	Name   string
	Type   string // "A", "MX", ...; "" is "A"
	Expect string // the data of one of the answers, as in a zone file; "" takes anything with NOERROR, even no answer
}

// Kind is "dns".
func (DNS) Kind() string { return "dns" }

// Describe says what is asked.
func (c DNS) Describe() string {
	about := fmt.Sprintf("ask UDP port %d for %s of %s", c.Port, c.typeName(), c.Name)
	if c.Expect != "" {
		about += ", get " + excerpt(c.Expect)
	}
	return about
}

func (c DNS) typeName() string {
	if c.Type == "" {
		return "A"
	}
	return strings.ToUpper(c.Type)
}

// Validate returns everything that is wrong with the settings.
func (c DNS) Validate() error {
	var f faults
	f.port(c.Port)
	switch number, known := dns.StringToType[c.typeName()]; {
	case !known:
		f.add("type %s: no record type of DNS has that name: give A, AAAA, MX, NS, TXT or another", excerpt(c.Type))
	case number == dns.TypeAXFR, number == dns.TypeIXFR:
		f.add("type %s: zones are transferred over TCP, and this check asks over UDP: ask for SOA", c.typeName())
	case number == dns.TypeNone, number == dns.TypeReserved, number == dns.TypeOPT, number == dns.TypeTSIG:
		f.add("type %s: nothing can be asked for by that type: give A, AAAA, MX, NS, TXT or another", c.typeName())
	}
	if err := checkName(c.Name); err != nil {
		f.add("name %s: %w: give one such as www.example.com", excerpt(c.Name), err)
	}
	return f.err()
}

func checkName(name string) error {
	if name == "" {
		return errors.New("a name is needed")
	}
	if strings.ContainsFunc(name, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }) {
		return errors.New("a name has no blanks and no control characters")
	}
	if _, ok := dns.IsDomainName(name); !ok {
		return errors.New("a name's parts have 1 to 63 bytes, and all of it at most 253")
	}
	return nil
}

// Probe asks, again each second, until there is an answer.
func (c DNS) Probe(ctx context.Context, target Target) error {
	question := new(dns.Msg).SetQuestion(dns.Fqdn(c.Name), dns.StringToType[c.typeName()])
	request, err := question.Pack()
	if err != nil {
		return Impossible{fmt.Errorf("write the question: %w", err)}
	}
	conn, err := target.dial(ctx, "udp", c.Port)
	if err != nil {
		return err
	}
	defer conn.Close()
	datagram, err := exchange(ctx, conn, request)
	if err != nil {
		return err
	}
	var answer dns.Msg
	if err := answer.Unpack(datagram); err != nil {
		return fmt.Errorf("answer is no DNS message (%w): %s", err, excerpt(datagram))
	}
	return c.judge(question, &answer)
}

func (c DNS) judge(question, answer *dns.Msg) error {
	switch {
	case !answer.Response:
		return errors.New("answer is a question itself (an echo server?)")
	case answer.Id != question.Id:
		return fmt.Errorf("answer is to another question: its ID is %d, not %d", answer.Id, question.Id)
	case answer.Rcode != dns.RcodeSuccess:
		return errors.New(rcodeName(answer.Rcode))
	case c.Expect == "":
		return nil
	case len(answer.Answer) == 0:
		return errors.New("there are no answers")
	}
	var data []string
	for _, record := range answer.Answer {
		text := recordData(record)
		if sameData(text, c.Expect) {
			return nil
		}
		data = append(data, text)
	}
	missing := excerpt(c.Expect)
	if answer.Truncated {
		missing += ", and are cut short"
	}
	return fmt.Errorf("answers have no %s: %s", missing, excerpt(strings.Join(data, ", ")))
}

// rcodeName is for example "rcode NXDOMAIN".
func rcodeName(code int) string {
	if name, ok := dns.RcodeToString[code]; ok {
		return "rcode " + name
	}
	return fmt.Sprintf("rcode %d", code)
}

// recordData is a record without its name, TTL, class and type. The strings of
// a TXT record are one text: where they are split has no meaning (RFC 7208,
// 3.3).
func recordData(record dns.RR) string {
	if txt, ok := record.(*dns.TXT); ok {
		return strings.Join(txt.Txt, "")
	}
	return strings.TrimPrefix(record.String(), record.Header().String())
}

// sameData compares as DNS does: names in any case, with or without the last
// dot, and addresses by value.
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
