package hub

import (
	"bufio"
	"bytes"
	"net"
	"net/http"
	"testing"

	"github.com/coder/websocket"
)

// script is a way for bytes to come from a client: the first says after how
// many of the others to cut, over and over.
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

// page keeps what is written to it: a wire for tests.
type written struct {
	client
	b []byte
}

func (w *written) write(b []byte) (int, error) { w.b = append(w.b, b...); return len(b), nil }
func (w *written) await()                      {}
func (w *written) rest(bool)                   {}
func (w *written) expire()                     {}
func (w *written) abort()                      {}

// Hijack hands coder/websocket the client.
func (w *written) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	c := conn{&w.client}
	return c, bufio.NewReadWriter(bufio.NewReaderSize(c, 16), bufio.NewWriterSize(c, 2+maxControl)), nil
}

type upgrader struct {
	http.ResponseWriter
	*written
}

func (upgrader) Header() http.Header { return http.Header{} }
func (upgrader) WriteHeader(int)     {}

// listenTo feeds a client sent, step bytes at a time, and returns the answers.
func listenTo(t *testing.T, sent []byte, step int) (answers []byte, ended bool) {
	t.Helper()
	h, err := New(nil, Options{Shards: 1})
	if err != nil {
		t.Fatal(err)
	}
	w := &written{}
	w.init(h, w, frames, nil)
	w.ws = accepted(t, w)
	for rest := sent; len(rest) > 0; {
		n := min(max(step, 1), len(rest))
		w.feed(bytes.Clone(rest[:n]))
		rest = rest[n:]
	}
	ended = w.ended()
	w.release(Left)
	return w.b, ended
}

// accepted is coder/websocket's end of a handshake with nobody.
func accepted(t *testing.T, w *written) *websocket.Conn {
	t.Helper()
	req, err := http.NewRequest(http.MethodGet, "/", nil)
	if err != nil {
		t.Fatal(err)
	}
	for k, v := range map[string]string{"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="} {
		req.Header.Set(k, v)
	}
	ws, err := websocket.Accept(upgrader{written: w}, req, nil)
	if err != nil {
		t.Fatal(err)
	}
	return ws
}
