package seal

import (
	"bytes"
	"crypto/ecdh"
	"encoding/binary"
	"fmt"
)

// Open is the receiver's side: the message in body, for the holder of the
// private key and the authentication secret. Padding is taken off. body may be
// anybody's, of any size, and is not changed; the message is in memory of its
// own. Errors: ErrBody.
func Open(private *ecdh.PrivateKey, auth [16]byte, body []byte) ([]byte, error) {
	if len(body) < headerSize+1+tagSize {
		return nil, fmt.Errorf("%w: it has only %d bytes", ErrBody, len(body))
	}
	salt := [saltSize]byte(body)
	record := body[headerSize:]
	rs := binary.BigEndian.Uint32(body[saltSize:])
	switch {
	case body[saltSize+4] != pointSize:
		return nil, fmt.Errorf("%w: its key ID has %d bytes", ErrBody, body[saltSize+4])
	case rs < 18: // RFC 8188 section 2.1
		return nil, fmt.Errorf("%w: its record size is %d", ErrBody, rs)
	case uint64(len(record)) > uint64(rs): // RFC 8291 section 4: one record
		return nil, fmt.Errorf("%w: it has more than one record", ErrBody)
	}
	point := [pointSize]byte(body[saltSize+5:])
	sender, err := ecdh.P256().NewPublicKey(point[:])
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBody, err)
	}
	keys := Keys{P256dh: [pointSize]byte(private.PublicKey().Bytes()), Auth: auth}
	input, err := agree(private, sender, &keys, &point)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBody, err)
	}
	c, err := contentKey(&input, &salt)
	if err != nil {
		return nil, err
	}
	aead, err := c.cipher()
	if err != nil {
		return nil, err
	}
	text, err := aead.Open(nil, c.nonce[:], record, nil)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBody, err)
	}
	text = bytes.TrimRight(text, "\x00")
	if len(text) == 0 || text[len(text)-1] != lastRecord {
		return nil, fmt.Errorf("%w: its padding has no delimiter", ErrBody)
	}
	return text[:len(text)-1], nil
}
