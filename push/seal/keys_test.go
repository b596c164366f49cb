package seal

import (
	"encoding/base64"
	"errors"
	"strings"
	"testing"
)

func TestParseKeys(t *testing.T) {
	offCurve := raw(t, rfcReceiverPublic)
	offCurve[64] ^= 1
	compressed := append([]byte{2}, raw(t, rfcReceiverPublic)[1:33]...)
	enc := base64.RawURLEncoding.EncodeToString
	for _, tt := range []struct {
		name, p256dh, auth string
		want               error
	}{
		{"as browsers give them", rfcReceiverPublic, rfcAuth, nil},
		{"padded", rfcReceiverPublic + "=", rfcAuth + "==", nil},
		{"padded too much", rfcReceiverPublic + "==", rfcAuth, ErrPublicKey},
		{"empty key", "", rfcAuth, ErrPublicKey},
		{"off the curve", enc(offCurve), rfcAuth, ErrPublicKey},
		{"infinity", enc(make([]byte, 65)), rfcAuth, ErrPublicKey},
		{"compressed", enc(compressed), rfcAuth, ErrPublicKey},
		{"standard alphabet", strings.NewReplacer("-", "+", "_", "/").Replace(rfcReceiverPublic), rfcAuth, ErrPublicKey},
		{"line ends", rfcReceiverPublic[:80] + "\n" + rfcReceiverPublic[81:], rfcAuth, ErrPublicKey},
		{"empty auth", rfcReceiverPublic, "", ErrAuth},
		{"15 bytes", rfcReceiverPublic, enc(make([]byte, 15)), ErrAuth},
		{"17 bytes", rfcReceiverPublic, enc(make([]byte, 17)), ErrAuth},
		{"bits left over", rfcReceiverPublic, rfcAuth[:21] + "h", ErrAuth},
		{"endless padding", rfcReceiverPublic, rfcAuth + strings.Repeat("=", 1000), ErrAuth},
	} {
		if _, err := ParseKeys(tt.p256dh, tt.auth); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, err, tt.want)
		}
	}
	if _, err := ParseKeys("", ""); !errors.Is(err, ErrPublicKey) || !errors.Is(err, ErrAuth) {
		t.Errorf("both wrong: %v", err)
	}
}

func FuzzParseKeys(f *testing.F) {
	f.Add(rfcReceiverPublic, rfcAuth)
	f.Add(rfcReceiverPublic+"=", rfcAuth+"==")
	f.Add("BA", "=")
	f.Fuzz(func(t *testing.T, p256dh, auth string) {
		k, err := ParseKeys(p256dh, auth)
		if err != nil {
			return
		}
		if _, err := Seal(nil, []byte("x"), k); err != nil {
			t.Errorf("keys that parse do not seal: %v", err)
		}
		if base64.RawURLEncoding.EncodeToString(k.P256dh[:]) != strings.TrimRight(p256dh, "=") {
			t.Errorf("%q is read as another key", p256dh)
		}
	})
}

func FuzzOpen(f *testing.F) {
	f.Add(raw(f, rfcBody))
	f.Add(raw(f, rfcBody)[:headerSize])
	f.Add(make([]byte, headerSize+1+tagSize))
	receiver, auth := private(f, rfcReceiverSecret), [16]byte(raw(f, rfcAuth))
	f.Fuzz(func(t *testing.T, body []byte) {
		text, err := Open(receiver, auth, body)
		if err == nil && string(text) != rfcText {
			t.Errorf("opened a forgery: %q", text)
		}
		if err != nil && !errors.Is(err, ErrBody) {
			t.Error(err)
		}
	})
}
