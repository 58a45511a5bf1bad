package report

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/unikernel-ami/packer-plugin-unikernel/internal/check"
)

// launch is the origin of all timelines. Its zone must not matter.
var launch = time.Date(2026, 3, 14, 10, 26, 53, 589_793_000, time.FixedZone("CET", 3600))

func at(seconds float64) time.Time {
	return launch.Add(time.Duration(seconds * float64(time.Second)))
}

// probes start every interval seconds and take took seconds each. Their error is
// what seen returns for the time of their end.
func probes(from, to, interval, took float64, seen func(at float64) string) []check.Attempt {
	var attempts []check.Attempt
	for s := from; s+took <= to+1e-9; s += took + interval {
		attempts = append(attempts, check.Attempt{Start: at(s), Seconds: took, Error: seen(s + took)})
	}
	return attempts
}

func always(seen string) func(float64) string { return func(float64) string { return seen } }

func until(ready float64, seen string) func(float64) string {
	return func(at float64) string {
		if at < ready {
			return seen
		}
		return ""
	}
}

var helloConsole = "\x1b[1;34mXen Minimal OS\x1b[0m!\r\n" +
	"  start_info: 0x2c0000(VA)\r\n    nr_pages: 0x8000\r\n  shared_inf: 0x7d9c0000(MA)\r\n" +
	"MM: Init\r\nInitialising timer interface\r\nInitialising console ... done.\r\n" +
	"net: 10.7.0.2/24 via 10.7.0.1 on eth0\r\nhello: command line \"greeting=hi\"\r\nhello: serving HTTP on port 80\r\n"

// results are examples of smoke tests, by the names of their golden files.
func results() map[string]Result {
	return map[string]Result{
		"passed": passed(), "status500": status500(), "silent": silent(),
		"error": noCapacity(), "cancelled": cancelled(), "flapping": flapping(), "hostile": hostile(),
	}
}

// passed is like the test that "make demo" runs.
func passed() Result {
	return Result{
		Tool: "packer-plugin-unikernel 1.2.3", Verdict: Passed, Started: launch,
		Subject: Subject{
			Kind: "ami", ID: "ami-0f3a91c2d47be6580", Name: "hello-2026-03-14", Region: "us-east-1", Environment: "xen",
			System: "Mini-OS", Architecture: "x86_64", Kernel: "aki-919dcaf8",
		},
		Instance: Instance{ID: "i-06c1d2f80a7be1934", Type: "m3.medium", Zone: "us-east-1a", Address: "203.0.113.17", PrivateAddress: "10.7.0.2"},
		Events: []Event{
			{Name: "launched", At: at(0.214), Text: "i-06c1d2f80a7be1934, m3.medium in us-east-1a"},
			{Name: "running", At: at(2.731), Text: "203.0.113.17"},
			{Name: "passed", At: at(8.828)},
			{Name: "ended", At: at(10.93)},
			{Name: "first answer", At: at(7), Text: "ping"},
		},
		Seconds: Seconds{Running: 2.731, FirstAnswer: 7, Passed: 8.828, Total: 10.9312345},
		Checks: []check.Outcome{
			{Name: "tcp 80", Kind: "tcp", About: "connect to TCP port 80", Passed: true, Attempts: probes(2.8, 8.83, 0.5, 0.012, until(8.3, "connection refused"))},
			{Name: "web page", Kind: "http", About: "GET / on port 80", Passed: true, Evidence: `status 200 OK, 21 bytes: "hello from a unikernel"`, Attempts: probes(2.8, 8.83, 0.5, 0.031, until(8.5, "connection refused"))},
			{Name: "ping", Kind: "icmp", About: "ICMP echo", Passed: true, Evidence: "echo reply", Attempts: probes(2.8, 8.83, 0.2, 2, until(7, "no response within 2s"))},
			{Name: "console", Kind: "console", About: `console output contains "serving HTTP"`, Passed: true, Attempts: probes(2.8, 8.83, 1, 0.004, until(8, "console output is empty"))},
		},
		Console: helloConsole,
	}
}

// status500 is a guest whose web server is broken until the timeout.
func status500() Result {
	const seen = `status 500 Internal Server Error: "Internal Server Error: no such table: greetings"`
	sick := func(at float64) string {
		if at < 41 {
			return "no response within 5s"
		}
		return seen
	}
	r := passed()
	r.Verdict = Failed
	r.Reason = "1 of 2 checks did not pass within 12m0s:\n  web page (GET / on port 80): " + seen
	r.Events = []Event{
		{Name: "launched", At: at(0.9), Text: "i-06c1d2f80a7be1934, m3.medium in us-east-1a"},
		{Name: "running", At: at(17.2), Text: "203.0.113.17"},
		{Name: "first answer", At: at(41.6), Text: "tcp 80"},
		{Name: "failed", At: at(720)},
		{Name: "ended", At: at(781)},
	}
	r.Seconds = Seconds{Running: 17.2, FirstAnswer: 41.6, Total: 781.2}
	slow := probes(17.5, 40, 1, 5, sick)
	r.Checks = []check.Outcome{
		{Name: "tcp 80", Kind: "tcp", About: "connect to TCP port 80", Passed: true, Attempts: append(slices.Clip(slow), probes(41.6, 720, 1, 0.02, always(""))...)},
		{Name: "web page", Kind: "http", About: "GET / on port 80", Attempts: append(slices.Clip(slow), probes(41.6, 720, 1, 0.05, sick)...)},
	}
	r.Console = helloConsole + strings.Repeat("hello: GET / 500\r\n", 40)
	return r
}

// silent is a disk whose guest never gets a network and writes nothing.
func silent() Result {
	return Result{
		Tool: "packer-plugin-unikernel 1.2.3", Verdict: Failed, Started: launch,
		Reason:   "2 of 2 checks did not pass within 1m0s:\n  ping (ICMP echo): no response within 10s\nthe guest is running but never responded; does it use DHCP?",
		Subject:  Subject{Kind: "disk", ID: "/home/ann/unikernels/output-router/router.img", System: "LING", Architecture: "x86_64"},
		Instance: Instance{Type: "Xen in QEMU", Address: "127.0.0.1", PrivateAddress: "10.0.2.15"},
		Events:   []Event{{Name: "launched", At: at(0)}, {Name: "running", At: at(5.5), Text: "127.0.0.1"}, {Name: "failed", At: at(65.5)}, {Name: "ended", At: at(65.9)}},
		Seconds:  Seconds{Running: 5.5, Total: 65.9},
		Checks: []check.Outcome{
			{Name: "ping", Kind: "icmp", About: "ICMP echo", Attempts: probes(5.5, 65.5, 1, 9, always("no response within 9s"))},
			{Name: "names", Kind: "dns", About: "query UDP port 53 for A of example.net"},
		},
		ConsoleNote: "The guest wrote nothing to the console, or EC2 has not published it yet.",
	}
}

// noCapacity is a test without an instance.
func noCapacity() Result {
	return Result{
		Verdict: Error, Started: launch, Seconds: Seconds{Total: 1.25},
		Reason:  "launch instance: m3.medium and t1.micro are not available in us-east-1a: InsufficientInstanceCapacity",
		Subject: Subject{Kind: "ami", ID: "ami-0f3a91c2d47be6580", Region: "us-east-1"},
	}
}

// cancelled is a test that the user interrupts while one check has passed and two
// have not.
func cancelled() Result {
	r := passed()
	r.Verdict, r.Reason = Cancelled, "interrupted by the user"
	r.Events = []Event{r.Events[0], r.Events[1], {Name: "first answer", At: at(7), Text: "ping"}, {Name: "cancelled", At: at(8.1)}, {Name: "ended", At: at(9.4)}}
	r.Seconds = Seconds{Running: 2.731, FirstAnswer: 7, Total: 9.4}
	r.Checks = []check.Outcome{
		{Name: "tcp 80", Kind: "tcp", About: "connect to TCP port 80", Attempts: probes(2.8, 8.1, 0.5, 0.012, always("connection refused"))},
		{Name: "ping", Kind: "icmp", About: "ICMP echo", Passed: true, Attempts: probes(2.8, 8.1, 0.2, 2, until(7, "no response within 2s"))},
		{Name: "console", Kind: "console", About: `console output contains "serving HTTP"`},
	}
	return r
}

// flapping passes once, and then every second probe fails, hundreds of times.
func flapping() Result {
	r := passed()
	r.Verdict, r.Reason = Failed, "check web page (GET / on port 80) failed during the hold time of 1h0m0s"
	r.Events[2] = Event{Name: "failed", At: at(3600)}
	r.Events[3].At = at(3630)
	r.Events[4] = Event{Name: "first answer", At: at(9.1), Text: "web page"}
	r.Seconds = Seconds{Running: 2.731, FirstAnswer: 9.1, Total: 3630}
	n := 0
	r.Checks = []check.Outcome{{Name: "web page", Kind: "http", About: "GET / on port 80", Attempts: probes(9, 3600, 0.5, 0.1, func(float64) string {
		if n++; n%2 == 0 {
			return fmt.Sprintf("status 503 Service Unavailable: \"request %d\"", n)
		}
		return ""
	})}}
	return r
}

// markup tries to escape from every context in which it is shown.
const markup = `"'></title></style></svg></pre></details><script>document.title="broken"</script><img src=http://192.0.2.1/x onerror=alert(1)><a href="javascript:alert(1)">{{.Tool}}` +
	"\x00\x1b[31mred\x1b[0m\x1b]0;title\x07\x9b2J\xff\xfe \u202egnp.exe\u2066 \u2028 Z" + "\u0300\u0301\u0302\u0303\u0304\u0305\u0306\u0307\u0308"

// hostile has markup in every text, and values that no program would produce.
func hostile() Result {
	long := strings.Repeat("W", 5000)
	return Result{
		Tool: markup, Verdict: Failed, Reason: markup + "\n" + long, Started: launch,
		Subject:  Subject{Kind: markup, ID: markup, Name: long, Region: markup, Environment: markup, System: markup, Architecture: "統一核心" + markup, Kernel: markup},
		Instance: Instance{ID: markup, Type: long, Zone: markup, Address: markup, PrivateAddress: markup},
		Events: []Event{
			{Name: markup, At: at(-50), Text: markup}, {Name: long, At: at(1), Text: long}, {Name: "", At: time.Time{}},
			{Name: "running failed", At: at(2)}, {Name: "failed", At: at(2)},
		},
		Checks: []check.Outcome{
			{Name: markup, Kind: markup, About: markup, Attempts: []check.Attempt{{Start: at(-1e6), Seconds: -3, Error: markup}, {Start: at(1), Seconds: 0.5, Error: long}}},
			{Name: long, Kind: "tcp", About: long, Passed: true, Attempts: []check.Attempt{{Start: at(1.5), Error: "\xff"}}},
			{Name: "統一核心統一核心統一核心統一核心", About: "שלום עולם", Passed: true},
		},
		Console:     markup + "\n" + strings.Repeat("\x00\x1b[2J\x1b]8;;", 40) + strings.Repeat(markup, 20) + "\nlast line",
		ConsoleNote: markup,
	}
}
