package hub_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"crier/hub"
	"crier/news"
	"crier/news/newstest"
)

// comer is somebody who reads over one transport for a while and comes back
// over another with the cursor of the last message: what every reader does.
type comer struct {
	n      *node
	topics []string
	cursor news.Cursor
	got    []uint64
}

// take notes m, and reports whether it is what follows.
func (c *comer) take(m live) error {
	switch m.Type {
	case "entry":
		c.got = append(c.got, m.Entry.Offset)
		if m.Cursor.Offset != m.Entry.Offset {
			return fmt.Errorf("entry %d has the cursor %s", m.Entry.Offset, m.Cursor)
		}
	case "hello":
		if c.cursor != (news.Cursor{}) && m.Cursor != c.cursor {
			return fmt.Errorf("hello %s to who came with %s", m.Cursor, c.cursor)
		}
	case "beat", "drain":
	default:
		return fmt.Errorf("got %s", m)
	}
	if m.Type != "drain" {
		if m.Cursor.Offset < c.cursor.Offset {
			return fmt.Errorf("%s after cursor %s", m, c.cursor)
		}
		c.cursor = m.Cursor
	}
	return nil
}

// socket reads about some messages over a WebSocket and leaves.
func (c *comer) socket(some int) error {
	ws, err := c.n.tryDial(hub.Join{Cursor: c.cursor, Topics: c.topics})
	if err != nil {
		return err
	}
	defer ws.leave()
	for range some {
		m, err := ws.read()
		if err != nil {
			return err
		}
		if err := c.take(m); err != nil {
			return err
		}
	}
	return nil
}

func (c *comer) stream(some int) error {
	s, err := c.n.tryStream(hub.Join{Cursor: c.cursor, Topics: c.topics}, "")
	if err != nil {
		return err
	}
	defer s.close()
	for range some {
		m, err := s.read()
		if err != nil {
			return err
		}
		if err := c.take(m); err != nil {
			return err
		}
	}
	return nil
}

func (c *comer) poll() error {
	ctx, cancel := context.WithTimeout(context.Background(), soon)
	defer cancel()
	p, err := c.n.hub.Poll(ctx, hub.Join{Cursor: c.cursor, Topics: c.topics}, 5*time.Millisecond)
	if err != nil {
		return err
	}
	for _, m := range messages(p) {
		if err := c.take(m); err != nil {
			return err
		}
	}
	c.cursor = p.Cursor
	return nil
}

// TestExactlyOnceInOrder: readers come and go over every transport while
// entries flow and the doorbell does what it likes. Each gets all it wants,
// once and in order.
func TestExactlyOnceInOrder(t *testing.T) {
	onEveryWay(t, func(t *testing.T, w way) {
		const items, comers = 240, 16
		l := newstest.New()
		l.Post("first", "t0")
		// A small ring, so that some come back from the log, and room to be
		// behind: this is not about slow readers.
		n := serve(t, l, w, hub.Options{Shards: 3, Recent: 64, Beat: 64 * time.Millisecond, QueueBytes: 4 << 20, DrainWindow: -1})
		start := at(t, l, 1)
		go func() {
			pace := time.NewTicker(time.Millisecond) // spreads them over the comings and goings
			defer pace.Stop()
			for i := range items {
				l.SetDoorbell(newstest.Doorbell(rand.IntN(5)))
				l.Post(fmt.Sprint("item ", i), fmt.Sprintf("t%d", i%4), fmt.Sprintf("u%d", i%3))
				if i%8 == 0 {
					<-pace.C
				}
			}
			l.SetDoorbell(newstest.Rings)
			l.Post("last", "t0", "t1", "t2", "t3", "u0", "u1", "u2")
		}()
		var all sync.WaitGroup
		for i := range comers {
			c := &comer{n: n, cursor: start, topics: [][]string{nil, {"t1"}, {"t1", "u2"}, {"u0", "u1", "u2"}}[i%4]}
			all.Go(func() {
				for c.cursor.Offset < items+2 {
					var err error
					switch rand.IntN(4) {
					case 0:
						err = c.stream(rand.IntN(40))
					case 1:
						err = c.poll()
					default:
						err = c.socket(rand.IntN(80))
					}
					if err != nil {
						t.Errorf("reader of %v at %s: %v", c.topics, c.cursor, err)
						return
					}
				}
				if got, want := fmt.Sprint(c.got), fmt.Sprint(wanted(t, l, start, c.topics)); got != want {
					t.Errorf("reader of %v got %s, want %s", c.topics, got, want)
				}
			})
		}
		all.Wait()
		until(t, "all readers to be gone", func() bool {
			s := n.hub.Stats()
			return s.WebSockets+s.EventStreams+s.Polls == 0
		})
	})
}

// wanted is the offsets after from of what a reader of topics wants.
func wanted(t testing.TB, l *newstest.Log, from news.Cursor, topics []string) (offsets []uint64) {
	t.Helper()
	entries, err := l.Since(context.Background(), from, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.Item.WantedBy(topics) {
			offsets = append(offsets, e.Offset)
		}
	}
	return offsets
}

// TestManyStay: those who stay get everything while others come and go, most
// of them without a word.
func TestManyStay(t *testing.T) {
	onEveryWay(t, func(t *testing.T, w way) {
		const stayers, items = 40, 150
		n := serve(t, nil, w, hub.Options{Shards: 2, QueueBytes: 4 << 20, DrainWindow: -1})
		var all sync.WaitGroup
		for i := range stayers {
			c := n.dial(t, hub.Join{Topics: [][]string{nil, {"world"}}[i%2]})
			c.expect("hello 0")
			all.Go(func() {
				for next := uint64(1); next <= items; next++ {
					m, err := c.readNews()
					if err != nil || m.Type != "entry" || m.Entry.Offset != next {
						t.Errorf("got %s, %v; want entry %d", m, err, next)
						return
					}
				}
			})
		}
		over := make(chan struct{})
		var others sync.WaitGroup
		for range 4 {
			others.Go(func() {
				for {
					select {
					case <-over:
						return
					default:
					}
					c, err := n.tryDial(hub.Join{})
					if err != nil {
						t.Error(err)
						return
					}
					c.leave()
				}
			})
		}
		for i := range items {
			n.log.Post(fmt.Sprint("item ", i), "world")
		}
		all.Wait()
		close(over)
		others.Wait()
	})
}

func (n *node) openStream(t testing.TB, j hub.Join) *eventStream {
	t.Helper()
	s, err := n.tryStream(j, "")
	if err != nil {
		t.Fatal(err)
	}
	if got := s.resp.Header.Get("Content-Type"); !strings.HasPrefix(got, "text/event-stream") {
		t.Fatalf("content type %q, %s", got, s.resp.Status)
	}
	return s
}
