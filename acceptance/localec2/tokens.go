package localec2

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// macSize is the length of the seal in a token: short enough that block tokens
// stay under the 256 characters that the EBS model allows.
const macSize = 12

// seal makes an opaque token that only this server can have made: a kind, an
// expiry and parts that open gives back. Its alphabet is the one that the EBS
// model allows for block and page tokens.
func (s *Server) seal(kind string, expiry time.Time, parts ...string) string {
	fields := append([]string{kind, strconv.FormatInt(expiry.UnixNano(), 36)}, parts...)
	text := strings.Join(fields, "\x00")
	return base64.StdEncoding.EncodeToString(append(s.mac(text), text...))
}

// open returns the parts of a token of the given kind, false where it is not
// one of ours or has expired.
func (s *Server) open(kind, token string) ([]string, bool) {
	raw, err := base64.StdEncoding.DecodeString(token)
	if err != nil || len(raw) < macSize || !hmac.Equal(raw[:macSize], s.mac(string(raw[macSize:]))) {
		return nil, false
	}
	fields := strings.Split(string(raw[macSize:]), "\x00")
	if len(fields) < 2 || fields[0] != kind {
		return nil, false
	}
	expiry, err := strconv.ParseInt(fields[1], 36, 64)
	if err != nil || s.opts.Now().UnixNano() > expiry {
		return nil, false
	}
	return fields[2:], true
}

func (s *Server) mac(text string) []byte {
	m := hmac.New(sha256.New, s.key)
	m.Write([]byte(text))
	return m.Sum(nil)[:macSize]
}

// newID returns a resource id in EC2's long form: 17 hexadecimal digits.
func newID(prefix string) string { return prefix + hex.EncodeToString(random(9))[:17] }

// newRequestID returns a UUID.
func newRequestID() string {
	b := random(16)
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// random returns n random bytes; crypto/rand does not fail (Go 1.24).
func random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b)
	return b
}
