package load

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"
)

// reader is one of a run. It stays until the run ends, and resumes by its
// cursor when its connection breaks or is cut.
type reader struct {
	run    *run
	dialer *http.Client
	storms bool         // its connection breaks in the storm
	stalls bool         // it reads nothing
	next   atomic.Int32 // the item that it is to get next
	ended  chan struct{}

	mu   sync.Mutex
	conn *websocket.Conn

	cursor string
	owed   int32 // items acknowledged before it began to come back
	away   bool  // since the storm
	back   bool  // from it
}

// dialTime bounds a handshake.
const dialTime = 20 * time.Second

func (r *run) newReader(n int) *reader {
	dial := &net.Dialer{Timeout: dialTime}
	if from := r.source(n); from != nil {
		dial.LocalAddr = from
	}
	m := &reader{run: r, ended: make(chan struct{})}
	m.dialer = &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := dial.DialContext(ctx, network, addr)
		if t, ok := c.(*net.TCPConn); ok && m.stalls {
			_ = t.SetReadBuffer(4 << 10) // so that the service soon feels it; the system may give more
		}
		return c, err
	}}}
	return m
}

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

func (m *reader) dial(ctx context.Context) (*websocket.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTime)
	defer cancel()
	u := *m.run.base
	u.Path, u.RawQuery = "/v1/live", url.Values{"topics": {"drill"}, "cursor": {m.cursor}}.Encode()
	began := time.Now()
	c, _, err := websocket.Dial(ctx, u.String(), &websocket.DialOptions{HTTPClient: m.dialer}) //nolint:bodyclose // coder/websocket does
	if err != nil {
		return nil, fmt.Errorf("%s: %w", u.Host, err)
	}
	m.run.handshakes.Add(time.Since(began))
	m.run.joined.Add(1)
	c.SetReadLimit(-1) // a reset may be long
	m.mu.Lock()
	m.conn = c
	m.mu.Unlock()
	return c, nil
}

// cut breaks the connection, as a network does.
func (m *reader) cut() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.conn != nil {
		_ = m.conn.CloseNow()
	}
}

// stay reads, and comes back whenever the connection ends.
func (m *reader) stay(ctx context.Context, c *websocket.Conn) {
	defer close(m.ended)
	stop := context.AfterFunc(ctx, m.cut)
	defer stop()
	for {
		err := m.read(ctx, c)
		m.run.joined.Add(-1)
		_ = c.CloseNow() // it is broken
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
		m.arrived(time.Now())
	}
}

// again connects until it succeeds: at once if the reader storms, and else, or
// if it is refused, after a random time. It returns nil if ctx ends before.
func (m *reader) again(ctx context.Context) *websocket.Conn {
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

// arrived: a reader who was away is back when it is connected and has all that
// had been posted before it began to connect.
func (m *reader) arrived(now time.Time) {
	if m.away && m.next.Load() >= m.owed {
		m.away, m.back = false, true
		m.run.storm.back(now)
	}
}

func (m *reader) read(ctx context.Context, c *websocket.Conn) error {
	if m.stalls {
		<-ctx.Done()
		return ctx.Err()
	}
	var b bytes.Buffer
	for {
		_, in, err := c.Reader(ctx)
		if err != nil {
			return err
		}
		b.Reset()
		if _, err := b.ReadFrom(in); err != nil {
			return err
		}
		m.take(b.Bytes(), time.Now())
	}
}

// take accounts for a message. Items are known by their story, which has their
// number; they are posted one by one, so they come in order.
func (m *reader) take(msg []byte, now time.Time) {
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
	if err != nil {
		return // a beat, or another exercise
	}
	if n < int(m.next.Load()) {
		r.repeated.Add(1)
		return
	}
	r.delivered.Add(1)
	m.next.Store(int32(n + 1))
	r.mu.Lock()
	begun := r.begun[n]
	r.mu.Unlock()
	r.latency.Add(now.Sub(begun))
	if r.left[n].Add(-1) == 0 {
		r.last.Add(now.Sub(begun))
	}
	if m.storms {
		m.arrived(now)
	} else {
		r.storm.count(begun, now)
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
