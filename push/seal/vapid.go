package seal

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/mail"
	"net/url"
	"strings"
	"sync"
	"time"
)

// How long tokens live. A push service refuses one that ends over 24 hours
// from now or has ended (RFC 8292 section 2), by its own clock. The token ends
// tokenLife after it is signed and is handed out for tokenUse, so one that we
// send has between 8 and 12 hours left: clocks may differ by that much.
const (
	tokenLife = 12 * time.Hour
	tokenUse  = 4 * time.Hour
)

// maxTokens bounds the tokens kept. Real origins are a handful; names that
// somebody invents under a push service's domain must not fill the memory.
const maxTokens = 512

// Errors of signing. Test with errors.Is.
var (
	// ErrSigningKey: not a private key of P-256 in base64url.
	ErrSigningKey = errors.New("not a P-256 private key in base64url")
	// ErrSubject: neither a mail address nor an https URL.
	ErrSubject = errors.New("not a contact: give mailto:name@host or an https URL")
)

// Signer signs VAPID tokens and keeps them for hours, as signing costs as much
// as sealing. It is safe for concurrent use.
type Signer struct {
	key     *ecdsa.PrivateKey
	public  string
	subject string

	mu     sync.Mutex
	tokens map[string]token // by origin
}

type token struct {
	header string
	signed time.Time
}

// NewSigner signs with the private key, 32 bytes in base64url, on behalf of
// subject: how the push service reaches the sender, "mailto:name@host" or an
// https URL (RFC 8292 section 2.1). Errors: ErrSigningKey, ErrSubject.
func NewSigner(private, subject string) (*Signer, error) {
	b, err := decode(private, 32)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSigningKey, err)
	}
	key, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), b)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSigningKey, err)
	}
	point, err := key.PublicKey.Bytes()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSigningKey, err)
	}
	if err := checkSubject(subject); err != nil {
		return nil, err
	}
	return &Signer{key: key, public: base64.RawURLEncoding.EncodeToString(point), subject: subject, tokens: map[string]token{}}, nil
}

func checkSubject(s string) error {
	if address, ok := strings.CutPrefix(s, "mailto:"); ok {
		if a, err := mail.ParseAddress(address); err != nil || a.Address != address {
			return fmt.Errorf("%w: %.80q", ErrSubject, s)
		}
		return nil
	}
	if u, err := url.Parse(s); err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil {
		return fmt.Errorf("%w: %.80q", ErrSubject, s)
	}
	return nil
}

// Public is the public key as browsers subscribe with it: the uncompressed
// point in base64url without padding.
func (s *Signer) Public() string { return s.public }

// Authorization is the value of that header for requests to origin, such as
// https://fcm.googleapis.com, at the time now (RFC 8292 section 3).
func (s *Signer) Authorization(origin string, now time.Time) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, ok := s.tokens[origin]
	if age := now.Sub(t.signed); ok && age >= 0 && age < tokenUse { // a clock set back makes the age negative
		return t.header, nil
	}
	header, err := s.sign(origin, now)
	if err != nil {
		return "", err
	}
	if len(s.tokens) >= maxTokens {
		clear(s.tokens)
	}
	s.tokens[origin] = token{header, now}
	return header, nil
}

// jwtHeader is {"typ":"JWT","alg":"ES256"} (RFC 8292 section 2).
const jwtHeader = "eyJ0eXAiOiJKV1QiLCJhbGciOiJFUzI1NiJ9"

func (s *Signer) sign(origin string, now time.Time) (string, error) {
	claims, err := json.Marshal(struct {
		Audience string `json:"aud"`
		Expires  int64  `json:"exp"`
		Subject  string `json:"sub"`
	}{origin, now.Add(tokenLife).Unix(), s.subject})
	if err != nil {
		return "", fmt.Errorf("claims of a token: %w", err)
	}
	signed := jwtHeader + "." + base64.RawURLEncoding.EncodeToString(claims)
	sum := sha256.Sum256([]byte(signed))
	r, v, err := ecdsa.Sign(rand.Reader, s.key, sum[:])
	if err != nil {
		return "", fmt.Errorf("sign a token: %w", err)
	}
	var sig [64]byte // RFC 7518 section 3.4: both numbers, 32 bytes each
	r.FillBytes(sig[:32])
	v.FillBytes(sig[32:])
	return "vapid t=" + signed + "." + base64.RawURLEncoding.EncodeToString(sig[:]) + ", k=" + s.public, nil
}
