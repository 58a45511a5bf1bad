package localec2

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ebs"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"
)

const (
	packerRole = "arn:aws:iam::123456789012:role/ci/packer"
	mfaRole    = "arn:aws:iam::123456789012:role/mfa-packer"
	mfaSerial  = "arn:aws:iam::123456789012:mfa/localec2"
)

// with returns a lab whose clients use temporary keys.
func (l *lab) with(keys *types.Credentials) *lab {
	l.t.Helper()
	cfg := aws.Config{
		Region: "us-east-1", BaseEndpoint: aws.String(l.URL()), HTTPClient: pool,
		Credentials: credentials.NewStaticCredentialsProvider(*keys.AccessKeyId, *keys.SecretAccessKey, *keys.SessionToken),
		Retryer:     func() aws.Retryer { return aws.NopRetryer{} },
	}
	return &lab{l.Running, l.t, l.ctx, ec2.NewFromConfig(cfg), ebs.NewFromConfig(cfg), sts.NewFromConfig(cfg), ssm.NewFromConfig(cfg)}
}

// assume assumes a role and returns its keys.
func (l *lab) assume(in sts.AssumeRoleInput) (*types.Credentials, error) {
	if in.RoleSessionName == nil {
		in.RoleSessionName = aws.String("test")
	}
	out, err := l.sts.AssumeRole(l.ctx, &in)
	if err != nil {
		return nil, err
	}
	return out.Credentials, nil
}

func TestAssumeRole(t *testing.T) {
	clock := newClock()
	l := start(t, Options{Now: clock.Now})
	keys := must(l.assume(sts.AssumeRoleInput{RoleArn: aws.String(packerRole), DurationSeconds: aws.Int32(900)}))(t)
	role := l.with(keys)
	who := must(role.sts.GetCallerIdentity(l.ctx, &sts.GetCallerIdentityInput{}))(t)
	if *who.Arn != "arn:aws:sts::123456789012:assumed-role/packer/test" || !strings.HasSuffix(*who.UserId, ":test") {
		t.Errorf("identity %s, %s", *who.Arn, *who.UserId)
	}
	if !keys.Expiration.Equal(clock.Now().Add(15 * time.Minute)) {
		t.Errorf("expires %v, now %v", keys.Expiration, clock.Now())
	}
	role.drop(role.begin())

	clock.turn(15*time.Minute + time.Second)
	_, err := role.sts.GetCallerIdentity(l.ctx, &sts.GetCallerIdentityInput{})
	wantRefusal(t, err, "ExpiredToken 403")
	_, err = role.ec2.DescribeRegions(l.ctx, &ec2.DescribeRegionsInput{})
	wantRefusal(t, err, "RequestExpired 400")
	_, err = role.ebs.StartSnapshot(l.ctx, &ebs.StartSnapshotInput{VolumeSize: aws.Int64(1)})
	wantRefusal(t, err, "ExpiredTokenException 403")

	keys.SessionToken = aws.String("another")
	_, err = l.with(keys).sts.GetCallerIdentity(l.ctx, &sts.GetCallerIdentityInput{})
	wantRefusal(t, err, "InvalidClientTokenId 403")
}

func TestAssumeRoleRefuses(t *testing.T) {
	l := start(t, Options{})
	chain := l.with(must(l.assume(sts.AssumeRoleInput{RoleArn: aws.String(packerRole)}))(t))
	for name, test := range map[string]struct {
		as   *lab
		in   sts.AssumeRoleInput
		want string
	}{
		"no role":                {l, sts.AssumeRoleInput{RoleArn: aws.String("arn:aws:iam::123456789012:user/packer")}, "ValidationError 400"},
		"another account":        {l, sts.AssumeRoleInput{RoleArn: aws.String("arn:aws:iam::210987654321:role/packer")}, "AccessDenied 403"},
		"session name":           {l, sts.AssumeRoleInput{RoleArn: aws.String(packerRole), RoleSessionName: aws.String("a b")}, "ValidationError 400"},
		"too short":              {l, sts.AssumeRoleInput{RoleArn: aws.String(packerRole), DurationSeconds: aws.Int32(899)}, "ValidationError 400"},
		"too long for a chain":   {chain, sts.AssumeRoleInput{RoleArn: aws.String(packerRole), DurationSeconds: aws.Int32(3601)}, "ValidationError 400"},
		"a chain":                {chain, sts.AssumeRoleInput{RoleArn: aws.String(packerRole)}, ""},
		"no MFA":                 {l, sts.AssumeRoleInput{RoleArn: aws.String(mfaRole)}, "AccessDenied 403"},
		"a code of five digits":  {l, sts.AssumeRoleInput{RoleArn: aws.String(mfaRole), SerialNumber: aws.String(mfaSerial), TokenCode: aws.String("12345a")}, "ValidationError 400"},
		"a wrong code":           {l, sts.AssumeRoleInput{RoleArn: aws.String(mfaRole), SerialNumber: aws.String(mfaSerial), TokenCode: aws.String("111111")}, "AccessDenied 403"},
		"another device":         {l, sts.AssumeRoleInput{RoleArn: aws.String(mfaRole), SerialNumber: aws.String(mfaSerial + "2"), TokenCode: aws.String("123456")}, "AccessDenied 403"},
		"no external id":         {l, sts.AssumeRoleInput{RoleArn: aws.String("arn:aws:iam::123456789012:role/external-x")}, "AccessDenied 403"},
		"an external id":         {l, sts.AssumeRoleInput{RoleArn: aws.String("arn:aws:iam::123456789012:role/external-x"), ExternalId: aws.String("localec2")}, ""},
		"caller with no rights":  {l.as("us-east-1", "AKIDENIED1"), sts.AssumeRoleInput{RoleArn: aws.String(packerRole)}, "AccessDenied 403"},
		"caller that is unknown": {l.as("us-east-1", "AKIUNKNOWN1"), sts.AssumeRoleInput{RoleArn: aws.String(packerRole)}, "InvalidClientTokenId 403"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := test.as.assume(test.in)
			wantRefusal(t, err, test.want)
		})
	}
}

// A code works once; a session that was started with it passes MFA on to roles.
func TestMFASession(t *testing.T) {
	l := start(t, Options{})
	in := &sts.GetSessionTokenInput{SerialNumber: aws.String(mfaSerial), TokenCode: aws.String("123456")}
	session := l.with(must(l.sts.GetSessionToken(l.ctx, in))(t).Credentials)
	must(session.assume(sts.AssumeRoleInput{RoleArn: aws.String(mfaRole)}))(t)
	_, err := l.sts.GetSessionToken(l.ctx, in)
	wantRefusal(t, err, "AccessDenied 403")
	_, err = session.sts.GetSessionToken(l.ctx, &sts.GetSessionTokenInput{})
	wantRefusal(t, err, "AccessDenied 403")
	must(l.assume(sts.AssumeRoleInput{RoleArn: aws.String(mfaRole), SerialNumber: aws.String(mfaSerial), TokenCode: aws.String("234567")}))(t)
}

func TestWebIdentity(t *testing.T) {
	l := start(t, Options{})
	l.sts = sts.New(sts.Options{Region: "us-east-1", BaseEndpoint: aws.String(l.URL()), Retryer: aws.NopRetryer{}})
	in := &sts.AssumeRoleWithWebIdentityInput{RoleArn: aws.String(packerRole), RoleSessionName: aws.String("job"), WebIdentityToken: aws.String("localec2")}
	role := l.with(must(l.sts.AssumeRoleWithWebIdentity(l.ctx, in))(t).Credentials)
	if who := must(role.sts.GetCallerIdentity(l.ctx, &sts.GetCallerIdentityInput{}))(t); !strings.HasSuffix(*who.Arn, "assumed-role/packer/job") {
		t.Errorf("identity %s", *who.Arn)
	}
	in.WebIdentityToken = aws.String("another")
	_, err := l.sts.AssumeRoleWithWebIdentity(l.ctx, in)
	wantRefusal(t, err, "InvalidIdentityToken 400")
}

// What EC2 adds to a denial says who was denied what, to those who may know.
func TestDecodeAuthorizationMessage(t *testing.T) {
	l := start(t, Options{})
	role := l.with(must(l.assume(sts.AssumeRoleInput{RoleArn: aws.String("arn:aws:iam::123456789012:role/denied-x")}))(t))
	_, err := role.ec2.DescribeImages(l.ctx, &ec2.DescribeImagesInput{})
	wantRefusal(t, err, "UnauthorizedOperation 403")
	_, encoded, ok := strings.Cut(message(err), "Encoded authorization failure message: ")
	if !ok {
		t.Fatalf("no encoded message in %v", err)
	}
	decoded := must(l.sts.DecodeAuthorizationMessage(l.ctx, &sts.DecodeAuthorizationMessageInput{EncodedMessage: &encoded}))(t)
	var got struct {
		Allowed bool
		Context struct {
			Principal struct{ ARN string }
			Action    string
		}
	}
	if err := json.Unmarshal([]byte(*decoded.DecodedMessage), &got); err != nil {
		t.Fatal(err)
	}
	if got.Allowed || got.Context.Action != "ec2:DescribeImages" || !strings.Contains(got.Context.Principal.ARN, "denied-x") {
		t.Errorf("decoded %s", *decoded.DecodedMessage)
	}
	_, err = l.sts.DecodeAuthorizationMessage(l.ctx, &sts.DecodeAuthorizationMessageInput{EncodedMessage: aws.String("x")})
	wantRefusal(t, err, "InvalidAuthorizationMessageException 400")
	_, err = l.as("us-east-1", "AKIDENIED1").sts.DecodeAuthorizationMessage(l.ctx, &sts.DecodeAuthorizationMessageInput{EncodedMessage: &encoded})
	wantRefusal(t, err, "AccessDenied 403")
}

func TestSessionLifetime(t *testing.T) {
	l := start(t, Options{SessionLifetime: time.Nanosecond})
	role := l.with(must(l.assume(sts.AssumeRoleInput{RoleArn: aws.String(packerRole)}))(t))
	_, err := role.sts.GetCallerIdentity(context.Background(), &sts.GetCallerIdentityInput{})
	wantRefusal(t, err, "ExpiredToken 403")
}
