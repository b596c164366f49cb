package pushtest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

// appendixA is the example of RFC 8292 section 2.4, valid until the second
// exampleExpires at exampleOrigin.
const (
	appendixA = "vapid t=eyJ0eXAiOiJKV1QiLCJhbGciOiJFUzI1NiJ9.eyJhdWQiOiJodHRwczovL3B1c2guZXhhbXBsZS5uZXQiLCJleHAiOjE0NTM1MjM3NjgsInN1YiI6Im1haWx0bzpwdXNoQGV4YW1wbGUuY29tIn0.i3CYb7t4xfxCDquptFOepC9GAu_HLGkMlMuCGSK2rpiUfnK9ojFwDXb1JrErtmysazNjjvW2L9OkSSHzvoD1oA, k=BA1Hxzyi1RUM1b5wjxsn7nGxAszw2u61m164i3MrAIxHF6YK5h4SDYic-dRuU_RCPCfA5aq9ojSwk5Y2EmClBPs"

	exampleOrigin  = "https://push.example.net"
	exampleExpires = 1453523768
)

func TestParseVAPID(t *testing.T) {
	t.Parallel()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Unix(exampleExpires-3600, 0)
	b64 := base64.RawURLEncoding.EncodeToString
	point, err := private.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	// token signs a header and claims.
	token := func(header, claims string) string {
		signed := b64([]byte(header)) + "." + b64([]byte(claims))
		sum := sha256.Sum256([]byte(signed))
		r, s, err := ecdsa.Sign(rand.Reader, private, sum[:])
		if err != nil {
			t.Fatal(err)
		}
		var sig [64]byte
		r.FillBytes(sig[:32])
		s.FillBytes(sig[32:])
		return signed + "." + b64(sig[:])
	}
	k := ", k=" + b64(point)
	const header = `{"typ":"JWT","alg":"ES256"}`
	claims := func(aud string, exp int64, sub string) string {
		return fmt.Sprintf(`{"aud":%q,"exp":%d,"sub":%q}`, aud, exp, sub)
	}
	good := token(header, claims(exampleOrigin, exampleExpires, "mailto:desk@example.org"))
	for _, c := range []struct {
		name, authorization string
		status              int // 0 if it is good
		problem             string
	}{
		{"the RFC's example", appendixA, 0, ""},
		{"ours", "vapid t=" + good + k, 0, ""},
		{"the other way round", "vapid " + k[2:] + ",t=" + good, 0, ""},
		{"without sub", "vapid t=" + token(header, `{"aud":"`+exampleOrigin+`","exp":1453523768}`) + k, 0, ""},
		{"none", "", 401, "missing"},
		{"the draft's scheme", "WebPush " + good, 401, "missing"},
		{"no key", "vapid t=" + good, 403, "k is not an uncompressed point"},
		{"key of other characters", "vapid t=" + good + ", k=?", 403, "k is not base64url"},
		{"another key", "vapid t=" + good + appendixA[strings.Index(appendixA, ", k="):], 403, "the signature is wrong"},
		{"no token", "vapid " + k[2:], 403, "three parts"},
		{"no signature", "vapid t=" + good[:strings.LastIndex(good, ".")+1] + k, 403, "64 bytes"},
		{"algorithm none", "vapid t=" + token(`{"alg":"none"}`, claims(exampleOrigin, exampleExpires, "")) + k, 403, "header"},
		{"claims no object", "vapid t=" + token(header, `[]`) + k, 403, "claims"},
		{"another origin", "vapid t=" + token(header, claims("https://else.example", exampleExpires, "")) + k, 403, "aud"},
		{"expired", "vapid t=" + token(header, claims(exampleOrigin, exampleExpires-3600, "")) + k, 403, "expired"},
		{"too long", "vapid t=" + token(header, claims(exampleOrigin, exampleExpires+24*3600, "")) + k, 403, "24 hours"},
		{"sub no address", "vapid t=" + token(header, claims(exampleOrigin, exampleExpires, "desk")) + k, 403, "neither"},
		{"sub doubled", "vapid t=" + token(header, claims(exampleOrigin, exampleExpires, "mailto:mailto:a@b.example")) + k, 403, "twice"},
	} {
		got, err := parseVAPID(c.authorization, exampleOrigin, now)
		var refused refusal
		if errors.As(err, &refused); refused.status != c.status || !strings.Contains(refused.problem, c.problem) {
			t.Errorf("%s: %v (%d), want %d %s", c.name, err, refused.status, c.status, c.problem)
		}
		if c.status == 0 && (len(got.key) != 65 || got.expires.Unix() != exampleExpires) {
			t.Errorf("%s: %+v", c.name, got)
		}
	}
}

// TestVAPIDIsRemembered has the same credentials pass again, but not for
// longer than they last.
func TestVAPIDIsRemembered(t *testing.T) {
	t.Parallel()
	s := New(exampleOrigin)
	for _, c := range []struct {
		at   int64
		good bool
	}{{exampleExpires - 60, true}, {exampleExpires - 1, true}, {exampleExpires, false}} {
		key, err := s.checkVAPID(appendixA, time.Unix(c.at, 0))
		if (err == nil) != c.good || (len(key) == 65) != c.good {
			t.Errorf("%d s before the end: %v", exampleExpires-c.at, err)
		}
	}
}

func FuzzParseVAPID(f *testing.F) {
	f.Add(appendixA)
	f.Add("vapid t=e30.e30.e30, k=")
	f.Add("vapid k,t")
	f.Fuzz(func(t *testing.T, s string) {
		_, err := parseVAPID(s, exampleOrigin, time.Unix(exampleExpires-60, 0))
		var refused refusal
		if err != nil && (!errors.As(err, &refused) || refused.status != http.StatusUnauthorized && refused.status != http.StatusForbidden) {
			t.Errorf("%q: %v", s, err)
		}
	})
}
