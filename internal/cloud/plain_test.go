package cloud_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ec2"

	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2"
	"github.com/unikernel-ami/packer-plugin-unikernel/internal/cloud"
)

// What stands between us and AWS is named in the words of users.
func TestPlain(t *testing.T) {
	html := func(status int) string {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			w.WriteHeader(status)
			fmt.Fprint(w, "<!DOCTYPE html><html><body>Sign in<br></body></html>")
		}))
		t.Cleanup(server.Close)
		return server.URL
	}
	tls := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(tls.Close)
	for name, test := range map[string]struct {
		url  string
		want string
	}{
		"refused":      {"http://127.0.0.1:1", "EC2 DescribeRegions: send request to 127.0.0.1:1: dial tcp 127.0.0.1:1: connect: connection refused"},
		"no such host": {"http://ec2.invalid", "EC2 DescribeRegions: send request to ec2.invalid: dial tcp: lookup ec2.invalid"},
		"certificate":  {tls.URL, "certificate"},
		"a login page": {html(http.StatusOK), "the response, with HTTP status 200, is not AWS's, but perhaps a proxy's"},
		"a gateway":    {html(http.StatusBadGateway), "the response, with HTTP status 502, is not AWS's"},
		"AWS":          {serve(t, localec2.Options{}, "DescribeRegions=throttle").URL(), "EC2 DescribeRegions: RequestLimitExceeded: Request limit exceeded. (request "},
	} {
		t.Run(name, func(t *testing.T) {
			files(t, profiles)
			t.Setenv("HTTPS_PROXY", "")
			s, err := cloud.Connect(t.Context(), cloud.Options{Keys: keys, Retries: 1, MaxBackoff: time.Millisecond, Endpoints: everywhere(test.url)})
			if err != nil {
				t.Fatal(err)
			}
			_, err = s.EC2.DescribeRegions(t.Context(), &ec2.DescribeRegionsInput{})
			text := cloud.Plain(fmt.Errorf("look up regions: %w", err)).Error()
			if !strings.HasPrefix(text, "look up regions: EC2 DescribeRegions: ") || !strings.Contains(text, test.want) {
				t.Errorf("%s; want %s", text, test.want)
			}
			for _, sdk := range []string{"operation error", "https response", "api error", "deserialization", "StatusCode", "exceeded maximum"} {
				if strings.Contains(text, sdk) {
					t.Errorf("%q is in: %s", sdk, text)
				}
			}
		})
	}
}
