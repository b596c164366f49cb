package hub

import (
	"encoding/binary"
	"unicode/utf8"
)

// finding is what scan makes of what a client sent.
type finding uint8

const (
	fine    finding = iota // control frames, and perhaps the beginning of one
	wrong                  // last comes the header of a frame that no listener sends
	toobig                 // the same, of more data than any client has reason to send
	garbled                // next would come a close frame whose reason is not text
)

const (
	// maxControl is the most payload of a control frame (RFC 6455 section 5.5).
	maxControl = 125
	// maxData is where data that a listener should not send at all becomes too
	// big rather than against the rules.
	maxData = 32 << 10
)

// scan returns how much of b, which begins where a frame does, can be given to
// coder/websocket without its reader having to wait for more: all complete
// control frames, or these and the header of a frame that ends the connection,
// whose payload nobody wants. What is left over is shorter than a control
// frame, so nobody can make us keep more. A close frame whose reason is not
// UTF-8 (RFC 6455 section 8.1) is not given out: coder would echo it.
func scan(b []byte) (n int, f finding) {
	for {
		rest := b[n:]
		if len(rest) < 2 {
			return n, fine
		}
		header, payload := 2, uint64(rest[1]&0x7f)
		switch payload {
		case 126:
			header = 4
		case 127:
			header = 10
		}
		masked := rest[1]&0x80 != 0
		if masked {
			header += 4
		}
		if len(rest) < header {
			return n, fine
		}
		switch payload {
		case 126:
			payload = uint64(binary.BigEndian.Uint16(rest[2:]))
		case 127:
			payload = binary.BigEndian.Uint64(rest[2:])
		}
		const final, reserved, control = 0x80, 0x70, 0x08
		first := rest[0]
		switch {
		case first&control == 0 && payload > maxData:
			return n + header, toobig
		case first&(final|reserved|control) != final|control || first&0xf > 0xa || !masked || payload > maxControl:
			return n + header, wrong
		case uint64(len(rest)) < uint64(header)+payload:
			return n, fine
		case first&0xf == 0x8 && !reads(rest[header-4:header], rest[header:header+int(payload)]):
			return n, garbled
		}
		n += header + int(payload)
	}
}

// reads reports whether the reason in a close frame's payload is UTF-8.
func reads(mask, payload []byte) bool {
	var plain [maxControl]byte
	for i, b := range payload {
		plain[i] = b ^ mask[i%4]
	}
	return len(payload) < 2 || utf8.Valid(plain[2:len(payload)])
}
