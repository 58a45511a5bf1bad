package account

import (
	"crypto/rand"
	"encoding/base32"
	"strings"
	"sync"
	"time"

	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/sigv4"
)

// sessionKeyPrefix begins all temporary access keys.
const sessionKeyPrefix = "ASIA"

// A Session is what temporary keys stand for.
type Session struct {
	AccessKey, SecretKey, Token string

	Role    string // name of the role; "" for a session of the user
	Name    string // of the role's session
	MFA     bool   // started with a code, or with a session that was
	Expires time.Time
}

// Sessions are those that STS has started.
type Sessions struct {
	mu   sync.Mutex
	open map[string]Session // by access key
}

// Add starts a session with new keys.
func (s *Sessions) Add(session Session) Session {
	session.AccessKey = sessionKeyPrefix + strings.ToUpper(random()[:16])
	session.SecretKey, session.Token = random(), random()+random()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open == nil {
		s.open = map[string]Session{}
	}
	s.open[session.AccessKey] = session
	return session
}

// Of returns the session of an access key.
func (s *Sessions) Of(accessKey string) (Session, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	session, ok := s.open[accessKey]
	return session, ok
}

// DeniedRolePrefix begins the names of roles without permissions.
const DeniedRolePrefix = "denied-"

// CheckSession returns what is wrong with the session of a caller's keys. Keys
// that are not temporary have none.
func (a *Account) CheckSession(accessKey, token string) sigv4.Fault {
	if !strings.HasPrefix(accessKey, sessionKeyPrefix) {
		return 0
	}
	session, ok := a.Sessions.Of(accessKey)
	switch {
	case !ok || token != session.Token:
		return sigv4.UnknownKey
	case a.Now().After(session.Expires):
		return sigv4.SessionExpired
	case strings.HasPrefix(session.Role, DeniedRolePrefix):
		return sigv4.Denied
	}
	return 0
}

// random returns 32 random characters.
func random() string {
	b := make([]byte, 20)
	_, _ = rand.Read(b) // crypto/rand does not fail (Go 1.24)
	return base32.StdEncoding.EncodeToString(b)
}
