package load

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha1" //nolint:gosec // RFC 6455 section 4.2.2 wants it
	"crypto/tls"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"
)

// socket is a reader's end of a WebSocket (RFC 6455): as much of it as a reader
// needs who only listens. On one machine what a reader costs the load generator
// is taken from the service, and a client library costs it several times as
// much.
type socket struct {
	net.Conn
	buf   []byte
	begin int // of what has come and was not looked at
	end   int
	whole []byte // the parts of a message so far, if it comes in parts
}

const (
	firstBuffer = 2 << 10  // bytes; most messages are shorter
	maxMessage  = 16 << 20 // a reset may be long
	maxHead     = 16 << 10 // of the answer to a handshake
)

// shake opens a WebSocket to u, whose scheme is http or https, over a
// connection that dial makes. ctx bounds the handshake alone.
func shake(ctx context.Context, u *url.URL, dial func(ctx context.Context, network, addr string) (net.Conn, error)) (_ *socket, err error) {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	c, err := dial(ctx, "tcp", net.JoinHostPort(u.Hostname(), port))
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = c.SetDeadline(time.Unix(1, 0)) })
	defer func() {
		if !stop() && err == nil {
			err = ctx.Err()
		}
		if err != nil {
			_ = c.Close()
		}
	}()
	if u.Scheme == "https" {
		over := tls.Client(c, &tls.Config{ServerName: u.Hostname(), MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}})
		if err := over.HandshakeContext(ctx); err != nil {
			return nil, fmt.Errorf("TLS: %w", err)
		}
		c = over
	}
	var random [16]byte
	_, _ = rand.Read(random[:]) // it never fails
	key := base64.StdEncoding.EncodeToString(random[:])
	if _, err := fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %s\r\n\r\n",
		u.RequestURI(), u.Host, key); err != nil {
		return nil, err
	}
	s := &socket{Conn: c, buf: make([]byte, firstBuffer)}
	return s, s.accepted(key)
}

// accepted reads the answer to the handshake.
func (s *socket) accepted(key string) error {
	for {
		if n := bytes.Index(s.buf[:s.end], []byte("\r\n\r\n")); n >= 0 {
			s.begin = n + len("\r\n\r\n")
			break
		}
		if s.end > maxHead {
			return errors.New("the answer to the handshake does not end")
		}
		if err := s.more(s.end + 1); err != nil {
			return err
		}
	}
	resp, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(s.buf[:s.begin])), nil) //nolint:bodyclose // there is none
	if err != nil {
		return err
	}
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11")) //nolint:gosec // as above
	switch {
	case resp.StatusCode != http.StatusSwitchingProtocols:
		return fmt.Errorf("status %d", resp.StatusCode)
	case resp.Header.Get("Sec-WebSocket-Accept") != base64.StdEncoding.EncodeToString(sum[:]):
		return errors.New("the answer to the handshake is not to ours")
	}
	return nil
}

// more reads until n bytes are there that were not looked at.
func (s *socket) more(n int) error {
	if s.begin > 0 && (s.begin == s.end || s.begin+n > len(s.buf)) {
		s.end = copy(s.buf, s.buf[s.begin:s.end])
		s.begin = 0
	}
	if n > len(s.buf) {
		s.buf = append(s.buf, make([]byte, max(n-len(s.buf), len(s.buf)))...)
	}
	for s.end-s.begin < n {
		k, err := s.Read(s.buf[s.end:])
		if s.end += k; err != nil && s.end-s.begin < n {
			return err
		}
	}
	return nil
}

// The opcodes of frames (RFC 6455 section 5.2).
const (
	continuation = 0x0
	text         = 0x1
	binaryData   = 0x2
	closing      = 0x8
	ping         = 0x9
	pong         = 0xA
)

// next is the next message, good until the one after it. It answers pings. An
// end that the server has announced is io.EOF.
func (s *socket) next() ([]byte, error) {
	for {
		op, final, b, err := s.frame()
		if err != nil {
			return nil, err
		}
		switch op {
		case text, binaryData, continuation:
			if final && len(s.whole) == 0 {
				return b, nil
			}
			if len(s.whole)+len(b) > maxMessage {
				return nil, fmt.Errorf("a message of over %d bytes", maxMessage)
			}
			if s.whole = append(s.whole, b...); final {
				b, s.whole = s.whole, nil
				return b, nil
			}
		case ping:
			if err := s.answer(pong, b); err != nil {
				return nil, err
			}
		case pong:
		case closing:
			_ = s.answer(closing, b[:min(len(b), 2)]) // it goes anyway
			return nil, io.EOF
		default:
			return nil, fmt.Errorf("a frame of unknown kind %#x", op)
		}
	}
}

// frame is the next frame.
func (s *socket) frame() (op byte, final bool, b []byte, err error) {
	if err := s.more(2); err != nil {
		return 0, false, nil, err
	}
	head, size := 2, uint64(s.buf[s.begin+1])
	switch size {
	case 126:
		head = 4
	case 127:
		head = 10
	}
	if err := s.more(head); err != nil {
		return 0, false, nil, err
	}
	switch at := s.buf[s.begin:]; head {
	case 4:
		size = uint64(binary.BigEndian.Uint16(at[2:]))
	case 10:
		size = binary.BigEndian.Uint64(at[2:])
	}
	first := s.buf[s.begin]
	if size > maxMessage || first&0x70 != 0 || s.buf[s.begin+1]&0x80 != 0 {
		return 0, false, nil, errors.New("a frame that is too long, masked or of an extension")
	}
	if err := s.more(head + int(size)); err != nil {
		return 0, false, nil, err
	}
	b = s.buf[s.begin+head : s.begin+head+int(size)]
	s.begin += head + int(size)
	return first & 0xF, first&0x80 != 0, b, nil
}

// answer writes a control frame, masked as a client's must be.
func (s *socket) answer(op byte, b []byte) error {
	if len(b) > 125 {
		return errors.New("a control frame of over 125 bytes")
	}
	var mask [4]byte
	_, _ = rand.Read(mask[:]) // it never fails
	out := append([]byte{0x80 | op, 0x80 | byte(len(b))}, mask[:]...)
	for i, c := range b {
		out = append(out, c^mask[i%4])
	}
	_, err := s.Write(out)
	return err
}
