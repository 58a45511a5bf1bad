package component

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/unikernel-ami/packer-plugin-unikernel/internal/cloud"
)

const (
	packerRole = "arn:aws:iam::123456789012:role/ci/packer"
	uglySecret = `Zx9"quo\te$! and blanks`
)

func TestCheckAccess(t *testing.T) {
	for name, test := range map[string]struct {
		access Access
		want   []string
	}{
		"nothing set":      {Access{}, nil},
		"all regions":      {Access{Region: "us-gov-west-1"}, nil},
		"a European one":   {Access{Region: "eusc-de-east-1"}, nil},
		"a zone":           {Access{Region: "us-east-1a"}, []string{`region is "us-east-1a": a region looks like eu-west-1; set skip_region_validation`}},
		"a cloud's own":    {Access{Region: "RegionOne", SkipRegionValidation: true}, nil},
		"a secret alone":   {Access{SecretKey: uglySecret}, []string{"secret_key is set without access_key"}},
		"a key alone":      {Access{AccessKey: "AKIA1"}, []string{"access_key is set without secret_key"}},
		"a token alone":    {Access{Token: uglySecret}, []string{"token is set without access_key"}},
		"line breaks":      {Access{AccessKey: "AKIA1\n", SecretKey: uglySecret + "\n", Token: uglySecret + "\n"}, []string{"access_key contains a space", "secret_key contains a line break", "token contains a line break"}},
		"a code":           {Access{MFACode: "12345"}, []string{"mfa_code must have six digits"}},
		"no file":          {Access{SharedCredentialsFile: "/nope"}, []string{`shared_credentials_file is "/nope": no such file or directory: specify an existing file`}},
		"a directory":      {Access{SharedCredentialsFile: "/"}, []string{"this is a directory"}},
		"no URL":           {Access{CustomEndpointEC2: "ec2.example.com"}, []string{`custom_endpoint_ec2 is "ec2.example.com": it must be a URL such as https://`}},
		"another scheme":   {Access{CustomEndpointEBS: "ftp://x"}, []string{"custom_endpoint_ebs"}},
		"no host":          {Access{CustomEndpointS3: "http://"}, []string{"custom_endpoint_s3"}},
		"a query":          {Access{CustomEndpointSSM: "http://x/?a=b"}, []string{`custom_endpoint_ssm is "http://x/?a=b": remove everything from the first ?`}},
		"a password":       {Access{CustomEndpointSTS: "http://me:Zx9@x"}, []string{"custom_endpoint_sts contains a user name or password"}},
		"negative numbers": {Access{MaxRetries: -1, AWSPolling: AWSPolling{-2, -3}}, []string{"max_retries is -1", "aws_polling: delay_seconds is -2", "aws_polling: max_attempts is -3"}},
		"a role":           {Access{AssumeRole: AssumeRole{RoleARN: packerRole, DurationSeconds: 900, Policy: `{}`, PolicyARNs: []string{"arn:aws:iam::aws:policy/ReadOnlyAccess"}, Tags: map[string]string{"a": "b"}, TransitiveTagKeys: []string{"a"}}}, nil},
		"no role":          {Access{AssumeRole: AssumeRole{SessionName: "ci"}}, []string{"assume_role: role_arn is not set"}},
		"faults of a role": {Access{AssumeRole: AssumeRole{
			RoleARN: "arn:aws:iam::123456789012:user/x", SessionName: "a b", ExternalID: "!", DurationSeconds: 60, Policy: "{", PolicyARNs: []string{"x"},
			Tags: map[string]string{"": "b"}, TransitiveTagKeys: []string{"c"},
		}}, []string{"assume_role: role_arn is \"arn:aws:iam::123456789012:user/x\"", "session_name", "external_id", "duration_seconds is 60: it must be 900 to 43200", "policy is not valid JSON", `policy_arns contains "x"`, "tags has a key of 0", `transitive_tag_keys contains "c"`}},
		"web identity": {Access{AssumeRoleWithWebIdentity: AssumeRoleWithWebIdentity{RoleARN: "x"}}, []string{"assume_role_with_web_identity: role_arn is", "web_identity_token_file is not set"}},
		"web and keys": {Access{AccessKey: "AKIA1", SecretKey: "s", AssumeRoleWithWebIdentity: AssumeRoleWithWebIdentity{RoleARN: packerRole, WebIdentityTokenFile: "x"}}, []string{"access_key and assume_role_with_web_identity are both set"}},
		"two tokens":   {Access{AssumeRoleWithWebIdentity: AssumeRoleWithWebIdentity{RoleARN: packerRole, WebIdentityToken: uglySecret, WebIdentityTokenFile: "x"}}, []string{"both set"}},
	} {
		t.Run(name, func(t *testing.T) {
			errs := test.access.CheckAccess()
			text := ""
			if err := errors.Join(errs...); err != nil {
				text = err.Error()
			}
			if len(errs) != len(test.want) {
				t.Errorf("%d errors, want %d: %s", len(errs), len(test.want), text)
			}
			for _, want := range test.want {
				if !strings.Contains(text, want) {
					t.Errorf("%q is not in: %s", want, text)
				}
			}
			if strings.Contains(text, "Zx9") {
				t.Errorf("a secret is in: %s", text)
			}
		})
	}
}

// filled returns an access with every option set.
func filled(t *testing.T) Access {
	t.Helper()
	var a Access
	fill(t, reflect.ValueOf(&a).Elem())
	return a
}

func fill(t *testing.T, v reflect.Value) {
	t.Helper()
	for i := range v.NumField() {
		switch field := v.Field(i); field.Kind() {
		case reflect.String:
			field.SetString(v.Type().Field(i).Name + uglySecret)
		case reflect.Int:
			field.SetInt(int64(i + 1))
		case reflect.Bool:
			field.SetBool(true)
		case reflect.Slice:
			field.Set(reflect.ValueOf([]string{"a"}))
		case reflect.Map:
			field.Set(reflect.ValueOf(map[string]string{"a": "b"}))
		case reflect.Struct:
			fill(t, field)
		default:
			t.Fatalf("%s has an unknown kind", v.Type().Field(i).Name)
		}
	}
}

// A post-processor without options of its own gets all options of the source
// over the artifact, in its own state only.
func TestAccessOfArtifact(t *testing.T) {
	all := filled(t)
	all.Region = "eu-west-1"
	source := NewArtifact(all, AMI{ID: "ami-1"}, nil, unreachable)
	parsed, _, err := Parse(source, unreachable)
	if err != nil {
		t.Fatal(err)
	}
	one, err := parsed.In(Access{})
	if err != nil {
		t.Fatal(err)
	}
	all.Region = "" // of the session
	if diff := cmp.Diff(all, one.access); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	ugly, err := json.Marshal(uglySecret)
	if err != nil {
		t.Fatal(err)
	}
	shown := []any{source.Id(), source.String(), source.State(artifactState), source.State(generatedState)}
	for _, text := range shown {
		if text, ok := text.(string); ok && (strings.Contains(text, "Zx9") || strings.Contains(text, string(ugly))) {
			t.Errorf("a secret is in %s", text)
		}
	}
}

// Credentials come from one component, never from two.
func TestAccessOver(t *testing.T) {
	source := Access{AccessKey: "AKIA1", SecretKey: "s", AssumeRole: AssumeRole{RoleARN: packerRole}, CustomEndpointEC2: "http://a", MaxRetries: 5, SkipMetadataAPICheck: true}
	own := Access{Profile: "prod", CustomEndpointSTS: "http://b", MaxRetries: 7}
	want := Access{Profile: "prod", CustomEndpointEC2: "http://a", CustomEndpointSTS: "http://b", MaxRetries: 7, SkipMetadataAPICheck: true}
	if diff := cmp.Diff(want, own.over(source)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Every option reaches the session.
func TestAccessOptions(t *testing.T) {
	o := filled(t).options()
	for _, v := range []reflect.Value{reflect.ValueOf(o), reflect.ValueOf(*o.Role), reflect.ValueOf(o.Endpoints), reflect.ValueOf(o.Keys), reflect.ValueOf(o.Polling)} {
		for i := range v.NumField() {
			if name := v.Type().Field(i).Name; v.Field(i).IsZero() && name != "MaxBackoff" {
				t.Errorf("%s is not set", name)
			}
		}
	}
	if o.Role.Duration != time.Duration(filled(t).AssumeRole.DurationSeconds)*time.Second {
		t.Errorf("duration %s", o.Role.Duration)
	}
}

func TestInHome(t *testing.T) {
	home := t.TempDir()
	t.Setenv("HOME", home)
	if err := os.WriteFile(filepath.Join(home, "keys"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if errs := (Access{SharedCredentialsFile: "~/keys"}).CheckAccess(); len(errs) > 0 {
		t.Error(errs)
	}
}

func TestExplainAccess(t *testing.T) {
	for name, test := range map[string]struct {
		err  error
		want string
	}{
		"a region":      {cloud.UnknownRegionError{Region: "us-moon-1"}, `unknown region "us-moon-1": set region`},
		"a profile":     {cloud.NoProfileError{Name: "nope"}, `profile is "nope", which the AWS configuration files don't have`},
		"a device":      {cloud.MFASerialError{Profile: "ci"}, `the profile "ci" has no mfa_serial: set mfa_serial`},
		"a code":        {cloud.ErrNoMFACode, "set mfa_code to the current code"},
		"a spent code":  {cloud.ErrMFACodeSpent, "duration_seconds"},
		"SSO":           {cloud.ErrSSOExpired, "run aws sso login"},
		"a denial":      {&cloud.DeniedError{Action: "ec2:RegisterImage", Err: errors.New("no")}, "ec2:RegisterImage is denied: no: allow ec2:RegisterImage in the caller's IAM policy"},
		"a wait":        {errors.New("not done after 3 checks, as {Polling} allows"), "as aws_polling allows"},
		"anything else": {errors.New("x"), "x"},
	} {
		if got := Explain(test.err).Error(); !strings.Contains(got, test.want) {
			t.Errorf("%s: %s, want %s", name, got, test.want)
		}
	}
}
