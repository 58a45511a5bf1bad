package cloud

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
)

// closedBody is a request's body as the SDK leaves it once it has the answer.
type closedBody struct{ io.ReadCloser }

func (closedBody) WriteTo(io.Writer) (int64, error) { return 0, io.EOF }

type httpFunc func(*http.Request) (*http.Response, error)

func (f httpFunc) Do(request *http.Request) (*http.Response, error) { return f(request) }

// A closed body has nothing more to send, which is not an error.
func TestClosedBodies(t *testing.T) {
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://127.0.0.1", closedBody{io.NopCloser(strings.NewReader(""))})
	if err != nil {
		t.Fatal(err)
	}
	sent := errors.New("sent")
	client := plainBodies{httpFunc(func(request *http.Request) (*http.Response, error) {
		if _, err := io.Copy(io.Discard, request.Body); err != nil {
			t.Errorf("reading on: %v", err)
		}
		return nil, sent
	})}
	if _, err := client.Do(request); !errors.Is(err, sent) {
		t.Error(err)
	}
}
