package seal

import (
	"crypto/ecdh"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
)

// Errors of keys. Test with errors.Is.
var (
	// ErrPublicKey: not an uncompressed point on P-256 in base64url.
	ErrPublicKey = errors.New("not a P-256 public key in base64url")
	// ErrAuth: not 16 bytes in base64url.
	ErrAuth = errors.New("not an authentication secret: 16 bytes in base64url")
)

// Keys are the receiver's, as its subscription tells them.
type Keys struct {
	P256dh [65]byte // a point on P-256, uncompressed (RFC 8291 section 2.1)
	Auth   [16]byte // the authentication secret (RFC 8291 section 3.2)
}

// ParseKeys reads the two keys of a PushSubscription in base64url, with or
// without padding, and checks that the point is on the curve. Errors:
// ErrPublicKey, ErrAuth; both may be joined, and with one of them the other key
// is read all the same.
func ParseKeys(p256dh, auth string) (Keys, error) {
	var k Keys
	point, err := decode(p256dh, len(k.P256dh))
	if err == nil {
		_, err = ecdh.P256().NewPublicKey(point)
	}
	if err != nil {
		err = fmt.Errorf("%w: %w", ErrPublicKey, err)
	}
	copy(k.P256dh[:], point)
	secret, authErr := ParseAuth(auth)
	k.Auth = secret
	return k, errors.Join(err, authErr)
}

// ParseAuth reads the authentication secret alone. Errors: ErrAuth.
func ParseAuth(auth string) (secret [16]byte, err error) {
	b, err := decode(auth, len(secret))
	if err != nil {
		return secret, fmt.Errorf("%w: %w", ErrAuth, err)
	}
	return [16]byte(b), nil
}

// decode reads exactly n bytes of base64url. The length of the text is checked
// first, because the decoder skips line ends and would let an endless one in.
func decode(s string, n int) ([]byte, error) {
	raw := base64.RawURLEncoding.Strict()
	whole := strings.TrimRight(s, "=")
	if want := raw.EncodedLen(n); len(whole) != want || len(s) > (want+3)/4*4 {
		return nil, fmt.Errorf("%d characters instead of %d", len(s), want)
	}
	b, err := raw.DecodeString(whole)
	if err != nil {
		return nil, errors.New("a character outside base64url")
	}
	if len(b) != n {
		return nil, fmt.Errorf("%d bytes instead of %d", len(b), n)
	}
	return b, nil
}
