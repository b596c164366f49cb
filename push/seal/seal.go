package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
)

// The aes128gcm coding (RFC 8188 section 2.1): salt, record size, length of
// the key ID and the key ID, which is the sender's public key.
const (
	saltSize   = 16
	recordSize = 4096 // named in the header: no record of ours may be longer
	pointSize  = 65
	headerSize = saltSize + 4 + 1 + pointSize
	tagSize    = 16
	lastRecord = 2 // the delimiter that ends the last record's text; zeros of padding follow
)

// Size is the length of every body in bytes. Push services take up to 4096
// (Apple and FCM; Windows 5000), but half of that holds a long headline with
// its summary, and at a million notifications the other half would be two
// gigabytes of zeros.
const Size = 2048

// MaxPlaintext is the longest message in bytes.
const MaxPlaintext = Size - headerSize - 1 - tagSize

// Errors of sealing and opening. Test with errors.Is.
var (
	// ErrTooLong: the message is over MaxPlaintext.
	ErrTooLong = fmt.Errorf("the message is over %d bytes", MaxPlaintext)
	// ErrUsed: the Prepared has sealed its one message, or was never prepared.
	ErrUsed = errors.New("a prepared key seals one message only")
	// ErrBody: the body is not a message of RFC 8291 for this receiver.
	ErrBody = errors.New("not a message for this receiver")
)

// The info strings of RFC 8291 section 3.4 and RFC 8188 sections 2.2 and 2.3.
const (
	infoKey   = "Content-Encoding: aes128gcm\x00"
	infoNonce = "Content-Encoding: nonce\x00"
	infoInput = "WebPush: info\x00"
)

// Prepared is all that sealing one message for one receiver takes: a fresh
// sender key that was agreed with it, a salt, and what follows from the two. It
// is a secret of 109 bytes. It must be moved, by MoveTo, and not copied: a copy
// could seal again. It is not safe for concurrent use.
type Prepared struct {
	_      noCopy
	public [pointSize]byte // the sender's; its private half is forgotten
	salt   [saltSize]byte  // of the message
	content
}

// content is the content encryption key and the nonce of a message's only
// record (RFC 8188 sections 2.2 and 2.3; its sequence number is 0).
type content struct {
	key   [16]byte
	nonce [12]byte
}

// noCopy makes go vet report copies of a Prepared and takes no room.
type noCopy struct{}

// Lock is what go vet looks for.
func (*noCopy) Lock() {}

// Unlock is what go vet looks for.
func (*noCopy) Unlock() {}

// Prepare agrees a fresh key with the receiver: about 60 µs of CPU. Errors:
// ErrPublicKey.
func Prepare(to Keys) (Prepared, error) {
	sender, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		return Prepared{}, fmt.Errorf("make a sender key: %w", err)
	}
	var salt [saltSize]byte
	rand.Read(salt[:]) // never fails: crypto/rand aborts the program instead
	return prepare(to, sender, salt)
}

func prepare(to Keys, sender *ecdh.PrivateKey, salt [saltSize]byte) (Prepared, error) {
	receiver, err := ecdh.P256().NewPublicKey(to.P256dh[:])
	if err != nil {
		return Prepared{}, fmt.Errorf("%w: %w", ErrPublicKey, err)
	}
	public := [pointSize]byte(sender.PublicKey().Bytes())
	input, err := agree(sender, receiver, &to, &public)
	if err != nil {
		return Prepared{}, err
	}
	c, err := contentKey(&input, &salt)
	return Prepared{public: public, salt: salt, content: c}, err
}

// agree is the input keying material of RFC 8291 section 3.3, as either party
// finds it from its own private key and the other's public one.
func agree(own *ecdh.PrivateKey, other *ecdh.PublicKey, receiver *Keys, sender *[pointSize]byte) (input [32]byte, err error) {
	shared, err := own.ECDH(other)
	if err != nil {
		return input, fmt.Errorf("agree on a key: %w", err)
	}
	info := make([]byte, 0, len(infoInput)+2*pointSize)
	info = append(info, infoInput...)
	info = append(info, receiver.P256dh[:]...)
	info = append(info, sender[:]...)
	b, err := hkdf.Key(sha256.New, shared, receiver.Auth[:], string(info), len(input))
	if err != nil {
		return input, fmt.Errorf("derive the input key: %w", err)
	}
	return [32]byte(b), nil
}

// Seal appends to dst the body, Size bytes, that carries plaintext, and wipes
// p. Errors: ErrTooLong, which leaves p as it was; ErrUsed.
func (p *Prepared) Seal(dst, plaintext []byte) ([]byte, error) {
	if len(plaintext) > MaxPlaintext {
		return dst, ErrTooLong
	}
	return p.seal(dst, plaintext, Size)
}

func (p *Prepared) seal(dst, plaintext []byte, size int) ([]byte, error) {
	if !p.Ready() {
		return dst, ErrUsed
	}
	defer p.wipe()
	aead, err := p.cipher()
	if err != nil {
		return dst, err
	}
	start := len(dst)
	dst = slices.Grow(dst, size)
	dst = append(dst, p.salt[:]...)
	dst = binary.BigEndian.AppendUint32(dst, recordSize)
	dst = append(dst, pointSize)
	dst = append(dst, p.public[:]...)
	text := len(dst)
	dst = append(dst, plaintext...)
	dst = append(dst, lastRecord)
	padded := dst[:start+size-tagSize]
	clear(padded[len(dst):])
	return aead.Seal(padded[:text], p.nonce[:], padded[text:], nil), nil
}

// Ready reports whether p can seal its message yet.
func (p *Prepared) Ready() bool { return p.public[0] != 0 } // a point never begins with 0

// MoveTo makes q what p was, and wipes p.
func (p *Prepared) MoveTo(q *Prepared) {
	q.public, q.salt, q.content = p.public, p.salt, p.content
	p.wipe()
}

func (p *Prepared) wipe() {
	p.public, p.salt, p.content = [pointSize]byte{}, [saltSize]byte{}, content{}
}

// Seal is Prepare and Prepared.Seal in one: about 65 µs of CPU. Errors:
// ErrPublicKey, ErrTooLong.
func Seal(dst, plaintext []byte, to Keys) ([]byte, error) {
	if len(plaintext) > MaxPlaintext {
		return dst, ErrTooLong
	}
	p, err := Prepare(to)
	if err != nil {
		return dst, err
	}
	return p.Seal(dst, plaintext)
}

// contentKey derives the key and the nonce from the input keying material.
func contentKey(input *[32]byte, salt *[saltSize]byte) (c content, err error) {
	prk, err := hkdf.Extract(sha256.New, input[:], salt[:])
	if err != nil {
		return c, fmt.Errorf("derive the content key: %w", err)
	}
	key, err := hkdf.Expand(sha256.New, prk, infoKey, len(c.key))
	if err != nil {
		return c, fmt.Errorf("derive the content key: %w", err)
	}
	nonce, err := hkdf.Expand(sha256.New, prk, infoNonce, len(c.nonce))
	if err != nil {
		return c, fmt.Errorf("derive the nonce: %w", err)
	}
	return content{[16]byte(key), [12]byte(nonce)}, nil
}

func (c *content) cipher() (cipher.AEAD, error) {
	block, err := aes.NewCipher(c.key[:])
	if err != nil {
		return nil, fmt.Errorf("content cipher: %w", err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, fmt.Errorf("content cipher: %w", err)
	}
	return aead, nil
}
