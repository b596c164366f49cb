package hub

import (
	"bytes"
	"errors"
	"time"

	"github.com/coder/websocket"
)

// client is a reader on a connection that is the hub's own, from the client's
// side: a WebSocket, or an event stream, whose client has nothing to say and is
// not listened to. Bytes that come over a WebSocket are scanned here, and what
// is complete is read by coder/websocket: see conn.
//
// Everything here belongs to whoever runs the wire.
type client struct {
	reader
	part   []byte // an incomplete frame
	hungUp bool   // coder has closed the connection
	heard  int32  // bytes the client has sent in the present period
	period int32  // a period is as long as a beat
}

// lingerTime is how long an ended connection may take to be closed: to take
// what is still on its way, and for the client to close from its side. To
// close at once could reset the connection and destroy the close frame before
// the client has read it (RFC 6455 section 7.1.1).
const lingerTime = 5 * time.Second

// feed takes what the client sent.
func (c *client) feed(b []byte) {
	if c.ended() {
		return // it is only waited for the end
	}
	if c.chatters(len(b)) {
		c.end(Policy, c.goodbye(closePolicy, "too many control frames"))
		return
	}
	if !c.form.socket() {
		return
	}
	if len(c.part) > 0 {
		b = append(c.part, b...)
	}
	n, found := scan(b)
	if n > 0 {
		c.read(b[:n], found)
	}
	if found == garbled {
		c.end(Protocol, c.goodbye(closeGarbled, "the reason is not UTF-8"))
	}
	c.part = nil
	if rest := b[n:]; len(rest) > 0 && found == fine {
		c.part = bytes.Clone(rest)
	}
}

// maxHeard is how many bytes a client may send in one period. Those that ping
// need a hundredth of it; one that floods us would keep the poller from others.
const maxHeard = 16 << 10

// chatters reports whether the client has sent too much, with n bytes more.
func (c *client) chatters(n int) bool {
	if p := int32(c.hub.clock() / c.hub.o.Beat); p != c.period {
		c.period, c.heard = p, 0
	}
	c.heard += int32(n)
	return c.heard > maxHeard
}

// judge ends the connection if coder's reader came upon a reason.
func (c *client) judge(err error, found finding) {
	switch {
	case errors.Is(err, errNoFrame):
	case err == nil && found == toobig:
		c.end(TooBig, c.goodbye(closeTooBig, "this connection takes no data"))
	case err == nil:
		c.end(Policy, c.goodbye(closePolicy, "this connection takes no data"))
	case websocket.CloseStatus(err) != -1: // coder has answered the close frame
		c.end(Left, nil)
	default: // coder has said so, or it is a fault it says nothing about
		c.end(Protocol, c.goodbye(closeProtocol, "not a WebSocket frame of a client"))
	}
}

// done reports whether the close handshake is over and nothing is left to send.
func (c *client) done() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.hungUp && c.out.empty()
}

// release lets go of what is kept. The wire is closed.
func (c *client) release(why Cause) {
	c.leave(why)
	c.part = nil
}
