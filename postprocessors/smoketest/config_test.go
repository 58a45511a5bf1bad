package smoketest

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/unikernel-ami/packer-plugin-unikernel/internal/check"
)

// block is a block of a template as HCL hands it on.
type block = map[string]any

func TestDefaults(t *testing.T) {
	var c Config
	err := c.Prepare(block{
		"http": []block{{}, {"path": "/health"}}, "https": []block{{}}, "tcp": []block{{"port": 22, "name": "shell", "timeout": "2s", "consecutive": 3}},
		"dns": []block{{"name": "example.org"}}, "udp": []block{{"port": 7, "send": "x"}}, "icmp": []block{{}}, "console": []block{{"contains": "up"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	plans, _ := c.plans()
	want := []check.Plan{
		{Check: check.ICMP{}, Name: "icmp", Timeout: 10 * time.Second, Interval: time.Second, Consecutive: 1},
		{Check: check.TCP{Port: 22}, Name: "shell", Timeout: 2 * time.Second, Interval: time.Second, Consecutive: 3},
		{Check: check.HTTP{Port: 80, Path: "/", Method: "GET"}, Name: "http 80", Timeout: 10 * time.Second, Interval: time.Second, Consecutive: 1},
		{Check: check.HTTP{Port: 80, Path: "/health", Method: "GET"}, Name: "http 80 (2)", Timeout: 10 * time.Second, Interval: time.Second, Consecutive: 1},
		{Check: check.HTTP{TLS: true, Port: 443, Path: "/", Method: "GET"}, Name: "https 443", Timeout: 10 * time.Second, Interval: time.Second, Consecutive: 1},
		{Check: check.UDP{Port: 7, Send: "x"}, Name: "udp 7", Timeout: 10 * time.Second, Interval: time.Second, Consecutive: 1},
		{Check: check.DNS{Port: 53, Name: "example.org", Type: "A"}, Name: "dns 53", Timeout: 10 * time.Second, Interval: time.Second, Consecutive: 1},
		{Check: check.Console{Contains: "up"}, Name: "console", Timeout: 10 * time.Second, Interval: time.Second, Consecutive: 1},
	}
	if diff := cmp.Diff(want, plans); diff != "" {
		t.Error(diff)
	}
	if c.Timeout != 10*time.Minute {
		t.Errorf("timeout %s", c.Timeout)
	}
}

// Everything that is wrong is said at once, with the value, the rule and the
// remedy.
func TestPrepareRefuses(t *testing.T) {
	for _, test := range []struct {
		name    string
		options block
		want    []string
	}{
		{"no check", block{}, []string{"no check is configured: add a block such as http { port = 80 }"}},
		{"ports", block{"tcp": []block{{"port": 0}, {"port": 65536}}, "http": []block{{"port": -1}}},
			[]string{"tcp[0]: port is 0: it must be 1 to 65535", "tcp[1]: port is 65536", "http[0]: port is -1"}},
		{"a pattern", block{"http": []block{{"body_matches": "("}}, "console": []block{{"matches": "["}}},
			[]string{"http[0]: ", "missing closing )", "console[0]: ", "missing closing ]"}},
		{"paths and types", block{"http": []block{{"path": "health", "status": 99}}, "dns": []block{{"name": "example.org", "type": "NONE"}}},
			[]string{"http[0]: path", "http[0]: status", "dns[0]: type"}},
		{"a console of nothing", block{"console": []block{{}}}, []string{"console[0]: "}},
		{"one name twice", block{"tcp": []block{{"port": 1, "name": "a"}}, "http": []block{{"name": "a"}}}, []string{`http[0]: name "a" is already used by tcp[0]`}},
		{"never", block{"icmp": []block{{"consecutive": 100, "interval": "10s"}}},
			[]string{"icmp[0]: 100 consecutive passes every 10s take 16m30s, but the time limit of all checks is 10m0s"}},
		{"times", block{"icmp": []block{{"timeout": "-1s"}}, "hold": "-1s"}, []string{"icmp[0]: timeout -1s", "hold is -1s"}},
		{"ids", block{"icmp": []block{{}}, "ami_id": "ami-1", "subnet_id": "subnet", "vpc_id": "x", "security_group_ids": []string{"default"}, "instance_types": []string{"small"}},
			[]string{`ami_id is "ami-1"`, `subnet_id is "subnet"`, `vpc_id is "x"`, `security_group_ids is "default"`, `instance_types contains "small"`}},
		{"addresses", block{"icmp": []block{{}}, "address": "public", "private_ip_address": "10.0.0", "temporary_security_group_source_cidrs": []string{"10.0.0.1/24", "all"}},
			[]string{`address is "public"`, `private_ip_address is "10.0.0"`, "without a subnet: set subnet_id",
				`"10.0.0.1/24", which has host bits set: use 10.0.0.0/24, or /32 for a single address`, `contains "all"`}},
		{"both", block{"icmp": []block{{}}, "user_data": "a", "user_data_file": "/nowhere", "result": "a", "report": "./a"},
			[]string{"user_data and user_data_file are both set", "user_data_file is /nowhere: ", "result and report are the same file"}},
		{"a folder", block{"icmp": []block{{}}, "report": "/tmp"}, []string{"report is /tmp, which is a directory"}},
		{"the rest", block{"icmp": []block{{}}, "spot_price": "cheap", "guest_gateway": "10.0.0.1", "memory": -1, "run_tags": map[string]string{"aws:x": "y"}},
			[]string{`spot_price is "cheap"`, "guest_address is not", "memory is -1", "aws:x"}},
		{"an unknown option", block{"icmp": []block{{}}, "htpp": 1}, []string{"htpp"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := new(Config).Prepare(test.options)
			for _, want := range test.want {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("%q is not in: %v", want, err)
				}
			}
		})
	}
}

// What the build will produce isn't checked before.
func TestPrepareWithUnknownValues(t *testing.T) {
	options := block{"icmp": []block{{}}, "ami_id": "<unknown>", "subnet_id": "<unknown>", "private_ip_address": "<unknown>", "guest_address": "<unknown>", "spot_price": "<unknown>"}
	if err := new(Config).Prepare(options); err != nil {
		t.Error(err)
	}
}
