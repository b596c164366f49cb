package seal_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"encoding/base64"
	"errors"
	"fmt"
	"testing"
	"time"

	"crier/push/seal"
)

func ecdsaPublic(t testing.TB, public string) *ecdsa.PublicKey {
	t.Helper()
	b, err := base64.RawURLEncoding.DecodeString(public)
	if err != nil {
		t.Fatal(err)
	}
	k, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), b)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestTokensAreKeptForHoursAndNeverNearTheirEnd(t *testing.T) {
	private, public := vapidKeys(t)
	s, err := seal.NewSigner(private, "https://news.example")
	if err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	get := func(origin string, at time.Time) string {
		h, err := s.Authorization(origin, at)
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	first := get("https://a.example", start)
	if get("https://a.example", start.Add(3*time.Hour+59*time.Minute)) != first {
		t.Error("a token of under four hours is signed anew")
	}
	later := get("https://a.example", start.Add(5*time.Hour))
	if later == first {
		t.Error("a token of five hours is still used")
	}
	if get("https://a.example", start.Add(4*time.Hour)) == later {
		t.Error("a token from the future is used after the clock was set back")
	}
	if get("https://b.example", start) == first {
		t.Error("two origins share a token")
	}
	for i := range 24 { // whenever it is asked, eight hours are left and under a day
		at := start.Add(time.Duration(i) * 47 * time.Minute)
		end, err := parseToken(t, get("https://c.example", at), public).claims.GetExpirationTime()
		if err != nil {
			t.Fatal(err)
		}
		if left := end.Sub(at); left < 8*time.Hour-time.Second || left >= 24*time.Hour {
			t.Errorf("after %v a token has %v left", at.Sub(start), left)
		}
	}
}

func TestInventedOriginsDoNotPileUp(t *testing.T) {
	private, _ := vapidKeys(t)
	s, err := seal.NewSigner(private, "https://news.example")
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	for i := range 2000 {
		if _, err := s.Authorization(fmt.Sprintf("https://x%d.push.apple.com", i), now); err != nil {
			t.Fatal(err)
		}
	}
	if n := s.Kept(); n > 512 {
		t.Errorf("%d tokens are kept", n)
	}
}

func TestSignerRefuses(t *testing.T) {
	private, _ := vapidKeys(t)
	for _, tt := range []struct {
		name, key, subject string
		want               error
	}{
		{"no key", "", "https://news.example", seal.ErrSigningKey},
		{"short key", private[:40], "https://news.example", seal.ErrSigningKey},
		{"zero", base64.RawURLEncoding.EncodeToString(make([]byte, 32)), "https://news.example", seal.ErrSigningKey},
		{"above the order", base64.RawURLEncoding.EncodeToString([]byte("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff")), "https://news.example", seal.ErrSigningKey},
		{"no subject", private, "", seal.ErrSubject},
		{"bare address", private, "desk@news.example", seal.ErrSubject},
		{"doubled mailto", private, "mailto:mailto:desk@news.example", seal.ErrSubject},
		{"named address", private, "mailto:Desk <desk@news.example>", seal.ErrSubject},
		{"plain http", private, "http://news.example", seal.ErrSubject},
		{"no host", private, "https://", seal.ErrSubject},
	} {
		if _, err := seal.NewSigner(tt.key, tt.subject); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, err, tt.want)
		}
	}
}
