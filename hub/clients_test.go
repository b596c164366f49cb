package hub_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"crier/hub"
)

// frame is a client's frame: final if fin, masked with a mask that shows.
func frame(fin bool, opcode byte, payload string) []byte {
	b := []byte{opcode, 0x80}
	if fin {
		b[0] |= 0x80
	}
	switch n := len(payload); {
	case n > 0xffff:
		b[1] |= 127
		b = binary.BigEndian.AppendUint64(b, uint64(n))
	case n > 125:
		b[1] |= 126
		b = binary.BigEndian.AppendUint16(b, uint16(n))
	default:
		b[1] |= byte(n)
	}
	mask := []byte{1, 2, 3, 4}
	b = append(b, mask...)
	for i := range len(payload) {
		b = append(b, payload[i]^mask[i%4])
	}
	return b
}

const (
	opText   = 0x1
	opBinary = 0x2
	opClose  = 0x8
	opPing   = 0x9
	opPong   = 0xa
)

// received is a frame of the server's.
type received struct {
	op      byte
	payload string
	packed  bool // has reserved bit 1: it is compressed
}

// readFrame reads one frame and holds it to RFC 6455 section 5: what a server
// sends is final, without a mask and without reserved bits, but for the one
// that RFC 7692 gives to data.
func readFrame(r *bufio.Reader) (f received, err error) {
	var head [2]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return f, err
	}
	if head[0]&0xb0 != 0x80 || head[0]&0x40 != 0 && head[0]&0xf != opText || head[1]&0x80 != 0 {
		return f, errors.New("not a final frame without a mask")
	}
	n := uint64(head[1])
	switch n {
	case 126:
		var b [2]byte
		_, err = io.ReadFull(r, b[:])
		n = uint64(binary.BigEndian.Uint16(b[:]))
	case 127:
		var b [8]byte
		_, err = io.ReadFull(r, b[:])
		n = binary.BigEndian.Uint64(b[:])
	}
	if err != nil {
		return f, err
	}
	if head[0]&0x8 != 0 && n > 125 {
		return f, errors.New("a control frame is too long")
	}
	b := make([]byte, n)
	_, err = io.ReadFull(r, b)
	return received{head[0] & 0xf, string(b), head[0]&0x40 != 0}, err
}

// TestClientsSend: pings are answered; everything else that is not part of the
// close handshake ends the connection, with the code that says why, whether it
// comes at once or byte by byte.
func TestClientsSend(t *testing.T) {
	unmasked := []byte{0x80 | opPing, 2, 'h', 'i'}
	huge := append([]byte{0x80 | opBinary, 0x80 | 127}, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 2, 3, 4)
	negative := append([]byte{0x80 | opPing, 0x80 | 127}, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 2, 3, 4)
	for _, c := range []struct {
		name  string
		sent  []byte
		pongs []string
		code  uint16
		cause hub.Cause
	}{
		{"ping", frame(true, opPing, "hi"), []string{"hi"}, 0, 0},
		{"pings", bytes.Join([][]byte{frame(true, opPing, ""), frame(true, opPing, strings.Repeat("x", 125)), frame(true, opPong, "?"), frame(true, opPing, "z")}, nil), []string{"", strings.Repeat("x", 125), "z"}, 0, 0},
		{"text", frame(true, opText, "hello"), nil, 1008, hub.Policy},
		{"empty text", frame(true, opText, ""), nil, 1008, hub.Policy},
		{"binary", frame(true, opBinary, strings.Repeat("x", 500)), nil, 1008, hub.Policy},
		{"text in parts", frame(false, opText, "hel"), nil, 1008, hub.Policy},
		{"ping, then text", append(frame(true, opPing, "hi"), frame(true, opText, "x")...), []string{"hi"}, 1008, hub.Policy},
		{"big", frame(true, opBinary, strings.Repeat("x", 40<<10)), nil, 1009, hub.TooBig},
		{"huge header", huge, nil, 1009, hub.TooBig},
		{"negative length", negative, nil, 1002, hub.Protocol},
		{"continuation of nothing", frame(true, 0, "x"), nil, 1002, hub.Protocol},
		{"ping in parts", frame(false, opPing, "x"), nil, 1002, hub.Protocol},
		{"long ping", frame(true, opPing, strings.Repeat("x", 126)), nil, 1002, hub.Protocol},
		{"unmasked ping", unmasked, nil, 1002, hub.Protocol},
		{"unmasked text", []byte{0x81, 1, 'x'}, nil, 1002, hub.Protocol},
		{"reserved bit", func() []byte { b := frame(true, opPing, "x"); b[0] |= 0x40; return b }(), nil, 1002, hub.Protocol},
		{"reserved opcode", frame(true, 0x3, "x"), nil, 1002, hub.Protocol},
		{"reserved control", frame(true, 0xb, "x"), nil, 1002, hub.Protocol},
		{"not a frame", []byte("GET / HTTP/1.1\r\n\r\n"), nil, 1002, hub.Protocol},
		{"close", frame(true, opClose, "\x03\xe8bye"), nil, 1000, hub.Left},
		{"close without a code", frame(true, opClose, ""), nil, 1005, hub.Left},
		{"close with half a code", frame(true, opClose, "\x03"), nil, 1002, hub.Protocol},
		{"close with a forbidden code", frame(true, opClose, "\x03\xed"), nil, 1002, hub.Protocol},
	} {
		t.Run(c.name, func(t *testing.T) {
			onEveryWay(t, func(t *testing.T, w way) {
				n := serve(t, nil, w, hub.Options{DrainWindow: -1})
				for _, pieces := range []int{1, len(c.sent)} {
					conn, r := n.rawDial(t, hub.Join{})
					if f, err := readFrame(r); err != nil || !strings.Contains(f.payload, "hello") {
						t.Fatal(f, err)
					}
					before := n.hub.Stats().Closed[c.cause]
					for i := range pieces {
						// Errors are fine: the server may have heard enough.
						_, _ = conn.Write(c.sent[i*len(c.sent)/pieces : (i+1)*len(c.sent)/pieces])
						if len(c.sent) > 200 {
							break // big enough to be known by its beginning
						}
					}
					if pieces > 1 && len(c.sent) > 200 {
						_, _ = conn.Write(c.sent[1:100])
					}
					for _, want := range c.pongs {
						if f, err := readFrame(r); err != nil || f != (received{op: opPong, payload: want}) {
							t.Fatalf("got %v, %v; want pong %q", f, err, want)
						}
					}
					if c.code == 0 {
						n.log.Post("news goes on")
						if f, err := readFrame(r); err != nil || f.op != opText {
							t.Fatalf("got %v, %v; want an entry", f, err)
						}
						continue
					}
					f, err := readFrame(r)
					code := uint16(1005)
					if len(f.payload) >= 2 {
						code = binary.BigEndian.Uint16([]byte(f.payload))
					}
					if err != nil || f.op != opClose || code != c.code {
						t.Fatalf("got %v, %v; want close %d", f, err, c.code)
					}
					posted := n.log.Post("not for who has closed").Cursor
					until(t, "the hub to have broadcast it", func() bool { return n.hub.Stats().Head == posted }) // or the next to come gets it
					// An end, not a reset: that could destroy the close frame on its way.
					if f, err := readFrame(r); !errors.Is(err, io.EOF) {
						t.Errorf("after the close frame came %v, %v", f, err)
					}
					_ = conn.Close()
					until(t, "the cause "+c.cause.String(), func() bool { return n.hub.Stats().Closed[c.cause] == before+1 })
				}
			})
		})
	}
}

// TestPingsAmongBroadcasts: control frames and broadcasts never interleave,
// and nothing is lost between them.
func TestPingsAmongBroadcasts(t *testing.T) {
	onEveryWay(t, func(t *testing.T, w way) {
		const pings, items = 300, 300
		n := serve(t, nil, w, hub.Options{DrainWindow: -1})
		conn, r := n.rawDial(t, hub.Join{})
		if _, err := readFrame(r); err != nil {
			t.Fatal(err)
		}
		go func() {
			for range items {
				n.log.Post("news")
			}
		}()
		go func() {
			b := frame(true, opPing, "are you there?")
			for i := range pings { // cut in ever different places
				cut := i % len(b)
				_, _ = conn.Write(b[:cut])
				_, _ = conn.Write(b[cut:])
			}
		}()
		pongs, entries := 0, 0
		for pongs < pings || entries < items {
			f, err := readFrame(r)
			switch {
			case err != nil:
				t.Fatalf("after %d pongs and %d entries: %v", pongs, entries, err)
			case f.op == opPong && f.payload == "are you there?":
				pongs++
			case f.op == opText && strings.Contains(f.payload, `{"type":"entry"`) && strings.HasSuffix(f.payload, "}}}"):
				entries++
			default:
				t.Fatalf("got %v", f)
			}
		}
	})
}

// TestPingFlood: who sends control frames without end is not answered for long.
func TestPingFlood(t *testing.T) {
	onEveryWay(t, func(t *testing.T, w way) {
		n := serve(t, nil, w, hub.Options{DrainWindow: -1})
		conn, r := n.rawDial(t, hub.Join{})
		go func() {
			flood := bytes.Repeat(frame(true, opPing, ""), 1000)
			for {
				if _, err := conn.Write(flood); err != nil {
					return
				}
			}
		}()
		pongs := 0
		for {
			f, err := readFrame(r)
			if err != nil {
				t.Fatal(err)
			}
			if f.op == opClose {
				if code := binary.BigEndian.Uint16([]byte(f.payload)); code != 1008 {
					t.Errorf("closed with %d", code)
				}
				break
			}
			if pongs++; pongs > 16<<10/6+2 {
				t.Fatalf("%d pings were answered", pongs)
			}
		}
	})
}

// TestEarlyPing: a client that sends before it has the answer to its handshake.
func TestEarlyPing(t *testing.T) {
	n := serve(t, nil, way{}, hub.Options{DrainWindow: -1})
	conn, err := net.Dial("tcp", n.srv.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(soon))
	_, _ = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"+
		string(frame(true, opPing, "early")))
	r := bufio.NewReader(conn)
	if _, err := http.ReadResponse(r, nil); err != nil {
		t.Fatal(err)
	}
	for _, want := range []byte{opText, opPong} {
		if f, err := readFrame(r); err != nil || f.op != want {
			t.Fatalf("got %v, %v; want opcode %x", f, err, want)
		}
	}
}

// TestCloseFromHere: the hub's close frames are answered by a client of
// another make, and the connection ends at once.
func TestCloseFromHere(t *testing.T) {
	onEveryWay(t, func(t *testing.T, w way) {
		n := serve(t, nil, w, hub.Options{DrainWindow: -1})
		c := n.dial(t, hub.Join{})
		c.expect("hello 0")
		ctx, cancel := context.WithTimeout(context.Background(), soon)
		defer cancel()
		if err := c.ws.Write(ctx, websocket.MessageText, []byte("hello?")); err != nil {
			t.Fatal(err)
		}
		c.expectClose(websocket.StatusPolicyViolation)
		until(t, "the reader to be gone", func() bool { return n.hub.Stats().WebSockets == 0 })
	})
}

// TestCloseFromThere: the client's close handshake completes.
func TestCloseFromThere(t *testing.T) {
	onEveryWay(t, func(t *testing.T, w way) {
		n := serve(t, nil, w, hub.Options{DrainWindow: -1})
		c := n.dial(t, hub.Join{})
		c.expect("hello 0")
		if err := c.ws.Close(websocket.StatusNormalClosure, "bye"); err != nil {
			t.Errorf("close: %v", err)
		}
		c = n.dial(t, hub.Join{})
		_ = c.ws.CloseNow() // without a word
		until(t, "both to be gone", func() bool { s := n.hub.Stats(); return s.WebSockets == 0 && s.Closed[hub.Left] == 2 })
	})
}

// TestHandshakes: what is no handshake is refused in words, with nothing
// written but what the caller writes.
func TestHandshakes(t *testing.T) {
	n := serve(t, nil, way{}, hub.Options{DrainWindow: -1})
	for _, c := range []struct {
		name, method string
		header       map[string]string
		status       int
	}{
		{"no upgrade", http.MethodGet, map[string]string{"Connection": "keep-alive"}, http.StatusUpgradeRequired},
		{"a post", http.MethodPost, nil, http.StatusMethodNotAllowed},
		{"an old version", http.MethodGet, map[string]string{"Sec-WebSocket-Version": "8"}, http.StatusBadRequest},
		{"no key", http.MethodGet, map[string]string{"Sec-WebSocket-Key": ""}, http.StatusBadRequest},
		{"a short key", http.MethodGet, map[string]string{"Sec-WebSocket-Key": "c2hvcnQ="}, http.StatusBadRequest},
		{"another site's page", http.MethodGet, map[string]string{"Origin": "https://embedding.example"}, http.StatusSwitchingProtocols},
	} {
		t.Run(c.name, func(t *testing.T) {
			req, err := http.NewRequest(c.method, n.srv.URL, nil)
			if err != nil {
				t.Fatal(err)
			}
			for k, v := range map[string]string{"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="} {
				req.Header.Set(k, v)
			}
			for k, v := range c.header {
				req.Header.Set(k, v)
			}
			resp, err := n.srv.Client().Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = resp.Body.Close() }()
			if resp.StatusCode != c.status {
				t.Errorf("got %s, want %d", resp.Status, c.status)
			}
			if resp.StatusCode == http.StatusSwitchingProtocols {
				return
			}
			if b, err := io.ReadAll(resp.Body); err != nil || len(b) < 20 {
				t.Errorf("the answer says %q, %v", b, err)
			}
		})
	}
	until(t, "all places to be given back", func() bool { return n.hub.Stats().WebSockets == 0 })
}
