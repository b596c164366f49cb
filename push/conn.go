package push

import (
	"context"
	"net/http"
	"slices"
	"time"
)

// maxStreams is the most requests at once on a connection, whatever it offers.
const maxStreams = 100

// firstRoom is how many requests a connection is given before its first
// answer. Only then is it sure that we know how many it takes (the server's
// SETTINGS, RFC 9113 section 3.4, come before that), and what is too much by
// the server's count is refused.
const firstRoom = 10

// conn is one connection that an origin owns. Its fields are guarded by the
// origin's mutex; all but inflight are set once it is connected.
type conn struct {
	cc       *http.ClientConn // nil while it is dialled
	multi    bool             // HTTP/2: many requests at once
	room     int              // the most requests at once that we make
	inflight int
	answered time.Time // when the last answer came
	retired  bool      // takes no more requests, and is closed after the last
	lost     bool      // a request was lost with it
}

// measure sets how many requests c is given at once, of a hundred that it takes
// in all: about half. At its limit, HTTP/2 requests queue behind one another
// inside the connection, where no lane and no deadline reaches them.
func (c *conn) measure(ofHundred int) {
	c.room = 1
	if all := c.cc.Available() + c.cc.InFlight(); c.multi {
		c.room = min(max(all*ofHundred/100, 1), maxStreams)
	}
}

// half is how many of a hundred.
const half = 50

// usable reports whether c takes requests. A connection that the other side
// is about to close says so by offering nothing.
func (c *conn) usable() bool {
	return !c.retired && c.cc.Err() == nil && (!c.multi || c.cc.Available() > 0)
}

// free reserves a place on a connection, nil if there is none just now; then
// it has seen to it that one more is dialled, if one more may be. The caller
// holds o.mu.
func (o *origin) free(ctx context.Context, now time.Time) *conn {
	dialling := false
	for _, c := range slices.Clone(o.conns) {
		switch {
		case c.cc == nil:
			dialling = true
		case !c.usable():
			o.retire(c)
		case c.inflight < c.room:
			c.inflight++
			return c
		}
	}
	if !dialling && len(o.conns) < o.net.conns && !now.Before(o.nextDial) {
		c := &conn{}
		o.conns = append(o.conns, c)
		o.net.tasks.Go(func() { o.dial(ctx, c) })
	}
	return nil
}

// dial connects c. While other connections work a failure only puts off the
// next dial; else the origin rests.
func (o *origin) dial(ctx context.Context, c *conn) {
	dialCtx, cancel := context.WithTimeout(ctx, 2*dialTimeout) // to connect and to shake hands
	defer cancel()
	cc, err := o.net.transport.NewClientConn(dialCtx, o.scheme, o.addr)
	now := time.Now()
	o.mu.Lock()
	defer o.mu.Unlock()
	defer o.ring()
	switch {
	case err == nil:
		c.cc, c.answered = cc, now
		c.multi = cc.Available() > 1
		c.measure(o.net.fill)
		c.room = min(c.room, firstRoom)
	case ctx.Err() != nil: // we are stopping
		o.drop(c)
	default:
		o.drop(c)
		o.nextDial = now.Add(firstRest)
		if len(o.conns) == 0 {
			o.unreachable(bare(err), now)
		}
	}
}

// release gives back a place on c after a request that began at start.
func (o *origin) release(c *conn, start time.Time, out outcome) {
	o.mu.Lock()
	defer o.mu.Unlock()
	defer o.ring()
	c.inflight--
	switch {
	case out.answered:
		c.answered = out.at
		c.measure(o.net.fill)
	case out.timedOut && !c.answered.After(start):
		c.retired = true // nothing at all has come since: it has stalled
	}
	if !c.usable() {
		o.retire(c)
	}
}

// lostWith reports whether c is lost and a request before this one was lost with
// it: a connection that goes is one failure, however many were on it.
func (o *origin) lostWith(c *conn) (before bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if c.cc.Err() != nil {
		before, c.lost = c.lost, true
	}
	return before
}

// unreserve gives back a place that was not used. The caller holds o.mu.
func (o *origin) unreserve(c *conn) {
	c.inflight--
	if c.retired {
		o.retire(c)
	}
}

// retire has c take no more requests. What is under way on it may end; with
// the last it is closed. The caller holds o.mu.
func (o *origin) retire(c *conn) {
	c.retired = true
	o.drop(c)
	if c.inflight == 0 {
		_ = c.cc.Close() // it is of no more use, whatever Close says
	}
}

// drop takes c off the list. The caller holds o.mu.
func (o *origin) drop(c *conn) {
	o.conns = slices.DeleteFunc(o.conns, func(have *conn) bool { return have == c })
}
