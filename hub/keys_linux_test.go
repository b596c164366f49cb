package hub

import (
	"bufio"
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/tls"
	"encoding/binary"
	"encoding/hex"
	"hash"
	"io"
	"net/http"
	"strings"
	"testing"

	"golang.org/x/crypto/chacha20poly1305"

	"crier/news/newstest"
)

// rekeyer writes records that ask for new keys (RFC 8446 section 4.6.3), which
// no client of Go's does.
type rekeyer struct {
	t      *testing.T
	suite  uint16
	secret []byte
	seq    uint64 // of the next record with the present key
}

func (r *rekeyer) hash() func() hash.Hash {
	if r.suite == tls.TLS_AES_256_GCM_SHA384 {
		return sha512.New384
	}
	return sha256.New
}

// expand is HKDF-Expand-Label (section 7.1), without a context.
func (r *rekeyer) expand(label string, n int) []byte {
	r.t.Helper()
	label = "tls13 " + label
	info := binary.BigEndian.AppendUint16(nil, uint16(n))
	info = append(append(append(info, byte(len(label))), label...), 0)
	b, err := hkdf.Expand(r.hash(), r.secret, string(info), n)
	if err != nil {
		r.t.Fatal(err)
	}
	return b
}

func (r *rekeyer) aead() (a cipher.AEAD) {
	r.t.Helper()
	var err error
	switch r.suite {
	case tls.TLS_CHACHA20_POLY1305_SHA256:
		a, err = chacha20poly1305.New(r.expand("key", 32))
	default:
		n := 16
		if r.suite == tls.TLS_AES_256_GCM_SHA384 {
			n = 32
		}
		var block cipher.Block
		if block, err = aes.NewCipher(r.expand("key", n)); err == nil {
			a, err = cipher.NewGCM(block)
		}
	}
	if err != nil {
		r.t.Fatal(err)
	}
	return a
}

// The types of records and of a message.
const (
	handshakeRecord = 22
	dataRecord      = 23
	keyUpdate       = 24
)

// record seals one record of a type.
func (r *rekeyer) record(kind byte, payload ...byte) []byte {
	r.t.Helper()
	a, nonce := r.aead(), r.expand("iv", 12)
	for i, b := range binary.BigEndian.AppendUint64(nil, r.seq) {
		nonce[4+i] ^= b
	}
	r.seq++
	inner := append(payload, kind)
	head := binary.BigEndian.AppendUint16([]byte{dataRecord, 3, 3}, uint16(len(inner)+a.Overhead()))
	return a.Seal(head, nonce, inner, head)
}

// next asks for new keys; what follows has new ones, too.
func (r *rekeyer) next() []byte {
	r.t.Helper()
	const requested = 1
	record := r.record(handshakeRecord, keyUpdate, 0, 0, 1, requested)
	r.secret, r.seq = r.expand("traffic upd", r.hash()().Size()), 0
	return record
}

// TestKeysWithoutEnd: a client that asks for new keys is answered; one that
// asks without end and takes no answer does not grow what is kept for it.
func TestKeysWithoutEnd(t *testing.T) {
	l := newstest.New()
	h, raw := alone(t, l, Options{Shards: 1, SendBuffer: 4 << 10, DrainWindow: -1}, true)
	var keys bytes.Buffer
	c := tls.Client(raw, &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS13, KeyLogWriter: &keys})
	if _, err := io.WriteString(c, upgrade); err != nil { // one record
		t.Fatal(err)
	}
	r := bufio.NewReader(c)
	if _, err := http.ReadResponse(r, nil); err != nil {
		t.Fatal(err)
	}
	again := &rekeyer{t: t, suite: c.ConnectionState().CipherSuite, seq: 1}
	for line := range strings.Lines(keys.String()) {
		if f := strings.Fields(line); f[0] == "CLIENT_TRAFFIC_SECRET_0" {
			secret, err := hex.DecodeString(f[2])
			if err != nil {
				t.Fatal(err)
			}
			again.secret = secret
		}
	}
	// The first is understood: what the hub sends next has new keys, which the
	// client follows.
	if _, err := raw.Write(again.next()); err != nil {
		t.Fatal(err)
	}
	l.Post("after new keys")
	if err := await(r, "after new keys"); err != nil {
		t.Fatal(err)
	}
	ping := []byte("\x89\x80\x00\x00\x00\x00")
	for i := range 50_000 {
		some := again.next()
		if i%10 == 0 { // crypto/tls takes only so many with nothing between them
			some = append(some, again.record(dataRecord, ping[i/10%len(ping)])...)
		}
		if _, err := raw.Write(some); err != nil {
			break // it is closed
		}
	}
	eventually(t, "the reader to be gone", func() bool { return h.inside() == 0 })
	if s := h.Stats(); s.Closed[Policy] != 1 {
		t.Errorf("closed %v, want one %s", s.Closed, Policy)
	}
}
