package report

import (
	"bytes"
	"errors"
	"io"
	"math"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func TestSameBytes(t *testing.T) {
	for name, result := range results() {
		elsewhere := result
		elsewhere.Started = result.Started.In(time.FixedZone("", -7*3600))
		for format := range writers {
			if !bytes.Equal(render(t, format, result), render(t, format, elsewhere)) {
				t.Errorf("%s as %s depends on the zone", name, format)
			}
		}
	}
	if len(passed().Checks[0].Attempts) == 0 || passed().Started.Nanosecond()%1e6 == 0 {
		t.Error("the fixture has nothing to round")
	}
}

// Writing a result must not change it.
func TestResultUnchanged(t *testing.T) {
	result := passed()
	for format := range writers {
		render(t, format, result)
	}
	if diff := cmp.Diff(passed(), result); diff != "" {
		t.Error(diff)
	}
}

func TestOutputIsPrintable(t *testing.T) {
	for name, result := range results() {
		for _, format := range []string{"html", "txt"} {
			text := string(render(t, format, result))
			if !utf8.ValidString(text) {
				t.Errorf("%s as %s is not valid UTF-8", name, format)
			}
			if at := strings.IndexFunc(text, func(r rune) bool { return r != '\n' && r != '\t' && !unicode.IsGraphic(r) && r != '\uFFFD' }); at >= 0 {
				t.Errorf("%s as %s has %q", name, format, text[at:min(at+20, len(text))])
			}
		}
	}
}

// A test that was cancelled or could not run is never shown as failed.
func TestNoResultIsNotFailure(t *testing.T) {
	for name, r := range map[string]Result{"CANCELLED": cancelled(), "ERROR": noCapacity()} {
		if text := string(render(t, "txt", r)); !strings.HasPrefix(text, "smoke test "+name+": ") || strings.Contains(text, "never passed") {
			t.Errorf("%s is shown as:\n%s", name, text)
		}
		page := string(render(t, "html", r))
		for _, failed := range []string{"Failed", "never passed", `<strong class="failed">`, `class="outcome end failed"`, `<body class="failed">`} {
			if strings.Contains(page, failed) {
				t.Errorf("the page of a test with the result %s contains %q", name, failed)
			}
		}
		if !strings.Contains(page, `<p class="note">`+statusOf(r).Note+`</p>`) {
			t.Errorf("the page of a test with the result %s does not explain it", name)
		}
	}
}

func TestInvalidSeconds(t *testing.T) {
	r := passed()
	r.Seconds = Seconds{Running: math.NaN(), FirstAnswer: math.Inf(1), Passed: -1, Total: 1e300}
	r.Checks[0].Attempts[0].Seconds = math.NaN()
	for format := range writers {
		if out := render(t, format, r); bytes.Contains(out, []byte("NaN")) || bytes.Contains(out, []byte("Inf")) {
			t.Errorf("%s contains NaN or Inf", format)
		}
	}
}

var errFull = errors.New("no space left on device")

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errFull }

func TestWriteFails(t *testing.T) {
	for format, write := range writers {
		if err := write(full{}, passed()); !errors.Is(err, errFull) {
			t.Errorf("%s: %v", format, err)
		}
		if err := write(io.Discard, Result{}); err != nil {
			t.Errorf("an empty result as %s: %v", format, err)
		}
	}
}
