package seal

import (
	"bytes"
	"crypto/ecdh"
	"encoding/base64"
	"errors"
	"testing"
	"unsafe"
)

// The values of RFC 8291 appendix A.
const (
	rfcText           = "When I grow up, I want to be a watermelon"
	rfcSenderPrivate  = "yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw"
	rfcReceiverSecret = "q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94"
	rfcReceiverPublic = "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"
	rfcAuth           = "BTBZMqHH6r4Tts7J_aSIgg"
	rfcSalt           = "DGv6ra1nlYgDCS1FRnbzlw"
	rfcInput          = "S4lYMb_L0FxCeq0WhDx813KgSYqU26kOyzWUdsXYyrg"
	rfcKey            = "oIhVW04MRdy2XN9CiKLxTg"
	rfcNonce          = "4h_95klXJ5E_qnoN"
	rfcBody           = "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
)

func raw(t testing.TB, s string) []byte {
	t.Helper()
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func private(t testing.TB, s string) *ecdh.PrivateKey {
	t.Helper()
	k, err := ecdh.P256().NewPrivateKey(raw(t, s))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func rfcKeys(t testing.TB) Keys {
	t.Helper()
	k, err := ParseKeys(rfcReceiverPublic, rfcAuth)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestAppendixAToTheByte(t *testing.T) {
	keys, sender := rfcKeys(t), private(t, rfcSenderPrivate)
	public := [pointSize]byte(sender.PublicKey().Bytes())
	input, err := agree(sender, private(t, rfcReceiverSecret).PublicKey(), &keys, &public)
	if err != nil || !bytes.Equal(input[:], raw(t, rfcInput)) {
		t.Errorf("input keying material = %x, %v", input, err)
	}
	p, err := prepare(keys, sender, [saltSize]byte(raw(t, rfcSalt)))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(p.key[:], raw(t, rfcKey)) || !bytes.Equal(p.nonce[:], raw(t, rfcNonce)) {
		t.Errorf("content encryption key %x, nonce %x", p.key, p.nonce)
	}
	unpadded := headerSize + len(rfcText) + 1 + tagSize // the appendix pads nothing
	got, err := p.seal(nil, []byte(rfcText), unpadded)
	if err != nil {
		t.Fatal(err)
	}
	if want := raw(t, rfcBody); !bytes.Equal(got, want) {
		t.Errorf("body = %x, want %x", got, want)
	}
	text, err := Open(private(t, rfcReceiverSecret), [16]byte(raw(t, rfcAuth)), raw(t, rfcBody))
	if err != nil || string(text) != rfcText {
		t.Errorf("Open = %q, %v", text, err)
	}
}

func TestAPreparedKeySealsOnce(t *testing.T) {
	p, err := Prepare(rfcKeys(t))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Seal(nil, make([]byte, MaxPlaintext+1)); !errors.Is(err, ErrTooLong) {
		t.Errorf("sealing too much: %v", err)
	}
	prefix := []byte("kept")
	body, err := p.Seal(prefix, []byte("one"))
	if err != nil || len(body) != len(prefix)+Size || !bytes.HasPrefix(body, prefix) {
		t.Fatalf("first seal: %d bytes, %v", len(body), err)
	}
	if p.public != [65]byte{} || p.salt != [16]byte{} || p.content != (content{}) {
		t.Error("the key is not wiped")
	}
	again, err := p.Seal(prefix, []byte("two"))
	if !errors.Is(err, ErrUsed) || !bytes.Equal(again, prefix) {
		t.Errorf("second seal: %d bytes, %v", len(again), err)
	}
	var never Prepared
	if _, err := never.Seal(nil, nil); !errors.Is(err, ErrUsed) {
		t.Errorf("a key never prepared: %v", err)
	}
	if n := unsafe.Sizeof(p); n != 109 {
		t.Errorf("a Prepared takes %d bytes", n)
	}
}

func TestEveryBodyHasOneSize(t *testing.T) {
	keys, receiver := rfcKeys(t), private(t, rfcReceiverSecret)
	for _, n := range []int{0, 1, 100, MaxPlaintext - 1, MaxPlaintext} {
		text := bytes.Repeat([]byte{0}, n) // zeros, so that padding taken too far would show
		dirty := bytes.Repeat([]byte{0xff}, 2*Size)
		body, err := Seal(dirty[:0], text, keys)
		if err != nil || len(body) != Size {
			t.Fatalf("%d bytes of text: %d of body, %v", n, len(body), err)
		}
		got, err := Open(receiver, keys.Auth, body)
		if err != nil || !bytes.Equal(got, text) {
			t.Errorf("%d bytes of text came back as %d, %v", n, len(got), err)
		}
	}
	if _, err := Seal(nil, make([]byte, MaxPlaintext+1), keys); !errors.Is(err, ErrTooLong) {
		t.Errorf("one byte too many: %v", err)
	}
	keys.P256dh[64] ^= 1
	if _, err := Seal(nil, nil, keys); !errors.Is(err, ErrPublicKey) {
		t.Errorf("a point off the curve: %v", err)
	}
}

func TestOpenRefuses(t *testing.T) {
	keys, receiver := rfcKeys(t), private(t, rfcReceiverSecret)
	good, err := Seal(nil, []byte("text"), keys)
	if err != nil {
		t.Fatal(err)
	}
	noDelimiter := func() []byte {
		p, err := Prepare(keys)
		if err != nil {
			t.Fatal(err)
		}
		aead, err := p.cipher()
		if err != nil {
			t.Fatal(err)
		}
		b := append(bytes.Clone(good[:headerSize]), aead.Seal(nil, p.nonce[:], make([]byte, 8), nil)...)
		copy(b, p.salt[:])
		copy(b[saltSize+5:], p.public[:])
		return b
	}
	for name, spoil := range map[string]func(b []byte) []byte{
		"empty":            func([]byte) []byte { return nil },
		"header only":      func(b []byte) []byte { return b[:headerSize] },
		"cut short":        func(b []byte) []byte { return b[:len(b)-1] },
		"key ID of 64":     func(b []byte) []byte { b[saltSize+4] = 64; return b },
		"record size 17":   func(b []byte) []byte { copy(b[saltSize:], []byte{0, 0, 0, 17}); return b },
		"two records":      func(b []byte) []byte { copy(b[saltSize:], []byte{0, 0, 1, 0}); return b },
		"off the curve":    func(b []byte) []byte { b[headerSize-1] ^= 1; return b },
		"one bit of text":  func(b []byte) []byte { b[headerSize] ^= 1; return b },
		"another salt":     func(b []byte) []byte { b[0] ^= 1; return b },
		"without an end":   func([]byte) []byte { return noDelimiter() },
		"trailing garbage": func(b []byte) []byte { return append(b, 0) },
	} {
		if text, err := Open(receiver, keys.Auth, spoil(bytes.Clone(good))); !errors.Is(err, ErrBody) {
			t.Errorf("%s: %q, %v", name, text, err)
		}
	}
	if _, err := Open(receiver, [16]byte{}, good); !errors.Is(err, ErrBody) {
		t.Errorf("another secret: %v", err)
	}
}

func TestSealAllocates(t *testing.T) {
	keys := rfcKeys(t)
	dst := make([]byte, 0, Size)
	text := make([]byte, 600)
	p := make([]Prepared, 101)
	for i := range p {
		if err := fill(&p[i], keys); err != nil {
			t.Fatal(err)
		}
	}
	i := 0
	n := testing.AllocsPerRun(100, func() {
		if _, err := p[i].Seal(dst, text); err != nil {
			t.Error(err)
		}
		i++
	})
	if n > 4 {
		t.Errorf("sealing with a prepared key allocates %v times", n)
	}
	t.Logf("%v allocations", n)
}

func fill(p *Prepared, keys Keys) error {
	fresh, err := Prepare(keys)
	fresh.MoveTo(p)
	return err
}

func TestAPreparedKeyIsMoved(t *testing.T) {
	p, err := Prepare(rfcKeys(t))
	if err != nil {
		t.Fatal(err)
	}
	var q Prepared
	if p.MoveTo(&q); p.Ready() || !q.Ready() {
		t.Error("the key is in both places or in none")
	}
	if _, err := p.Seal(nil, nil); !errors.Is(err, ErrUsed) {
		t.Errorf("sealing from where it was: %v", err)
	}
	body, err := q.Seal(nil, []byte("news"))
	if err != nil || q.Ready() {
		t.Fatalf("sealing from where it is: %v", err)
	}
	if text, err := Open(private(t, rfcReceiverSecret), rfcKeys(t).Auth, body); err != nil || string(text) != "news" {
		t.Errorf("read %q, %v", text, err)
	}
}
