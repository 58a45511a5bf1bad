package check

import (
	"os"
	"strings"
	"syscall"
	"testing"
)

func TestOneLine(t *testing.T) {
	tests := map[string]struct{ in, want string }{
		"plain":     {"refused", "refused"},
		"controls":  {"a\nb\x1b[2Jc\x00d\u202ee", `a\nb\x1b[2Jc\x00d\u202ee`},
		"not UTF-8": {"a\xffb", "a\ufffdb"},
		"long":      {strings.Repeat("x", 5000), strings.Repeat("x", maxLine+1) + "..."},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) { expect(t, oneLine(test.in), test.want) })
	}
}

func TestExcerpt(t *testing.T) {
	tests := map[string]struct{ in, want string }{
		"short":       {strings.Repeat("x", 200), `"` + strings.Repeat("x", 200) + `"`},
		"long":        {strings.Repeat("x", 201), `"` + strings.Repeat("x", 200) + `"...`},
		"whole runes": {strings.Repeat("x", 199) + "éé", `"` + strings.Repeat("x", 199) + `"...`},
		"garbage":     {strings.Repeat("\x80", 300), `"` + strings.Repeat(`\x80`, 196) + `"...`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			expect(t, excerpt(test.in), test.want)
			expect(t, excerpt([]byte(test.in)), test.want)
		})
	}
}

func TestNetworkError(t *testing.T) {
	tests := map[string]error{
		"connection refused": os.NewSyscallError("connect", syscall.ECONNREFUSED),
		"connection reset":   os.NewSyscallError("read", syscall.EPIPE),
		"no route to host":   os.NewSyscallError("connect", syscall.EHOSTUNREACH),
	}
	for want, err := range tests {
		expect(t, networkError(t.Context(), err).Error(), want)
	}
}
