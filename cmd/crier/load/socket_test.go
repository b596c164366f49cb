package load

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
)

// script is a connection on which is said what is written down, at most so much
// at a time, and whose other side keeps what it is answered.
type script struct {
	net.Conn // nil: nothing else is used
	said     io.Reader
	most     int
	answered bytes.Buffer
}

func (s *script) Read(p []byte) (int, error)  { return s.said.Read(p[:min(len(p), s.most)]) }
func (s *script) Write(p []byte) (int, error) { return s.answered.Write(p) }

func frame(first byte, payload string) string {
	b := []byte{first}
	switch n := len(payload); {
	case n < 126:
		b = append(b, byte(n))
	case n < 1<<16:
		b = binary.BigEndian.AppendUint16(append(b, 126), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, 127), uint64(n))
	}
	return string(b) + payload
}

// TestSocket: messages come whole however they are cut, pings are answered, and
// what is no WebSocket is an error.
func TestSocket(t *testing.T) {
	long, longer := strings.Repeat("l", 300), strings.Repeat("L", 70_000)
	for _, c := range []struct {
		name, said, want, answers string
		end                       error // nil: any but io.EOF
	}{
		{"messages", frame(0x81, "a") + frame(0x81, long) + frame(0x82, longer) + frame(0x88, ""), "a|" + long + "|" + longer, "\x88", io.EOF},
		{"in parts, a ping between", frame(0x01, "a") + frame(0x89, "hm") + frame(0x00, "b") + frame(0x80, "c") + frame(0x88, "\x03\xf4bye"), "abc", "\x8ahm\x88\x03\xf4", io.EOF},
		{"a pong", frame(0x8a, "hm") + frame(0x81, "a") + frame(0x88, ""), "a", "\x88", io.EOF},
		{"broken off", frame(0x81, "a") + frame(0x81, long)[:50], "a", "", io.EOF},
		{"masked", "\x81\x81aaaab", "", "", nil},
		{"of an extension", frame(0xc1, "a"), "", "", nil},
		{"of no kind", frame(0x83, "a"), "", "", nil},
		{"without end", "\x81\x7f\x00\x00\x00\x01\x00\x00\x00\x00", "", "", nil},
		{"a long ping", frame(0x89, long), "", "", nil},
	} {
		for _, most := range []int{1, 7, 1 << 20} {
			conn := &script{said: strings.NewReader(c.said), most: most}
			s := &socket{Conn: conn, buf: make([]byte, 16)}
			var got []string
			var err error
			for err == nil {
				var b []byte
				if b, err = s.next(); err == nil {
					got = append(got, string(b))
				}
			}
			if strings.Join(got, "|") != c.want || c.end != nil && !errors.Is(err, c.end) || c.end == nil && errors.Is(err, io.EOF) {
				t.Errorf("%s, %d at a time: %.60q, %v", c.name, most, got, err)
			}
			if answers := unmasked(t, conn.answered.Bytes()); answers != c.answers {
				t.Errorf("%s: answered %q, want %q", c.name, answers, c.answers)
			}
		}
	}
}

// unmasked is the first bytes and the payloads of a client's short frames.
func unmasked(t *testing.T, b []byte) (out string) {
	for len(b) > 0 {
		n := int(b[1] &^ 0x80)
		if b[1]&0x80 == 0 || len(b) < 6+n {
			t.Fatalf("not a client's frame: % x", b)
		}
		out += string(b[:1])
		for i, c := range b[6 : 6+n] {
			out += string([]byte{c ^ b[2+i%4]})
		}
		b = b[6+n:]
	}
	return out
}

func FuzzSocket(f *testing.F) {
	f.Add([]byte(frame(0x81, "a")+frame(0x89, "b")+frame(0x01, "c")+frame(0x80, "d")), 3)
	f.Add([]byte("\x81\x7e\x01"), 1)
	f.Fuzz(func(t *testing.T, said []byte, most int) {
		conn := &script{said: bytes.NewReader(said), most: max(most, 1)}
		s := &socket{Conn: conn, buf: make([]byte, 16)}
		total := 0
		for {
			b, err := s.next()
			if err != nil {
				break
			}
			total += len(b)
		}
		if total > len(said) || len(s.buf) > 2*(len(said)+maxMessage+16) {
			t.Errorf("%d bytes of messages of %d", total, len(said))
		}
	})
}
