package chaos

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"hash/maphash"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"

	"crier/news"
)

// message is what readers are told. Of a text there is one, whoever got it.
type message struct {
	Type   string       `json:"type"`
	Cursor news.Cursor  `json:"cursor"`
	Entry  news.Entry   `json:"entry"`
	Front  []news.Entry `json:"front"`

	place place
}

// place is a cursor as a number: in the order in which a log is lived through.
type place uint64

// texts is every message there was, read once: thousands of readers get the
// same bytes.
type texts struct {
	seed   maphash.Seed
	mu     sync.RWMutex
	known  map[uint64]*message
	epochs []string // in the order in which they were met
}

func newTexts() *texts { return &texts{seed: maphash.MakeSeed(), known: map[uint64]*message{}} }

func (x *texts) read(b []byte) (*message, error) {
	sum := maphash.Bytes(x.seed, b)
	x.mu.RLock()
	m := x.known[sum]
	x.mu.RUnlock()
	if m != nil {
		return m, nil
	}
	m = &message{}
	if err := json.Unmarshal(b, m); err != nil {
		return nil, fmt.Errorf("message %.200q: %w", b, err)
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if have := x.known[sum]; have != nil {
		return have, nil
	}
	if m.Cursor != (news.Cursor{}) {
		m.place = x.placeOf(m.Cursor)
	}
	x.known[sum] = m
	return m, nil
}

// place is where c is; the epoch counts as met.
func (x *texts) place(c news.Cursor) place {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.placeOf(c)
}

func (x *texts) placeOf(c news.Cursor) place {
	i := slices.Index(x.epochs, c.Epoch)
	if i < 0 {
		i = len(x.epochs)
		x.epochs = append(x.epochs, c.Epoch)
	}
	return place(i)<<48 | place(c.Offset)
}

// crowd is the readers.
type crowd struct {
	fleet   *fleet
	texts   *texts
	from    news.Cursor    // where all of them begin
	told    func(*message) // called with everything that readers are told
	readers []*reader
	leave   context.CancelFunc
	running sync.WaitGroup
}

// reader is somebody with the page open.
type reader struct {
	crowd   *crowd
	at      atomic.Uint64 // the place that it has seen
	history []*message    // all it was told that has a cursor; its own until it has left
	err     error         // likewise: what it could not make sense of

	ends []websocket.StatusCode // likewise: how its connections ended but the last, -1 without a word
}

// gather makes n readers, spread over the fleet, who begin at from and stay
// until disperse. It returns when all have been greeted. told, which may be
// nil, is called with everything that each of them is told.
func gather(t testing.TB, f *fleet, n int, from news.Cursor, told func(*message)) *crowd {
	t.Helper()
	ctx, leave := context.WithCancel(context.Background())
	c := &crowd{fleet: f, texts: newTexts(), from: from, told: told, leave: leave}
	t.Cleanup(func() { c.disperse() })
	begin := c.texts.place(from)
	for i := range n {
		r := &reader{crowd: c}
		c.readers = append(c.readers, r)
		c.running.Go(func() { r.follow(ctx, f.nodes[i%len(f.nodes)]) })
	}
	if left := c.await(begin); left > 0 {
		t.Fatalf("%d of %d readers were not greeted", left, n)
	}
	return c
}

// disperse has all readers leave, and returns when they have.
func (c *crowd) disperse() {
	c.leave()
	c.running.Wait()
}

// await waits until every reader has seen all up to p, and returns how many
// have not within patience. Nobody is at the place 0 before being greeted.
func (c *crowd) await(p place) (left int) {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	deadline := time.Now().Add(patience)
	for i := 0; ; { // those before i have it
		for i < len(c.readers) && c.readers[i].at.Load() > uint64(p) {
			i++
		}
		if i == len(c.readers) {
			return 0
		}
		if time.Now().After(deadline) {
			for _, r := range c.readers[i:] {
				if r.at.Load() <= uint64(p) {
					left++
				}
			}
			return left
		}
		<-tick.C
	}
}

// follow stays on the ticker until ctx ends: when a connection breaks it comes
// back to a node that lives, after a moment that is different for each reader.
func (r *reader) follow(ctx context.Context, n *node) {
	cursor := r.crowd.from
	for wait := 50 * time.Millisecond; ctx.Err() == nil && r.err == nil; n = r.crowd.fleet.living() {
		c, err := dialLive(ctx, n, cursor)
		if err == nil {
			wait = 50 * time.Millisecond
			var end error
			cursor, end = r.listen(ctx, c, cursor)
			_ = c.CloseNow() // it has ended
			if ctx.Err() == nil {
				r.ends = append(r.ends, websocket.CloseStatus(end))
			}
		}
		select {
		case <-ctx.Done():
		case <-time.After(rand.N(wait)):
		}
		wait = min(2*wait, time.Second)
	}
}

func dialLive(ctx context.Context, n *node, from news.Cursor) (*websocket.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, patience/4)
	defer cancel()
	c, w, err := websocket.Dial(ctx, "ws"+strings.TrimPrefix(n.URL, "http")+"/v1/live?cursor="+url.QueryEscape(from.String()), nil)
	if err != nil {
		if w != nil && w.Body != nil {
			_ = w.Body.Close()
		}
		return nil, err
	}
	c.SetReadLimit(1 << 20) // a front is long
	return c, nil
}

// listen remembers what it is told until the connection ends, and returns the
// last cursor and what the end was.
func (r *reader) listen(ctx context.Context, c *websocket.Conn, cursor news.Cursor) (news.Cursor, error) {
	var buf bytes.Buffer
	for {
		_, in, err := c.Reader(ctx)
		if err != nil {
			return cursor, err
		}
		buf.Reset()
		if _, err := buf.ReadFrom(in); err != nil {
			return cursor, err // half a message is none
		}
		m, err := r.crowd.texts.read(buf.Bytes())
		if err != nil {
			r.err = err
			return cursor, err
		}
		if m.Cursor == (news.Cursor{}) {
			continue // a drain, or a beat to who is ahead
		}
		r.history = append(r.history, m)
		if r.crowd.told != nil {
			r.crowd.told(m)
		}
		cursor = m.Cursor
		r.at.Store(uint64(m.place) + 1) // 0 is for who has seen nothing at all
	}
}

// front is what a node's front page shows.
func front(t testing.TB, n *node) news.Snapshot {
	t.Helper()
	w, err := http.Get(n.URL + "/v1/items?limit=200")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = w.Body.Close() }()
	var page struct {
		Cursor news.Cursor
		Items  []news.Entry
	}
	if err := json.NewDecoder(w.Body).Decode(&page); err != nil || w.StatusCode != http.StatusOK {
		t.Fatalf("the front: %d, %v", w.StatusCode, err)
	}
	return news.Snapshot{Cursor: page.Cursor, Entries: page.Items}
}
