package hub_test

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"net"
	"strings"
	"testing"

	"crier/hub"
	"crier/news"
)

// shrink lets c hold as little as it can of what it has not read.
func shrink(t testing.TB, c net.Conn) {
	t.Helper()
	if over, ok := c.(interface{ NetConn() net.Conn }); ok {
		c = over.NetConn()
	}
	if err := c.(*net.TCPConn).SetReadBuffer(4 << 10); err != nil {
		t.Fatal(err)
	}
}

// TestSlowReader: who does not keep up is told so with 4008, in whole frames
// and without a gap before it, and goes on from its last cursor; the others
// get everything in the meantime.
func TestSlowReader(t *testing.T) {
	onEveryWay(t, func(t *testing.T, w way) {
		n := serve(t, nil, w, hub.Options{SendBuffer: 8 << 10, DrainWindow: -1})
		slow, r := n.rawDial(t, hub.Join{})
		shrink(t, slow)
		if _, err := readFrame(r); err != nil {
			t.Fatal(err)
		}
		other := n.dial(t, hub.Join{})
		other.expect("hello 0")
		text := strings.Repeat("lorem ipsum ", 80)
		posted := uint64(0)
		for ; n.hub.Stats().Closed[hub.Slow] == 0; posted++ {
			postLong(t, n.log, text)
			if m, err := other.readNews(); err != nil || m.Entry == nil || m.Entry.Offset != posted+1 {
				t.Fatalf("the other reader got %s, %v", m, err)
			}
		}

		last := readEntries(t, r, 0)
		if f, err := readFrame(r); !errors.Is(err, io.EOF) {
			t.Errorf("after the close frame: %v, %v", f, err)
		}
		if last.Offset == 0 || last.Offset >= posted {
			t.Errorf("the slow reader got %d of %d", last.Offset, posted)
		}
		again, r := n.rawDial(t, hub.Join{Cursor: last})
		defer func() { _ = again.Close() }()
		for want := last.Offset; want <= posted; want++ {
			f, err := readFrame(r)
			var m live
			if err == nil {
				err = json.Unmarshal([]byte(f.payload), &m)
			}
			if err != nil || m.Type == "entry" && m.Entry.Offset != want || m.Type != "entry" && want != last.Offset {
				t.Fatalf("resuming at %d: got %s, %v", want, m, err)
			}
		}
	})
}

// TestSlowJoiners: those who do not take what they had missed keep nobody else
// from coming, however many they are.
func TestSlowJoiners(t *testing.T) {
	onEveryWay(t, func(t *testing.T, w way) {
		n := serve(t, nil, w, hub.Options{SendBuffer: 8 << 10, DrainWindow: -1})
		text := strings.Repeat("lorem ipsum ", 80)
		for range 800 {
			postLong(t, n.log, text)
		}
		until(t, "the hub to be at 800", func() bool { return n.hub.Stats().Head.Offset == 800 })
		for range 40 {
			slow, r := n.rawDial(t, hub.Join{Cursor: at(t, n.log, 1)})
			defer func() { _ = slow.Close() }()
			if _, err := readFrame(r); err != nil {
				t.Fatal(err)
			}
		}
		n.dial(t, hub.Join{}).expect("hello 800")
	})
}

// readEntries reads entries, which must follow after, until the close frame,
// which must be 4008. It returns the last cursor.
func readEntries(t *testing.T, r *bufio.Reader, after uint64) (last news.Cursor) {
	t.Helper()
	for {
		f, err := readFrame(r)
		if err != nil {
			t.Fatalf("after entry %d: %v", after, err)
		}
		if f.op == opClose {
			if code := binary.BigEndian.Uint16([]byte(f.payload)); code != 4008 {
				t.Errorf("closed with %d", code)
			}
			return last
		}
		var m live
		if err := json.Unmarshal([]byte(f.payload), &m); err != nil {
			t.Fatal(err)
		}
		if m.Type == "beat" {
			continue
		}
		if after++; m.Type != "entry" || m.Entry.Offset != after {
			t.Fatalf("got %s, want entry %d", m, after)
		}
		last = m.Cursor
	}
}
