package localec2

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ebs"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/api"
)

// signed makes a request with a signature of good form, now.
func (l *lab) signed(method, path, service, body string) (*http.Request, string) {
	l.t.Helper()
	req := must(http.NewRequest(method, l.URL()+path, strings.NewReader(body)))(l.t)
	now := time.Now().UTC()
	req.Header.Set("X-Amz-Date", now.Format("20060102T150405Z"))
	auth := fmt.Sprintf("AWS4-HMAC-SHA256 Credential=AKIA/%s/us-east-1/%s/aws4_request, SignedHeaders=host;x-amz-date, Signature=%064x",
		now.Format("20060102"), service, 1)
	req.Header.Set("Authorization", auth)
	return req, auth
}

func (l *lab) send(req *http.Request) (int, string) {
	l.t.Helper()
	resp := must(http.DefaultClient.Do(req))(l.t)
	defer resp.Body.Close()
	var b bytes.Buffer
	if _, err := b.ReadFrom(resp.Body); err != nil {
		l.t.Fatal(err)
	}
	return resp.StatusCode, b.String()
}

const describeRegionsBody = "Action=DescribeRegions&Version=2016-11-15"

func TestSignatures(t *testing.T) {
	l := start(t, Options{})
	for _, test := range []struct {
		name   string
		change func(h http.Header, auth string)
		want   string
	}{
		{"good", func(http.Header, string) {}, "200 <regionName>"},
		{"missing", func(h http.Header, _ string) { h.Del("Authorization") }, "403 MissingAuthenticationToken"},
		{"no SigV4", func(h http.Header, _ string) { h.Set("Authorization", "Bearer x") }, "401 AuthFailure"},
		{"signature not hex", func(h http.Header, a string) { h.Set("Authorization", a[:len(a)-1]+"z") }, "401 AuthFailure"},
		{"no signed headers", func(h http.Header, a string) {
			h.Set("Authorization", strings.Replace(a, "SignedHeaders=host;x-amz-date, ", "", 1))
		}, "401 AuthFailure"},
		{"host not signed", func(h http.Header, a string) { h.Set("Authorization", strings.Replace(a, "host;", "", 1)) }, "401 AuthFailure"},
		{"header not signed", func(h http.Header, _ string) { h.Set("X-Amz-Security-Token", "t") }, "401 AuthFailure"},
		{"no date", func(h http.Header, _ string) { h.Del("X-Amz-Date") }, "401 AuthFailure"},
		{"another day", func(h http.Header, _ string) { h.Set("X-Amz-Date", "20200101T000000Z") }, "401 AuthFailure"},
		{"old", func(h http.Header, a string) {
			old := time.Now().UTC().Add(-16 * time.Minute)
			h.Set("X-Amz-Date", old.Format("20060102T150405Z"))
			h.Set("Authorization", strings.Replace(a, time.Now().UTC().Format("20060102"), old.Format("20060102"), 1))
		}, "400 RequestExpired"},
		{"region unknown", func(h http.Header, a string) {
			h.Set("Authorization", strings.Replace(a, "us-east-1", "us-moon-1", 1))
		}, "401 AuthFailure"},
		{"service unknown", func(h http.Header, a string) { h.Set("Authorization", strings.Replace(a, "/ec2/", "/polly/", 1)) }, "501 NotImplemented"},
	} {
		t.Run(test.name, func(t *testing.T) {
			req, auth := l.signed("POST", "/", "ec2", describeRegionsBody)
			test.change(req.Header, auth)
			status, body := l.send(req)
			code, text, _ := strings.Cut(test.want, " ")
			if fmt.Sprint(status) != code || !strings.Contains(body, text) {
				t.Errorf("got %d %s, want %s", status, body, test.want)
			}
		})
	}
}

// TestQueryForm checks requests that no SDK makes.
func TestQueryForm(t *testing.T) {
	l := start(t, Options{})
	for _, test := range []struct{ method, path, service, body, want string }{
		{"GET", "/?" + describeRegionsBody, "ec2", "", "400 InvalidAction"},
		{"POST", "/", "ec2", "Version=2016-11-15", "400 MissingAction"},
		{"POST", "/", "ec2", "Action=DescribeVolumes&Version=2016-11-15", "400 InvalidAction"},
		{"POST", "/", "ec2", "Action=DescribeRegions&Version=2010-01-01", "400 InvalidAction"},
		{"POST", "/", "ec2", describeRegionsBody + "&Colour=red", "400 UnknownParameter"},
		{"POST", "/", "ec2", describeRegionsBody + "&AllRegions=maybe", "400 InvalidParameterValue"},
		{"POST", "/", "ec2", describeRegionsBody + "&AllRegions=true&AllRegions=false", "400 InvalidQueryParameter"},
		{"POST", "/", "ec2", describeRegionsBody + "&X=%zz", "400 MalformedQueryString"},
		{"POST", "/", "ec2", strings.Repeat("x", api.DefaultMaxBody+1), "413 RequestEntityTooLarge"},
		{"POST", "/", "sts", "Action=GetFederationToken&Version=2011-06-15", "400 InvalidAction"},
		{"POST", "/snapshots", "ebs", "{", "400 ValidationException"},
	} {
		req, _ := l.signed(test.method, test.path, test.service, test.body)
		status, body := l.send(req)
		code, text, _ := strings.Cut(test.want, " ")
		if fmt.Sprint(status) != code || !strings.Contains(body, text) && test.service != "ebs" {
			t.Errorf("%s %s: got %d %s, want %s", test.method, test.body[:min(len(test.body), 60)], status, body, test.want)
		}
	}
}

// TestKeys checks the documented prefixes with all three services.
func TestKeys(t *testing.T) {
	l := start(t, Options{})
	for _, test := range []struct{ region, key, ec2, ebs, sts string }{
		{"us-east-1", "AKIATEST", "", "", ""},
		{"us-east-1", "AKIDENIED1", "UnauthorizedOperation 403", "AccessDeniedException 403", ""},
		{"us-east-1", "AKIUNKNOWN1", "AuthFailure 401", "UnrecognizedClientException 403", "InvalidClientTokenId 403"},
		{"af-south-1", "AKIATEST", "AuthFailure 401", "UnrecognizedClientException 403", "InvalidClientTokenId 403"},
		{"us-moon-1", "AKIATEST", "AuthFailure 401", "InvalidSignatureException 403", "SignatureDoesNotMatch 403"},
	} {
		c := l.as(test.region, test.key)
		_, err := c.ec2.DescribeRegions(l.ctx, &ec2.DescribeRegionsInput{})
		wantRefusal(t, err, test.ec2)
		_, err = c.ebs.StartSnapshot(l.ctx, &ebs.StartSnapshotInput{VolumeSize: new(int64(1))})
		wantRefusal(t, err, test.ebs)
		_, err = c.sts.GetCallerIdentity(l.ctx, &sts.GetCallerIdentityInput{})
		wantRefusal(t, err, test.sts)
	}
	if n := len(l.Resources()["us-east-1"].Snapshots); n != 1 {
		t.Errorf("%d snapshots, want the one of the key that may", n)
	}
}
