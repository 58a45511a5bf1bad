package cloud_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ec2"

	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2"
	"github.com/unikernel-ami/packer-plugin-unikernel/internal/cloud"
	"github.com/unikernel-ami/packer-plugin-unikernel/internal/cloudtest"
)

const (
	role      = "arn:aws:iam::123456789012:role/packer"
	mfaRole   = "arn:aws:iam::123456789012:role/mfa-packer"
	mfaSerial = "arn:aws:iam::123456789012:mfa/localec2"
)

var keys = cloud.Keys{AccessKey: "AKIALOCAL", SecretKey: "secret"}

// files writes the files of the AWS configuration and makes them the only source
// of credentials. Nothing but localhost can be reached.
func files(t *testing.T, config string) {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, "config")
	if err := os.WriteFile(path, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{
		"HOME": dir, "AWS_CONFIG_FILE": path, "AWS_SHARED_CREDENTIALS_FILE": filepath.Join(dir, "none"),
		"AWS_EC2_METADATA_DISABLED": "true", "AWS_REGION": "us-east-1",
		"HTTPS_PROXY": "http://127.0.0.1:1", "AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "",
	} {
		t.Setenv(name, value)
	}
}

func serve(t *testing.T, options localec2.Options, faults ...string) *localec2.Running {
	t.Helper()
	server, err := localec2.Start(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	cloudtest.Inject(t, server, faults...)
	return server
}

func everywhere(url string) cloud.Endpoints {
	return cloud.Endpoints{EC2: url, EBS: url, S3: url, SSM: url, STS: url}
}

const profiles = `
[profile user]
aws_access_key_id = AKIALOCAL
aws_secret_access_key = secret
mfa_serial = ` + mfaSerial + `
[profile role]
role_arn = ` + role + `
source_profile = user
role_session_name = ci
[profile mfa]
role_arn = ` + mfaRole + `
source_profile = user
mfa_serial = ` + mfaSerial + `
role_session_name = ci
[profile web]
role_arn = ` + role + `
web_identity_token_file = TOKEN
role_session_name = ci
`

// Every way to get credentials calls the custom endpoint, and no other.
func TestCredentials(t *testing.T) {
	for _, test := range []struct {
		name    string
		options cloud.Options
		want    string // end of the caller's ARN, or a part of the error
	}{
		{"keys", cloud.Options{Keys: keys}, "user/localec2"},
		{"keys before a profile", cloud.Options{Keys: keys, Profile: "role"}, "user/localec2"},
		{"a profile", cloud.Options{Profile: "user"}, "user/localec2"},
		{"a role of a profile", cloud.Options{Profile: "role"}, "assumed-role/packer/ci"},
		{"a role of a profile, with MFA", cloud.Options{Profile: "mfa", MFACode: "123456"}, "assumed-role/mfa-packer/ci"},
		{"a profile's web identity", cloud.Options{Profile: "web"}, "assumed-role/packer/ci"},
		{"a role", cloud.Options{Keys: keys, Role: &cloud.Role{ARN: role, SessionName: "job"}}, "assumed-role/packer/job"},
		{"a role, after MFA", cloud.Options{Profile: "user", MFACode: "123456", Role: &cloud.Role{ARN: mfaRole, SessionName: "job"}}, "assumed-role/mfa-packer/job"},
		{"a role of a role", cloud.Options{Profile: "role", Role: &cloud.Role{ARN: role, SessionName: "job"}}, "assumed-role/packer/job"},
		{"a web identity", cloud.Options{WebIdentity: &cloud.WebIdentity{Role: cloud.Role{ARN: role, SessionName: "job"}, Token: "localec2"}}, "assumed-role/packer/job"},
		{"no code", cloud.Options{Profile: "mfa"}, cloud.ErrNoMFACode.Error()},
		{"a wrong code", cloud.Options{Profile: "mfa", MFACode: "111111"}, "invalid MFA one time pass code"},
		{"a code without a device", cloud.Options{Profile: "role", MFACode: "123456"}, `the profile "role" has no mfa_serial`},
		{"no such profile", cloud.Options{Profile: "nope"}, `there is no profile "nope"`},
		{"a role that may not be assumed", cloud.Options{Keys: keys, Role: &cloud.Role{ARN: mfaRole}}, "not authorized to perform: sts:AssumeRole"},
	} {
		t.Run(test.name, func(t *testing.T) {
			token := filepath.Join(t.TempDir(), "token")
			if err := os.WriteFile(token, []byte("localec2"), 0o600); err != nil {
				t.Fatal(err)
			}
			files(t, strings.ReplaceAll(profiles, "TOKEN", token))
			server := serve(t, localec2.Options{})
			test.options.Endpoints = everywhere(server.URL())
			arn, err := caller(t, test.options)
			if err != nil {
				arn = cloud.Plain(err).Error()
			}
			if !strings.HasSuffix(arn, test.want) && (err == nil || !strings.Contains(arn, test.want)) {
				t.Errorf("got %s, want %s", arn, test.want)
			}
			for _, sdk := range []string{"operation error", "https response error", "api error"} {
				if strings.Contains(arn, sdk) {
					t.Errorf("%q is in: %s", sdk, arn)
				}
			}
		})
	}
}

// caller returns the ARN that STS sees.
func caller(t *testing.T, options cloud.Options) (string, error) {
	t.Helper()
	s, err := cloud.Connect(t.Context(), options)
	if err != nil {
		return "", err
	}
	if _, err := s.Account(t.Context()); err != nil {
		return "", err
	}
	identity, err := s.STS.GetCallerIdentity(t.Context(), nil)
	if err != nil {
		return "", err
	}
	return *identity.Arn, nil
}

// A profile's role is assumed at AWS_ENDPOINT_URL, too: the SDK alone calls the
// real STS.
func TestRoleAtEndpointOfEnvironment(t *testing.T) {
	for _, variable := range []string{"AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_STS"} {
		t.Run(variable, func(t *testing.T) {
			files(t, profiles)
			t.Setenv(variable, serve(t, localec2.Options{}).URL())
			if arn, err := caller(t, cloud.Options{Profile: "role"}); err != nil || !strings.HasSuffix(arn, "assumed-role/packer/ci") {
				t.Errorf("caller %s, error %v", arn, err)
			}
		})
	}
}

// A custom endpoint wins over each variable of the environment.
func TestCustomEndpointBeforeEnvironment(t *testing.T) {
	for _, variable := range []string{"AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_STS"} {
		t.Run(variable, func(t *testing.T) {
			files(t, profiles)
			t.Setenv(variable, "http://127.0.0.1:1")
			server := serve(t, localec2.Options{})
			if _, err := caller(t, cloud.Options{Profile: "role", Endpoints: everywhere(server.URL())}); err != nil {
				t.Error(err)
			}
		})
	}
}

// Credentials outlive no session: a role is assumed once while it lasts, and
// again when it has ended.
func TestCredentialsAreRenewed(t *testing.T) {
	for name, test := range map[string]struct {
		lifetime time.Duration
		want     func(assumed int) bool
	}{
		"long sessions":  {15 * time.Minute, func(n int) bool { return n == 1 }},
		"short sessions": {time.Second, func(n int) bool { return n > 1 }},
	} {
		t.Run(name, func(t *testing.T) {
			files(t, profiles)
			server := serve(t, localec2.Options{SessionLifetime: test.lifetime})
			s, err := cloud.Connect(t.Context(), cloud.Options{Profile: "user", Role: &cloud.Role{ARN: role}, Endpoints: everywhere(server.URL())})
			if err != nil {
				t.Fatal(err)
			}
			s.Waits.Delay, s.Waits.MaxDelay = 500*time.Millisecond, 500*time.Millisecond
			started, asked := time.Now(), 0
			err = s.Waits.Await(t.Context(), "the clock", time.Minute, func(ctx context.Context) (string, bool, error) {
				asked++
				_, err := s.EC2.DescribeRegions(ctx, &ec2.DescribeRegionsInput{})
				return "early", time.Since(started) > 2*time.Second, err
			})
			if err != nil {
				t.Fatal(err)
			}
			assumed := 0
			for _, call := range server.Calls() {
				if call.Action == "AssumeRole" {
					assumed++
				}
			}
			if !test.want(assumed) {
				t.Errorf("assumed the role %d times for %d calls", assumed, asked)
			}
		})
	}
}

// When the code is spent, a role that has expired can't be assumed again. The
// wait ends then, and doesn't go on until its budget is spent.
func TestSpentMFACode(t *testing.T) {
	files(t, profiles)
	server := serve(t, localec2.Options{SessionLifetime: time.Second})
	s, err := cloud.Connect(t.Context(), cloud.Options{Profile: "mfa", MFACode: "123456", Endpoints: everywhere(server.URL())})
	if err != nil {
		t.Fatal(err)
	}
	err = s.Waits.Await(t.Context(), "an AMI", time.Minute, func(ctx context.Context) (string, bool, error) {
		_, err := s.EC2.DescribeRegions(ctx, &ec2.DescribeRegionsInput{})
		return "pending", false, err
	})
	if !errors.Is(err, cloud.ErrMFACodeSpent) {
		t.Errorf("error %v", err)
	}
}

// What a process gets that can't use the code again.
func TestKeysOfSession(t *testing.T) {
	files(t, profiles)
	server := serve(t, localec2.Options{})
	s, err := cloud.Connect(t.Context(), cloud.Options{Profile: "mfa", MFACode: "123456", Endpoints: everywhere(server.URL())})
	if err != nil {
		t.Fatal(err)
	}
	handed, err := s.Keys(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if arn, err := caller(t, cloud.Options{Keys: handed, Endpoints: everywhere(server.URL())}); err != nil || !strings.HasSuffix(arn, "assumed-role/mfa-packer/ci") {
		t.Errorf("caller %s, error %v", arn, err)
	}
}

func TestDeniedCalls(t *testing.T) {
	for name, test := range map[string]struct {
		decode bool
		fault  string
		want   []string
		not    string
	}{
		"named":        {false, "DescribeRegions=refuse", []string{"ec2:DescribeRegions is denied: UnauthorizedOperation: You are not authorized"}, "ncoded"},
		"decoded":      {true, "DescribeRegions=refuse", []string{`decoded message: {"allowed":false`, `"action":"ec2:DescribeRegions"`, "user/localec2"}, "Encoded authorization"},
		"not decoded":  {true, "*=refuse", []string{"ec2:DescribeRegions is denied", "can't be decoded: STS DecodeAuthorizationMessage: AccessDenied"}, "Encoded authorization"},
		"not a denial": {true, "DescribeRegions=fail,code=InvalidParameterValue,status=400", []string{"EC2 DescribeRegions: InvalidParameterValue: An internal"}, "denied"},
	} {
		t.Run(name, func(t *testing.T) {
			files(t, profiles)
			server := serve(t, localec2.Options{}, test.fault)
			s, err := cloud.Connect(t.Context(), cloud.Options{Keys: keys, Decode: test.decode, Endpoints: everywhere(server.URL())})
			if err != nil {
				t.Fatal(err)
			}
			_, err = s.EC2.DescribeRegions(t.Context(), &ec2.DescribeRegionsInput{})
			text := cloud.Plain(err).Error()
			for _, want := range test.want {
				if !strings.Contains(text, want) {
					t.Errorf("%q is not in: %s", want, text)
				}
			}
			if strings.Contains(text, test.not) || strings.Contains(text, "operation error") {
				t.Errorf("%q or words of the SDK in: %s", test.not, text)
			}
		})
	}
}

func TestUnknownRegion(t *testing.T) {
	for name, unchecked := range map[string]bool{"asked of STS": false, "asked of EC2": true} {
		t.Run(name, func(t *testing.T) {
			files(t, profiles)
			server := serve(t, localec2.Options{})
			s, err := cloud.Connect(t.Context(), cloud.Options{Region: "us-moon-1", Keys: keys, Unchecked: unchecked, Endpoints: everywhere(server.URL())})
			if err != nil {
				t.Fatal(err)
			}
			_, err = s.Preflight(t.Context(), func(ctx context.Context) error {
				_, err := s.EC2.DescribeRegions(ctx, &ec2.DescribeRegionsInput{})
				return err
			})
			if err == nil || err.Error() != `unknown region "us-moon-1"` {
				t.Errorf("error %v", err)
			}
		})
	}
}

// insecure_skip_tls_verify and max_retries reach every client.
func TestTransport(t *testing.T) {
	files(t, profiles)
	calls := 0
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		calls++
		w.WriteHeader(http.StatusServiceUnavailable)
	}))
	defer server.Close()
	t.Setenv("HTTPS_PROXY", "")
	for _, test := range []struct {
		insecure       bool
		retries, calls int
	}{{false, 1, 0}, {true, 1, 2}, {true, 0, cloud.ControlAttempts}} {
		calls = 0
		s, err := cloud.Connect(t.Context(), cloud.Options{
			Keys: keys, InsecureTLS: test.insecure, Retries: test.retries, MaxBackoff: time.Millisecond, Endpoints: everywhere(server.URL),
		})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.EC2.DescribeRegions(t.Context(), &ec2.DescribeRegionsInput{}); err == nil || calls != test.calls {
			t.Errorf("%+v: %d calls, error %v", test, calls, err)
		}
	}
}
