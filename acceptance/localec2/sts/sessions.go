package sts

import (
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/account"
	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/api"
	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/query"
)

// What callers need for roles with certain names, and for MFA. AWS accepts a
// code once; so does this STS, which has several.
const (
	mfaRolePrefix      = "mfa-"
	externalRolePrefix = "external-"
	externalID         = "localec2"
	webIdentityToken   = "localec2"
)

var mfaCodes = []string{"123456", "234567", "345678"}

// The forms are those of STS's API reference.
var (
	roleForm    = regexp.MustCompile(`^arn:[a-z-]+:iam::(\d{12}):role/(?:[\w+=,.@/-]*/)?([\w+=,.@-]{1,64})$`)
	sessionForm = regexp.MustCompile(`^[\w+=,.@-]{2,64}$`)
	codeForm    = regexp.MustCompile(`^\d{6}$`)
)

// A kind of session has limits on its duration, in seconds.
type limits struct{ shortest, longest, normal int }

var (
	roleLimits    = limits{900, 43200, 3600}
	sessionLimits = limits{900, 129600, 43200}
)

const longestChain = 3600 // seconds, for a role that a role assumes

type keys struct {
	AccessKeyID     string `xml:"AccessKeyId"`
	SecretAccessKey string
	SessionToken    string
	Expiration      string
}

type assumedRole struct {
	Arn           string
	AssumedRoleID string `xml:"AssumedRoleId"`
}

type roleAnswer struct {
	Credentials     keys
	AssumedRoleUser assumedRole
}

type sessionAnswer struct{ Credentials keys }

func (s *service) assumeRole(c *query.Call) (any, error) {
	session, err := s.role(c)
	if err != nil {
		return nil, err
	}
	caller, chained := s.acct.Sessions.Of(c.AccessKey)
	if chained && caller.Role != "" && session.Expires.Sub(s.acct.Now()) > longestChain*time.Second {
		return nil, invalid("The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining")
	}
	code, err := s.checkMFA(c)
	if err != nil {
		return nil, err
	}
	session.MFA = code || caller.MFA
	arn := c.Form.Text("RoleArn")
	lacks := strings.HasPrefix(session.Role, mfaRolePrefix) && !session.MFA ||
		strings.HasPrefix(session.Role, externalRolePrefix) && c.Form.Text("ExternalId") != externalID
	if lacks || roleForm.FindStringSubmatch(arn)[1] != s.acct.ID {
		principal, _ := s.acct.Principal(c.AccessKey, c.Region)
		return nil, denied("User: %s is not authorized to perform: sts:AssumeRole on resource: %s", principal, arn)
	}
	return s.startRole(c, session), nil
}

func (s *service) assumeRoleWithWebIdentity(c *query.Call) (any, error) {
	session, err := s.role(c)
	if err != nil {
		return nil, err
	}
	if c.Form.Text("WebIdentityToken") != webIdentityToken {
		return nil, api.Bad("InvalidIdentityToken", "No OpenIDConnect provider found in your account for the token")
	}
	return s.startRole(c, session), nil
}

// role reads the role that is asked for.
func (s *service) role(c *query.Call) (account.Session, error) {
	arn, name := c.Form.Text("RoleArn"), c.Form.Text("RoleSessionName")
	found := roleForm.FindStringSubmatch(arn)
	if found == nil {
		return account.Session{}, invalid("%s is invalid", arn)
	}
	if !sessionForm.MatchString(name) {
		return account.Session{}, invalid("Value '%s' at 'roleSessionName' failed to satisfy constraint: Member must satisfy regular expression pattern: [\\w+=,.@-]*", name)
	}
	expires, err := s.expiry(c, roleLimits)
	return account.Session{Role: found[2], Name: name, Expires: expires}, err
}

func (s *service) startRole(c *query.Call, session account.Session) roleAnswer {
	session = s.acct.Sessions.Add(session)
	arn, id := s.acct.Principal(session.AccessKey, c.Region)
	return roleAnswer{keysOf(session), assumedRole{arn, id}}
}

func (s *service) getSessionToken(c *query.Call) (any, error) {
	if _, temporary := s.acct.Sessions.Of(c.AccessKey); temporary {
		return nil, denied("Cannot call GetSessionToken with session credentials")
	}
	expires, err := s.expiry(c, sessionLimits)
	if err != nil {
		return nil, err
	}
	mfa, err := s.checkMFA(c)
	if err != nil {
		return nil, err
	}
	return sessionAnswer{keysOf(s.acct.Sessions.Add(account.Session{MFA: mfa, Expires: expires}))}, nil
}

func keysOf(session account.Session) keys {
	return keys{session.AccessKey, session.SecretKey, session.Token, session.Expires.UTC().Format(time.RFC3339)}
}

// expiry returns when a session ends.
func (s *service) expiry(c *query.Call, l limits) (time.Time, error) {
	n := l.normal
	if c.Form.Has("DurationSeconds") {
		var err error
		if n, err = c.Form.Number("DurationSeconds"); err != nil {
			return time.Time{}, err
		}
	}
	if n < l.shortest || n > l.longest {
		return time.Time{}, invalid("Value '%d' at 'durationSeconds' failed to satisfy constraint: Member must have value between %d and %d", n, l.shortest, l.longest)
	}
	lifetime := time.Duration(n) * time.Second
	if s.lifetime > 0 {
		lifetime = s.lifetime
	}
	return s.acct.Now().Add(lifetime), nil
}

// checkMFA reports whether the call has a device's code, and uses it up.
func (s *service) checkMFA(c *query.Call) (bool, error) {
	serial, code := c.Form.Text("SerialNumber"), c.Form.Text("TokenCode")
	switch {
	case serial == "" && code == "":
		return false, nil
	case !codeForm.MatchString(code):
		return false, invalid("Value at 'tokenCode' failed to satisfy constraint: Member must satisfy regular expression pattern: [\\d]*, and have length 6")
	case !strings.HasSuffix(serial, ":iam::"+s.acct.ID+":mfa/localec2"):
		return false, denied("MultiFactorAuthentication failed, unable to validate MFA code. Please verify your MFA serial number is valid and associated with this user.")
	case !slices.Contains(mfaCodes, code) || s.spent[code]:
		return false, denied("MultiFactorAuthentication failed with invalid MFA one time pass code. ")
	}
	s.spent[code] = true
	return true, nil
}

type decodedMessage struct{ DecodedMessage string }

func (s *service) decode(c *query.Call) (any, error) {
	text, ok := s.acct.DecodeDenial(c.Form.Text("EncodedMessage"))
	if !ok {
		return nil, api.Refuse(http.StatusBadRequest, "InvalidAuthorizationMessageException", "Message is not valid.")
	}
	return decodedMessage{text}, nil
}
