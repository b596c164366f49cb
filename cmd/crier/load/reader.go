package load

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// reader is one of a run. It stays until the run ends, and resumes by its
// cursor when its connection breaks or is cut.
type reader struct {
	run    *run
	node   *url.URL
	storms bool         // its connection breaks in the storm
	stalls bool         // it reads nothing
	next   atomic.Int32 // the item that it is to get next
	ended  chan struct{}

	mu  sync.Mutex
	tcp *stamped // changed by the reader's goroutine alone, with mu held

	cursor string
	owed   int32 // items acknowledged before it began to come back
	away   bool  // since the storm
	back   bool  // from it
}

// dialTime bounds a handshake.
const dialTime = 20 * time.Second

func (r *run) newReader(n int) *reader {
	return &reader{run: r, node: r.nodes[n%len(r.nodes)], ended: make(chan struct{})}
}

func (m *reader) connect(ctx context.Context, network, addr string) (net.Conn, error) {
	dial := &net.Dialer{Timeout: dialTime, KeepAlive: -1}
	if m.loopback() {
		comeFrom(dial, m.run.source())
	}
	c, err := dial.DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	t := c.(*net.TCPConn) // network is tcp
	if m.stalls {
		_ = t.SetReadBuffer(4 << 10) // so that the service soon feels it; the system may give more
	}
	tcp, err := stamp(t)
	if err != nil {
		return nil, fmt.Errorf("connect: %w", errors.Join(err, t.Close()))
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.tcp = tcp
	return tcp, nil
}

func (m *reader) loopback() bool {
	a, err := netip.ParseAddr(m.node.Hostname())
	return err == nil && a.Is4() && a.IsLoopback()
}

// source is the address that the next connection comes from. One loopback
// address has ports for some 28,000, and those of connections that broke are
// not free for a minute: there are 250 addresses, and they take turns.
func (r *run) source() net.IP { return net.IPv4(127, 0, 0, byte(2+r.dials.Add(1)%250)) }

// start joins, and reads in the background until ctx ends.
func (m *reader) start(ctx context.Context) error {
	c, err := m.dial(ctx)
	if err != nil {
		close(m.ended)
		return err
	}
	go m.stay(ctx, c)
	return nil
}

func (m *reader) dial(ctx context.Context) (*socket, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTime)
	defer cancel()
	u := *m.node
	u.Path, u.RawQuery = "/v1/live", url.Values{"topics": {"drill"}, "cursor": {m.cursor}}.Encode()
	began := time.Now()
	c, err := shake(ctx, &u, m.connect)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", u.Host, err)
	}
	m.run.handshakes.Add(time.Since(began))
	m.run.joined.Add(1)
	return c, nil
}

// cut breaks the connection, as a network does.
func (m *reader) cut() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.tcp != nil {
		_ = m.tcp.Close() // whatever is above it
	}
}

// stay reads, and comes back whenever the connection ends.
func (m *reader) stay(ctx context.Context, c *socket) {
	defer close(m.ended)
	stop := context.AfterFunc(ctx, m.cut)
	defer stop()
	for {
		err := m.read(ctx, c)
		m.run.joined.Add(-1)
		_ = c.Close() // it is broken
		if ctx.Err() != nil {
			return
		}
		if !errors.Is(err, net.ErrClosed) { // not by cut
			m.run.lost.Add(1)
		}
		if c = m.again(ctx); c == nil {
			return
		}
		if ctx.Err() != nil {
			m.cut() // ended while dialling
		}
		m.run.back.Add(1)
		m.settled(time.Now())
	}
}

// again connects until it succeeds: at once if the reader storms, and else, or
// if it is refused, after a random time. It returns nil if ctx ends before.
func (m *reader) again(ctx context.Context) *socket {
	slots := m.run.storm.slots
	for wait := !m.storms; ; wait = true {
		if wait && !sleepUntil(ctx, time.Now().Add(rand.N(500*time.Millisecond))) { //nolint:gosec // to spread readers, not to be secret
			return nil
		}
		slots <- struct{}{}
		m.away = m.storms && !m.back && m.run.storm.broke.Load() != nil
		m.owed = m.run.acknowledged.Load()
		c, err := m.dial(ctx)
		<-slots
		if err == nil {
			return c
		}
		if ctx.Err() != nil {
			return nil
		}
	}
}

// settled: a reader who was away is back when it is connected and has all that
// had been posted before it began to connect.
func (m *reader) settled(now time.Time) {
	if m.away && m.next.Load() >= m.owed {
		m.away, m.back = false, true
		m.run.storm.back(now)
	}
}

func (m *reader) read(ctx context.Context, c *socket) error {
	if m.stalls {
		<-ctx.Done()
		return ctx.Err()
	}
	for {
		msg, err := c.next()
		if err != nil {
			return err
		}
		now := time.Now()
		m.take(msg, m.tcp.arrived(now), now)
	}
}

// take accounts for a message that came to this machine at one time and to the
// reader at another. Items are known by their story, which has their number,
// and say when their sending began; they are posted one by one, so they come in
// order.
func (m *reader) take(msg []byte, came, now time.Time) {
	r := m.run
	r.bytes.Add(int64(len(msg)))
	if cursor := between(msg, `"cursor":"`, '"'); cursor != nil {
		m.cursor = string(cursor)
	}
	if bytes.HasPrefix(msg, []byte(`{"type":"reset"`)) {
		r.resets.Add(1)
		return
	}
	n, err := strconv.Atoi(string(between(msg, `"story":"`+r.name, '"')))
	began, err2 := strconv.ParseInt(string(between(msg, `"headline":"`+headline, '"')), 10, 64)
	if err != nil || err2 != nil || n < 0 || n >= len(r.items) {
		return // a beat, or another exercise
	}
	if n < int(m.next.Load()) {
		r.repeated.Add(1)
		return
	}
	begun := time.Unix(0, began)
	r.delivered.Add(1)
	m.next.Store(int32(n + 1))
	r.latency.Add(now.Sub(begun))
	r.arrived.Add(came.Sub(begun))
	r.items[n].got.Add(1)
	raise(&r.items[n].slowest, now.Sub(begun).Microseconds())
	if m.storms {
		m.settled(now)
	} else {
		r.storm.count(begun, came, now)
	}
}

// raise makes most at least n.
func raise(most *atomic.Int64, n int64) {
	for old := most.Load(); n > old && !most.CompareAndSwap(old, n); {
		old = most.Load()
	}
}

// between is what follows the text up to the end byte, nil if it is not there.
func between(msg []byte, text string, end byte) []byte {
	_, rest, found := bytes.Cut(msg, []byte(text))
	i := bytes.IndexByte(rest, end)
	if !found || i < 0 {
		return nil
	}
	return rest[:i]
}
