package cloud

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
)

func TestPublicIP(t *testing.T) {
	for _, test := range []struct {
		name, answer string
		status       int
		want         string // an address, or a part of the error
	}{
		{"an address", "198.51.100.7\n", 200, "198.51.100.7"},
		{"a page", "<html>Please log in to use the network</html>", 200, `returned no IPv4 address: status 200, "<html>`},
		{"no service", "down", 503, "returned no IPv4 address: status 503"},
		{"an IPv6 address", "2001:db8::1", 200, "returned no IPv4 address"},
		{"nothing", "", 200, "returned no IPv4 address"},
	} {
		t.Run(test.name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(test.status)
				_, _ = w.Write([]byte(test.answer))
			}))
			defer server.Close()
			s := &Session{EC2: ec2.New(ec2.Options{HTTPClient: httpClient()})}
			address, err := s.askPublicIP(t.Context(), server.URL)
			if got := address.String(); err == nil && got != test.want || err != nil && !strings.Contains(err.Error(), test.want) {
				t.Errorf("%s, error %v; want %s", got, err, test.want)
			}
		})
	}
}

func TestPublicIPWithoutNetwork(t *testing.T) {
	s := &Session{EC2: ec2.New(ec2.Options{HTTPClient: httpClient()})}
	if _, err := s.askPublicIP(t.Context(), "http://127.0.0.1:1"); err == nil || !strings.Contains(err.Error(), "no response from http://127.0.0.1:1") {
		t.Errorf("error %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.askPublicIP(ctx, "http://127.0.0.1:1"); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}
