package seal_test

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	webpush "github.com/SherClockHolmes/webpush-go"
	"github.com/golang-jwt/jwt/v5"

	"crier/push/seal"
)

// browser is a receiver with keys of its own.
type browser struct {
	private *ecdh.PrivateKey
	keys    seal.Keys
}

func newBrowser(t testing.TB) browser {
	t.Helper()
	k, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	b := browser{private: k}
	copy(b.keys.P256dh[:], k.PublicKey().Bytes())
	rand.Read(b.keys.Auth[:])
	return b
}

// capture is an HTTP client that keeps the request instead of sending it.
type capture struct {
	header http.Header
	body   []byte
}

func (c *capture) Do(r *http.Request) (*http.Response, error) {
	c.header = r.Header.Clone()
	b, err := io.ReadAll(r.Body)
	c.body = b
	return &http.Response{StatusCode: http.StatusCreated, Body: http.NoBody}, err
}

// oracle has webpush-go send text to b and returns the request it made.
func oracle(t testing.TB, b browser, endpoint, text, subject, public, private string) *capture {
	t.Helper()
	var c capture
	_, err := webpush.SendNotification(slices.Clip([]byte(text)), &webpush.Subscription{Endpoint: endpoint, Keys: webpush.Keys{
		P256dh: base64.RawURLEncoding.EncodeToString(b.keys.P256dh[:]),
		Auth:   base64.RawURLEncoding.EncodeToString(b.keys.Auth[:]),
	}}, &webpush.Options{HTTPClient: &c, Subscriber: subject, VAPIDPublicKey: public, VAPIDPrivateKey: private, TTL: 60, RecordSize: seal.Size})
	if err != nil {
		t.Fatal(err)
	}
	return &c
}

func vapidKeys(t testing.TB) (private, public string) {
	t.Helper()
	private, public, err := webpush.GenerateVAPIDKeys()
	if err != nil {
		t.Fatal(err)
	}
	return private, public
}

func TestWeOpenWhatWebpushGoSeals(t *testing.T) {
	private, public := vapidKeys(t)
	for _, text := range []string{"", "a", strings.Repeat("Zeile\x00", 100), strings.Repeat("x", seal.MaxPlaintext)} {
		b := newBrowser(t)
		c := oracle(t, b, "https://push.example/1", text, "desk@news.example", public, private)
		if len(c.body) != seal.Size {
			t.Errorf("the oracle's body has %d bytes", len(c.body))
		}
		got, err := seal.Open(b.private, b.keys.Auth, c.body)
		if err != nil || string(got) != text {
			t.Errorf("%d bytes of text: %d, %v", len(text), len(got), err)
		}
	}
}

func TestAnIndependentOpenerOpensWhatWeSeal(t *testing.T) {
	for _, text := range []string{"", "a", strings.Repeat("Zeile\x00", 100), strings.Repeat("x", seal.MaxPlaintext)} {
		b := newBrowser(t)
		body, err := seal.Seal(nil, []byte(text), b.keys)
		if err != nil {
			t.Fatal(err)
		}
		if got := independentOpen(t, b, body); got != text {
			t.Errorf("%d bytes of text came back as %d", len(text), len(got))
		}
	}
}

// independentOpen is written from the formulas of RFC 8291 section 3.4 and
// shares no code with the package.
func independentOpen(t *testing.T, b browser, body []byte) string {
	t.Helper()
	mac := func(key []byte, parts ...string) string {
		h := hmac.New(sha256.New, key)
		for _, p := range parts {
			h.Write([]byte(p))
		}
		return string(h.Sum(nil))
	}
	salt, rs, idlen := body[:16], body[16:20], int(body[20])
	if !bytes.Equal(rs, []byte{0, 0, 0x10, 0}) || idlen != 65 {
		t.Fatalf("record size %x, key ID of %d bytes", rs, idlen)
	}
	senderPoint := body[21 : 21+65]
	sender, err := ecdh.P256().NewPublicKey(senderPoint)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := b.private.ECDH(sender)
	if err != nil {
		t.Fatal(err)
	}
	prkKey := mac(b.keys.Auth[:], string(secret))
	ikm := mac([]byte(prkKey), "WebPush: info\x00", string(b.keys.P256dh[:]), string(senderPoint), "\x01")
	prk := mac(salt, ikm)
	cek := mac([]byte(prk), "Content-Encoding: aes128gcm\x00\x01")[:16]
	nonce := mac([]byte(prk), "Content-Encoding: nonce\x00\x01")[:12]
	block, err := aes.NewCipher([]byte(cek))
	if err != nil {
		t.Fatal(err)
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		t.Fatal(err)
	}
	padded, err := gcm.Open(nil, []byte(nonce), body[86:], nil)
	if err != nil {
		t.Fatal(err)
	}
	end := bytes.LastIndexByte(padded, 2)
	if end < 0 || len(bytes.Trim(padded[end+1:], "\x00")) > 0 {
		t.Fatal("the padding is not a delimiter and zeros")
	}
	return string(padded[:end])
}

func TestTokensAreAsWebpushGoMakesThem(t *testing.T) {
	private, public := vapidKeys(t)
	for _, subject := range []struct{ ours, theirs string }{
		{"mailto:desk@news.example", "desk@news.example"},
		{"https://news.example/contact", "https://news.example/contact"},
	} {
		s, err := seal.NewSigner(private, subject.ours)
		if err != nil {
			t.Fatal(err)
		}
		if s.Public() != public {
			t.Errorf("public key %q, want %q", s.Public(), public)
		}
		now := time.Now()
		ours, err := s.Authorization("https://push.example", now)
		if err != nil {
			t.Fatal(err)
		}
		theirs := oracle(t, newBrowser(t), "https://push.example/1", "x", subject.theirs, public, private).header.Get("Authorization")
		a, b := parseToken(t, ours, public), parseToken(t, theirs, public)
		if a.key != b.key || a.header["typ"] != b.header["typ"] || a.header["alg"] != b.header["alg"] {
			t.Errorf("we say %v, webpush-go says %v", a, b)
		}
		if a.claims["aud"] != b.claims["aud"] || a.claims["sub"] != b.claims["sub"] || len(a.claims) != len(b.claims) {
			t.Errorf("we claim %v, webpush-go claims %v", a.claims, b.claims)
		}
		end, err := a.claims.GetExpirationTime()
		if err != nil || !end.After(now.Add(time.Hour)) || !end.Before(now.Add(24*time.Hour)) {
			t.Errorf("the token ends at %v, %v", end, err)
		}
	}
}

type parsed struct {
	key    string
	header map[string]any
	claims jwt.MapClaims
}

// parseToken takes a header apart as a push service does, and checks the signature.
func parseToken(t *testing.T, authorization, public string) parsed {
	t.Helper()
	rest, ok := strings.CutPrefix(authorization, "vapid t=")
	text, key, ok2 := strings.Cut(rest, ", k=")
	if !ok || !ok2 || key != public {
		t.Fatalf("header %q", authorization)
	}
	claims := jwt.MapClaims{}
	token, err := jwt.ParseWithClaims(text, claims, func(*jwt.Token) (any, error) { return ecdsaPublic(t, public), nil },
		jwt.WithValidMethods([]string{"ES256"}), jwt.WithExpirationRequired())
	if err != nil {
		t.Fatal(err)
	}
	return parsed{key, token.Header, claims}
}
