package hub_test

import (
	"compress/flate"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/coder/websocket"

	"crier/hub"
)

// inflate is what a client makes of a compressed message (RFC 7692 section
// 7.2.2).
func inflate(t *testing.T, payload string) string {
	t.Helper()
	b, err := io.ReadAll(flate.NewReader(strings.NewReader(payload + "\x00\x00\xff\xff\x01\x00\x00\xff\xff")))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestCompression: who agrees to it gets what is long compressed, each message
// by itself, and what is short and all that is control as it is.
func TestCompression(t *testing.T) {
	onEveryWay(t, func(t *testing.T, w way) {
		n := serve(t, nil, w, hub.Options{DrainWindow: -1})
		_, plain := n.rawDial(t, hub.Join{})
		conn, r, accepted := n.rawDialOffering(t, hub.Join{}, "permessage-deflate; client_max_window_bits")
		if want := "permessage-deflate; client_no_context_takeover; server_no_context_takeover"; accepted != want {
			t.Fatalf("accepted is %q, want %q", accepted, want)
		}
		if f, err := readFrame(r); err != nil || f.packed || !strings.Contains(f.payload, "hello") {
			t.Fatalf("got %v, %v; want a plain hello", f, err)
		}
		if _, err := readFrame(plain); err != nil {
			t.Fatal(err)
		}
		text := strings.Repeat("lorem ipsum ", 80)
		for range 3 { // the same again: nothing is taken over
			postLong(t, n.log, text)
			f, err := readFrame(r)
			if err != nil || !f.packed || len(f.payload) > len(text)/2 {
				t.Fatalf("got %v, %v; want it compressed", f, err)
			}
			p, err := readFrame(plain)
			if err != nil || p.packed || p.payload != inflate(t, f.payload) {
				t.Fatalf("one got %v, %v and the other %q", p, err, inflate(t, f.payload))
			}
		}
		if a := n.hub.Audience(); a.WebSockets != 2 || a.Compressed != 1 {
			t.Errorf("counted are %+v", a)
		}

		// One who comes back and one who has lost the thread get the same.
		cursor := at(t, n.log, 1)
		_, r2, _ := n.rawDialOffering(t, hub.Join{Cursor: cursor}, "permessage-deflate")
		cursor.Epoch = "elsewhere"
		_, r3, _ := n.rawDialOffering(t, hub.Join{Cursor: cursor}, "permessage-deflate")
		if _, err := readFrame(r2); err != nil {
			t.Fatal(err)
		}
		if f, err := readFrame(r2); err != nil || !f.packed || !strings.Contains(inflate(t, f.payload), `"offset":2`) {
			t.Errorf("resumed with %v, %v", f, err)
		}
		if _, err := readFrame(r3); err != nil {
			t.Fatal(err)
		}
		if f, err := readFrame(r3); err != nil || !f.packed || !strings.HasPrefix(inflate(t, f.payload), `{"type":"reset"`) {
			t.Errorf("reset with %v, %v", f, err)
		}

		// What the client sends is refused all the same, compressed or not.
		if _, err := conn.Write(frame(true, opPing, strings.Repeat("x", 100))); err != nil {
			t.Fatal(err)
		}
		if f, err := readFrame(r); err != nil || f != (received{op: opPong, payload: strings.Repeat("x", 100)}) {
			t.Errorf("got %v, %v; want a plain pong", f, err)
		}
		compressed := frame(true, opText, "\xf2\x48\xcd\xc9\xc9\x07\x00")
		compressed[0] |= 0x40
		if _, err := conn.Write(compressed); err != nil {
			t.Fatal(err)
		}
		if f, err := readFrame(r); err != nil || f.op != opClose || f.packed || f.payload[:2] != "\x03\xf0" {
			t.Errorf("got %v, %v; want close 1008", f, err)
		}
	})
}

// TestCompressionOffers: what is agreed to, and what is not.
func TestCompressionOffers(t *testing.T) {
	const agreed = "permessage-deflate; client_no_context_takeover; server_no_context_takeover"
	for _, c := range []struct {
		name, offer string
		plain       bool
		want        string
	}{
		{"none", "", false, ""},
		{"a browser's", "permessage-deflate; client_max_window_bits", false, agreed},
		{"all of it", "permessage-deflate; server_no_context_takeover; client_no_context_takeover; client_max_window_bits=10; server_max_window_bits=15", false, agreed},
		{"a small window of ours", "permessage-deflate; server_max_window_bits=9", false, ""},
		{"a small window, else any", "permessage-deflate; server_max_window_bits=9, permessage-deflate", false, agreed},
		{"an unknown parameter", "permessage-deflate; level=9", false, ""},
		{"another extension", "x-webkit-deflate-frame", false, ""},
		{"nonsense", ";;,=,\"", false, ""},
		{"to a plain hub", "permessage-deflate", true, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := serve(t, nil, way{}, hub.Options{Plain: c.plain, DrainWindow: -1})
			_, r, got := n.rawDialOffering(t, hub.Join{}, c.offer)
			if got != c.want {
				t.Errorf("accepted is %q, want %q", got, c.want)
			}
			if f, err := readFrame(r); err != nil || f.packed {
				t.Fatalf("got %v, %v; want a plain hello", f, err)
			}
			postLong(t, n.log, strings.Repeat("lorem ipsum ", 80))
			if f, err := readFrame(r); err != nil || f.packed != (c.want != "") {
				t.Errorf("got %v, %v; compressed should be %t", f, err, c.want != "")
			}
		})
	}
}

// TestCompressedSlowReader: the end of one that is too slow is in whole frames
// for a compressed one, too.
func TestCompressedSlowReader(t *testing.T) {
	n := serve(t, nil, way{}, hub.Options{SendBuffer: 8 << 10, DrainWindow: -1})
	conn, r, _ := n.rawDialOffering(t, hub.Join{}, "permessage-deflate")
	shrink(t, conn)
	for n.hub.Stats().Closed[hub.Slow] == 0 {
		postLong(t, n.log, randomText(900))
	}
	got := 0
	for {
		f, err := readFrame(r)
		if err != nil {
			t.Fatalf("after %d frames: %v", got, err)
		}
		if f.op == opClose {
			if f.payload[:2] != "\x0f\xa8" {
				t.Errorf("closed with % x", f.payload)
			}
			break
		}
		if f.packed {
			got++
			if text := inflate(t, f.payload); !strings.HasSuffix(text, "}}}") {
				t.Fatalf("message %d is cut: %q", got, text)
			}
		}
	}
	if got == 0 {
		t.Error("nothing came compressed")
	}
}

// TestCompressionOfAnotherMake reads with coder/websocket's client.
func TestCompressionOfAnotherMake(t *testing.T) {
	n := serve(t, nil, way{}, hub.Options{DrainWindow: -1})
	for _, mode := range []websocket.CompressionMode{websocket.CompressionContextTakeover, websocket.CompressionNoContextTakeover} {
		c, err := n.tryDialWith(hub.Join{}, mode)
		if err != nil {
			t.Fatal(err)
		}
		defer c.leave()
		if m, err := c.readNews(); err != nil || m.Type != "hello" {
			t.Fatal(m, err)
		}
		for range 3 {
			postLong(t, n.log, strings.Repeat("lorem ipsum ", 80))
			if m, err := c.readNews(); err != nil || m.Entry == nil || m.Entry.Item.Summary == "" {
				t.Fatal(m, err)
			}
		}
	}
	if a := n.hub.Audience(); a.Compressed != 2 {
		t.Errorf("counted are %+v", a)
	}
}

// randomText is n letters that compress to about five eighths.
func randomText(n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte('a' + rand.IntN(26))
	}
	return string(b)
}
