// Package token makes opaque, sealed tokens, as used for pages and blocks.
package token

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"strconv"
	"strings"
	"time"
)

// Sealer makes and opens tokens. Only a token that it made can be opened.
type Sealer struct {
	key []byte
	now func() time.Time
}

// NewSealer returns a sealer with a random key, and a clock for expiry.
func NewSealer(now func() time.Time) *Sealer {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // crypto/rand does not fail (Go 1.24)
	return &Sealer{key, now}
}

// macSize is the length of the seal: short enough that block tokens stay below
// the 256 characters that the EBS model allows.
const macSize = 12

// Seal returns a token of a kind, with an expiry time and parts that Open
// returns. Its alphabet is the one that the EBS model allows for block and page
// tokens.
func (s *Sealer) Seal(kind string, expiry time.Time, parts ...string) string {
	fields := append([]string{kind, strconv.FormatInt(expiry.UnixNano(), 36)}, parts...)
	text := strings.Join(fields, "\x00")
	return base64.StdEncoding.EncodeToString(append(s.mac(text), text...))
}

// Open returns the parts of a token of the given kind. It returns false if this
// sealer didn't make the token, or if it has expired.
func (s *Sealer) Open(kind, token string) ([]string, bool) {
	raw, err := base64.StdEncoding.DecodeString(token)
	if err != nil || len(raw) < macSize || !hmac.Equal(raw[:macSize], s.mac(string(raw[macSize:]))) {
		return nil, false
	}
	fields := strings.Split(string(raw[macSize:]), "\x00")
	if len(fields) < 2 || fields[0] != kind {
		return nil, false
	}
	expiry, err := strconv.ParseInt(fields[1], 36, 64)
	if err != nil || s.now().UnixNano() > expiry {
		return nil, false
	}
	return fields[2:], true
}

func (s *Sealer) mac(text string) []byte {
	m := hmac.New(sha256.New, s.key)
	m.Write([]byte(text))
	return m.Sum(nil)[:macSize]
}
