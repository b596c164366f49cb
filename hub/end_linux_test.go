package hub

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"crier/news"
	"crier/news/newstest"
)

const streamRequest = "GET / HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n\r\n"

// join lets a client in the way it asks for.
func join(h *Hub, w http.ResponseWriter, r *http.Request) error {
	if r.Header.Get("Accept") != "" {
		return h.EventStream(w, r, Join{})
	}
	return h.WebSocket(w, r, Join{})
}

// deadEnd is the client's end of a connection to a hub of one reader.
type deadEnd struct {
	*net.TCPConn
	log *newstest.Log
	hub *Hub
}

// newDeadEnd connects a reader to a hub that gives up after patience. Nothing
// is read after the answer's head.
func newDeadEnd(t *testing.T, o Options, patience time.Duration, request string) *deadEnd {
	t.Helper()
	o.SendBuffer, o.DrainWindow = 4<<10, -1
	e := &deadEnd{log: newstest.New()}
	var err error
	if e.hub, err = New(e.log, o); err != nil {
		t.Fatal(err)
	}
	e.hub.patience = patience
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- e.hub.Run(ctx) }()
	<-e.hub.Ready()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := join(e.hub, w, r); err != nil {
			t.Error(err)
		}
	}))
	c, err := net.Dial("tcp", srv.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	e.TCPConn = c.(*net.TCPConn)
	t.Cleanup(func() {
		_ = c.Close()
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
		srv.Close()
	})
	if err := e.SetReadBuffer(4 << 10); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(c, request); err != nil {
		t.Fatal(err)
	}
	if _, err := http.ReadResponse(bufio.NewReader(c), nil); err != nil {
		t.Fatal(err)
	}
	return e
}

// expectEnd waits until the reader is gone, which must be for why. It calls
// meanwhile every millisecond until then.
func (e *deadEnd) expectEnd(t *testing.T, why Cause, meanwhile func()) {
	t.Helper()
	over := time.After(time.Minute)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for e.hub.inside() > 0 {
		meanwhile()
		select {
		case <-over:
			t.Fatal("the reader is still there")
		case <-tick.C:
		}
	}
	if s := e.hub.Stats(); s.Closed[why] != 1 {
		t.Errorf("closed %v, want one %s", s.Closed, why)
	}
}

// inside is how many places are taken.
func (h *Hub) inside() int {
	h.door.mu.Lock()
	defer h.door.mu.Unlock()
	return h.door.taken
}

// TestDeadReaders: a client that stops reading for good costs nothing after a
// while, whether or not it was too far behind.
func TestDeadReaders(t *testing.T) {
	for _, c := range []struct {
		name     string
		portable bool
		queue    int
		want     Cause
	}{
		{"parked, little waits", false, 1 << 30, Silent},
		{"parked, too much waits", false, 1, Slow},
		{"attended, little waits", true, 1 << 30, Silent},
		{"attended, too much waits", true, 1, Slow},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			e := newDeadEnd(t, Options{Portable: c.portable, QueueBytes: c.queue}, 300*time.Millisecond, upgrade)
			text := strings.Repeat("lorem ipsum ", 80)
			posted := 0
			e.expectEnd(t, c.want, func() {
				if posted++; posted > 200 {
					return
				}
				d, err := news.Post{Headline: "long", Summary: text}.Draft(news.NewID(), "k", time.Now())
				if err == nil {
					_, err = e.log.Append(t.Context(), news.Key{}, d)
				}
				if err != nil {
					t.Fatal(err)
				}
			})
		})
	}
}

// TestVanishedReaders: a client whose network is gone, so that nothing comes
// from it any more, not even that it has got something, is found by what the
// beats send it and freed. Nothing is posted.
func TestVanishedReaders(t *testing.T) {
	for _, c := range []struct {
		name     string
		portable bool
		request  string
	}{
		{"parked", false, upgrade},
		{"attended", true, upgrade},
		{"parked, events", false, streamRequest},
		{"attended, events", true, streamRequest},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			const beat = 200 * time.Millisecond
			e := newDeadEnd(t, Options{Portable: c.portable, Beat: beat}, beat, c.request)
			vanish(t, e.TCPConn)
			e.expectEnd(t, Silent, func() {})
		})
	}
}

// vanish has the kernel drop every packet to c before TCP sees it: for the
// other side c is in a tunnel.
func vanish(t *testing.T, c *net.TCPConn) {
	t.Helper()
	drop := []unix.SockFilter{{Code: unix.BPF_RET | unix.BPF_K, K: 0}}
	raw, err := c.SyscallConn()
	if err == nil {
		cerr := raw.Control(func(fd uintptr) {
			err = unix.SetsockoptSockFprog(int(fd), unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: 1, Filter: &drop[0]})
		})
		err = errors.Join(err, cerr)
	}
	if err != nil {
		t.Fatal(err)
	}
}
