package check

import (
	"context"
	"errors"
	"strings"
	"testing"
)

func TestConsole(t *testing.T) {
	boot := "Booting\r\n\x1b[1mMini-OS\x1b[0m up\r\neth0: 10.0.0.7\r\n"
	tests := map[string]struct {
		check Console
		text  string
		err   error
		want  string
	}{
		"contains":    {check: Console{Contains: "eth0: 10."}, text: boot},
		"matches":     {check: Console{Matches: `(?m)^eth\d: [0-9.]+\s*$`}, text: boot},
		"has not":     {check: Console{Contains: "ready"}, text: boot, want: `console output does not contain "ready"; it ends with "Booting\r\n\x1b[1mMini-OS\x1b[0m up\r\neth0: 10.0.0.7"`},
		"no match":    {check: Console{Matches: "^ready"}, text: boot, want: `console output does not match "^ready"; it ends with "Booting\r\n\x1b[1mMini-OS\x1b[0m up\r\neth0: 10.0.0.7"`},
		"only an end": {check: Console{Contains: "ready"}, text: strings.Repeat("a", 500) + strings.Repeat("b", 199) + "c", want: `console output does not contain "ready"; it ends with "` + strings.Repeat("b", 199) + `c"`},
		"empty":       {check: Console{Contains: "ready"}, text: "\r\n", want: "console output is empty"},
		"not yet":     {check: Console{Contains: "ready"}, err: errors.New("EC2 has none yet"), want: "read the console: EC2 has none yet"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			target := Target{Console: func(context.Context) (string, error) { return test.text, test.err }}
			expect(t, probe(t, test.check, target, short), test.want)
		})
	}
	t.Run("silent", func(t *testing.T) {
		target := Target{Console: func(ctx context.Context) (string, error) { return "", untilDone(ctx) }}
		expect(t, probe(t, Console{Contains: "x"}, target, short), "read the console: no response within 300ms")
	})
	t.Run("none", func(t *testing.T) {
		_, err := Console{Contains: "x"}.Probe(t.Context(), Target{})
		if _, ok := errors.AsType[Impossible](err); !ok {
			t.Errorf("got %v, which is not Impossible", err)
		}
		expect(t, err.Error(), "the guest's console can't be read here")
	})
}
