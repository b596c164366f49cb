package hub

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// seedScripts adds ways for bytes to come from a client: the first says after
// how many of the others to cut, over and over.
func seedScripts(f *testing.F) {
	mask := "\x01\x02\x03\x04"
	for _, s := range []string{
		"\x89\x80" + mask,
		"\x89\x85" + mask + "hello" + "\x8a\x80" + mask + "\x88\x82" + mask + "\x02\xea",
		"\x81\x85" + mask + "hello",
		"\x89\x02hi",
		"\x09\x82" + mask + "hi",
		"\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff" + mask,
		"\x89\xfe\x00\x7e" + mask,
		"\xc9\x80" + mask,
		"\x8b\x80" + mask,
		"\x88\x84" + mask + "\x02\xea\xfb\x04",
		"GET / HTTP/1.1\r\n\r\n",
	} {
		for _, cut := range []byte{1, 3, 200} {
			f.Add(cut, []byte(s))
		}
	}
}

// FuzzScan: what scan gives out is complete, what it keeps is short, and how
// the bytes are cut changes nothing.
func FuzzScan(f *testing.F) {
	seedScripts(f)
	f.Fuzz(func(t *testing.T, cut byte, sent []byte) {
		whole, found := scan(sent)
		if whole > len(sent) {
			t.Fatalf("%d of %d bytes", whole, len(sent))
		}
		var given, part []byte
		step := max(int(cut), 1)
		for rest := sent; len(rest) > 0; {
			n := min(step, len(rest))
			part = append(part, rest[:n]...)
			rest = rest[n:]
			n, piece := scan(part)
			given = append(given, part[:n]...)
			part = part[n:]
			if piece != fine {
				if found != piece {
					t.Fatalf("found %d in pieces and %d in one", piece, found)
				}
				break
			}
			if len(part) >= 2+4+maxControl {
				t.Fatalf("%d bytes are kept", len(part))
			}
		}
		if !bytes.Equal(given, sent[:whole]) {
			t.Errorf("gave % x in pieces and % x in one", given, sent[:whole])
		}
	})
}

// FuzzClient lets coder/websocket have what scan gives out. It must never wait
// in the middle of a frame, which would wedge the poller: so whatever comes,
// and however it is cut, the same answers go out, and the connection is ended
// exactly if something came that a listener does not send.
func FuzzClient(f *testing.F) {
	seedScripts(f)
	f.Fuzz(func(t *testing.T, cut byte, sent []byte) {
		one, ended := listenTo(t, sent, len(sent))
		pieces, endedToo := listenTo(t, sent, int(cut))
		if !bytes.Equal(one, pieces) || ended != endedToo {
			t.Errorf("in one: % x, ended %v; in pieces: % x, ended %v", one, ended, pieces, endedToo)
		}
		if _, found := scan(sent); found != fine && !ended {
			t.Error("the connection goes on after what should end it")
		}
		for rest := one; len(rest) > 0; { // whole frames, a close frame last
			n := serverFrame(rest)
			if op := rest[0] &^ 0x80; op != 0x8 && op != 0xa || op == 0x8 && n != len(rest) {
				t.Errorf("answered % x", one)
			}
			rest = rest[n:]
		}
	})
}

// masked is a client's frame with first as its first byte.
func masked(first byte, payload string) string {
	b := []byte{first, 0x80 | byte(len(payload))}
	if len(payload) > 125 {
		b = binary.BigEndian.AppendUint16([]byte{first, 0x80 | 126}, uint16(len(payload)))
	}
	mask := []byte("\xa1\x02\x73\x54")
	b = append(b, mask...)
	for i := range len(payload) {
		b = append(b, payload[i]^mask[i%4])
	}
	return string(b)
}

// closing is the payload of a close frame.
func closing(code uint16, reason string) string {
	return string(binary.BigEndian.AppendUint16(nil, code)) + reason
}

// TestClientFrames is what a client may send and what not (RFC 6455 sections 5
// and 7.4, after the cases of the Autobahn testsuite that concern an endpoint
// which takes no messages): each is answered the same, in one piece and byte by
// byte. A code of 0 is a connection that goes on.
func TestClientFrames(t *testing.T) {
	const fin, text, ping, pong, closes = 0x80, 0x1, 0x80 | 0x9, 0x80 | 0xa, 0x80 | 0x8
	type sent struct {
		name, bytes string
		pongs       []string
		code        int
	}
	long := strings.Repeat("x", 125)
	cases := []sent{
		{"2.1 an empty ping", masked(ping, ""), []string{""}, 0},
		{"2.2 a ping", masked(ping, "hello"), []string{"hello"}, 0},
		{"2.3 a ping of bytes", masked(ping, "\x00\xff\xfe\xfd"), []string{"\x00\xff\xfe\xfd"}, 0},
		{"2.4 the longest ping", masked(ping, long), []string{long}, 0},
		{"2.5 a ping that is too long", masked(ping, long+"x"), nil, 1002},
		{"2.7 a pong nobody asked for", masked(pong, ""), nil, 0},
		{"2.8 the same with a payload", masked(pong, "hello"), nil, 0},
		{"2.9 then a ping", masked(pong, "?") + masked(ping, "hello"), []string{"hello"}, 0},
		{"2.10 ten pings", strings.Repeat(masked(ping, "p"), 10), slices.Repeat([]string{"p"}, 10), 0},
		{"a pong that is too long", masked(pong, long+"x"), nil, 1002},
		{"a ping without a mask", "\x89\x02hi", nil, 1002},
		{"a pong without a mask", "\x8a\x00", nil, 1002},
		{"a close without a mask", "\x88\x02\x03\xe8", nil, 1002},
		{"text without a mask", "\x81\x02hi", nil, 1002},
		{"5.1 a ping in parts", masked(0x9, "hel") + masked(fin, "lo"), nil, 1002},
		{"5.2 a pong in parts", masked(0xa, "hel") + masked(fin, "lo"), nil, 1002},
		{"5.3 text in parts", masked(text, "hel") + masked(fin, "lo"), nil, 1008},
		{"5.6 text in parts, a ping between", masked(text, "hel") + masked(ping, "p") + masked(fin, "lo"), nil, 1008},
		{"5.9 a continuation of nothing", masked(fin, "x"), nil, 1002},
		{"5.10 the same, not final", masked(0, "x"), nil, 1002},
		{"1.1 text", masked(fin|text, "hello"), nil, 1008},
		{"1.1 text of 65535 bytes", "\x81\xfe\xff\xff\x01\x02\x03\x04", nil, 1009},
		{"1.2 bytes", masked(fin|0x2, "hello"), nil, 1008},
		{"a length of 2^63", "\x81\xff\x80\x00\x00\x00\x00\x00\x00\x00\x01\x02\x03\x04", nil, 1002},
		{"a length of 2^63-1", "\x81\xff\x7f\xff\xff\xff\xff\xff\xff\xff\x01\x02\x03\x04", nil, 1009},
		{"a ping with a length of 64 bits", "\x89\xff\x00\x00\x00\x00\x00\x00\x00\x7e\x01\x02\x03\x04", nil, 1002},
		{"7.1.1 a close", masked(closes, closing(1000, "")), nil, 1000},
		{"7.1.3 a ping after the close", masked(closes, closing(1000, "")) + masked(ping, "?"), nil, 1000},
		{"7.1.4 text after the close", masked(closes, closing(1000, "")) + masked(fin|text, "?"), nil, 1000},
		{"7.3.1 a close without a code", masked(closes, ""), nil, 1005},
		{"7.3.2 half a code", masked(closes, "\x03"), nil, 1002},
		{"7.3.4 a reason", masked(closes, closing(1000, "bye")), nil, 1000},
		{"7.3.5 the longest reason", masked(closes, closing(1000, strings.Repeat("x", 123))), nil, 1000},
		{"7.3.6 a reason that is too long", masked(closes, closing(1000, strings.Repeat("x", 124))), nil, 1002},
		{"7.5.1 a reason that is not UTF-8", masked(closes, closing(1000, "\xce\xba\xed\xa0\x80edited")), nil, 1007},
		{"a reason cut in the middle of a letter", masked(closes, closing(1000, "caf\xc3")), nil, 1007},
		{"a reason in Greek", masked(closes, closing(1000, "\u03ba\u03cc\u03c3\u03bc\u03b5")), nil, 1000},
		{"a ping, then such a reason", masked(ping, "p") + masked(closes, closing(1000, "\xff")), []string{"p"}, 1007},
		{"a close in parts", masked(0x8, closing(1000, "")), nil, 1002},
	}
	for _, bits := range []byte{0x10, 0x20, 0x30, 0x40, 0x50, 0x60, 0x70} {
		for _, op := range []byte{fin | text, fin | 0x2, ping, pong, closes} {
			cases = append(cases, sent{fmt.Sprintf("3 reserved bits %x with opcode %x", bits, op&0xf), masked(op|bits, ""), nil, 1002})
		}
	}
	for _, op := range []byte{3, 4, 5, 6, 7, 0xb, 0xc, 0xd, 0xe, 0xf} {
		cases = append(cases, sent{fmt.Sprintf("4 reserved opcode %x", op), masked(ping, "p") + masked(fin|op, ""), []string{"p"}, 1002})
	}
	for _, code := range []uint16{1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999} {
		cases = append(cases, sent{fmt.Sprintf("7.7 code %d", code), masked(closes, closing(code, "")), nil, int(code)})
	}
	for _, code := range []uint16{0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999, 5000, 65535} {
		cases = append(cases, sent{fmt.Sprintf("7.9 code %d", code), masked(closes, closing(code, "")), nil, 1002})
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			for _, step := range []int{len(c.bytes), 1} {
				b, ended := listenTo(t, []byte(c.bytes), step)
				var pongs []string
				code := 0
				for len(b) > 0 {
					n := serverFrame(b)
					if f := b[2:n]; b[0] == pong {
						pongs = append(pongs, string(f))
					} else if code = 1005; b[0] == closes && len(f) >= 2 {
						code = int(binary.BigEndian.Uint16(f))
					}
					b = b[n:]
				}
				if !slices.Equal(pongs, c.pongs) || code != c.code || ended != (c.code != 0) {
					t.Errorf("%d bytes at a time: pongs %q and code %d, ended %v; want %q and %d", step, pongs, code, ended, c.pongs, c.code)
				}
			}
		})
	}
}

// written keeps what is written to it: a wire for tests.
type written struct {
	client
	b []byte
}

func (w *written) write(b []byte) (int, error) { w.b = append(w.b, b...); return len(b), nil }
func (w *written) await()                      {}
func (w *written) rest(bool)                   {}
func (w *written) expire()                     {}
func (w *written) abort()                      {}

// listenTo feeds a client sent, step bytes at a time, and returns the answers.
func listenTo(t *testing.T, sent []byte, step int) (answers []byte, ended bool) {
	t.Helper()
	h, err := New(nil, Options{Shards: 1})
	if err != nil {
		t.Fatal(err)
	}
	w := &written{}
	w.init(h, w, frames, nil)
	for rest := sent; len(rest) > 0; {
		n := min(max(step, 1), len(rest))
		w.feed(bytes.Clone(rest[:n]))
		rest = rest[n:]
	}
	ended = w.ended()
	w.release(Left)
	return w.b, ended
}
