package hub_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"crier/hub"
	"crier/news"
	"crier/news/newstest"
)

// hung is a log whose answers can be kept back, as by a machine that is not
// there any more.
type hung struct {
	*newstest.Log
	gate chan struct{} // has a token while the log answers
}

func (h *hung) Since(ctx context.Context, from news.Cursor, limit int) ([]news.Entry, error) {
	select {
	case <-h.gate:
		h.gate <- struct{}{}
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	return h.Log.Since(ctx, from, limit)
}

// TestSilentLog: when the log cannot be read, readers keep their sockets and
// are told at once, those who come are told too, and all are told when it is
// over. Nobody is ended.
func TestSilentLog(t *testing.T) {
	for _, fault := range []struct {
		name      string
		cut, mend func(*hung)
	}{
		{"fails", func(l *hung) { l.Break(errors.New("disk on fire")) }, func(l *hung) { l.Break(nil) }},
		{"hangs", func(l *hung) { <-l.gate }, func(l *hung) { l.gate <- struct{}{} }},
	} {
		t.Run(fault.name, func(t *testing.T) {
			onEveryWay(t, func(t *testing.T, w way) {
				l := &hung{newstest.New(), make(chan struct{}, 1)}
				l.gate <- struct{}{}
				l.Post("one", "world")
				n := serveSource(t, l, l.Log, w, hub.Options{Beat: 320 * time.Millisecond, StaleAfter: 600 * time.Millisecond, DrainWindow: -1})
				socket, quiet := n.dial(t, hub.Join{}), n.dial(t, hub.Join{Topics: []string{"rare"}})
				socket.expect("hello 1")
				quiet.expect("hello 1")
				stream := n.openStream(t, hub.Join{})
				defer stream.close()
				stream.expect(t, "hello 1")
				head := at(t, l.Log, 1)
				poll := n.pollAside(t, head)

				fault.cut(l)
				socket.expectPulse(true)
				quiet.expectPulse(true)
				if m, err := socket.read(); err != nil || !m.Stale { // the one that comes in its turn
					t.Errorf("got %s, %v; want another stale beat", m, err)
				}
				for m := (live{}); !m.Stale; {
					var err error
					if m, err = stream.read(); err != nil || m.Type != "beat" {
						t.Fatalf("got %s, %v; want a stale beat", m, err)
					}
				}
				expectPage(t, <-poll, "stale beat 0")
				if !n.hub.Stats().Stale {
					t.Error("the hub does not say that the log is silent")
				}

				// Whoever comes now is told, over all transports.
				late := n.dial(t, hub.Join{})
				late.expect("hello 1")
				late.expectPulse(true)
				page, err := n.hub.Poll(context.Background(), hub.Join{}, 0)
				if err != nil {
					t.Fatal(err)
				}
				expectPage(t, page, "stale beat 0")
				expectPage(t, <-n.pollAside(t, head), "stale beat 0") // although it would wait for an hour

				fault.mend(l)
				for _, c := range []*client{socket, quiet, late} {
					c.expectPulse(false)
				}
				poll = n.pollAside(t, head)
				l.Post("two", "world")
				expectPage(t, <-poll, "entry 2 posted two")
				socket.expect("entry 2 posted two")
				late.expect("entry 2 posted two")
				if s := n.hub.Stats(); s.Stale || len(s.Closed) != 0 {
					t.Errorf("after it: stale %t, closed %v", s.Stale, s.Closed)
				}
			})
		})
	}
}

// expectPulse reads beats until one says that the log is silent, or that it is
// not.
func (c *client) expectPulse(stale bool) {
	c.t.Helper()
	for {
		m, err := c.read()
		if err != nil || m.Type != "beat" || m.Cursor.Offset != 1 {
			c.t.Fatalf("got %s, %v; want a beat", m, err)
		}
		if m.Stale == stale {
			return
		}
	}
}

// pollAside polls from cursor for an hour, on the side.
func (n *node) pollAside(t *testing.T, cursor news.Cursor) <-chan hub.Page {
	t.Helper()
	came := n.hub.Stats().Polls
	got := make(chan hub.Page, 1)
	go func() {
		p, err := n.hub.Poll(context.Background(), hub.Join{Cursor: cursor}, time.Hour)
		if err != nil {
			t.Error(err)
		}
		got <- p
	}()
	until(t, "the poll to have come", func() bool { return n.hub.Stats().Polls > came || len(got) > 0 })
	return got
}

func expectPage(t *testing.T, p hub.Page, want string) {
	t.Helper()
	if got := messages(p); len(got) != 1 || got[0].String() != want || p.Cursor.Offset == 0 {
		t.Errorf("a poll got %v at %s, want %s", got, p.Cursor, want)
	}
}
