package hub

import (
	"bytes"
	"context"
	"errors"
	"net"
	"time"

	"github.com/coder/websocket"
)

// client is a reader on a WebSocket: its socket from the client's side. Bytes
// that the client sends are scanned here and then handed to coder/websocket,
// complete frames only, so that its reader never waits in the middle of one.
// That rests on three things coder/websocket v1.8.15 does, which the tests
// hold it to: it asks for bytes one frame at a time and keeps no state when it
// gets an error instead of a frame's first byte; it writes each control frame
// with one Write, as long as its buffer holds one; and it closes the
// connection itself only after a close frame has come or gone.
//
// Everything here belongs to whoever runs the wire.
type client struct {
	reader
	ws     *websocket.Conn
	in     []byte // complete frames that coder's reader has not taken yet
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
	if len(c.part) > 0 {
		b = append(c.part, b...)
	}
	n, found := scan(b)
	c.in = b[:n]
	for len(c.in) > 0 && !c.ended() {
		_, _, err := c.ws.Reader(context.Background()) // cannot wait: see Read
		c.judge(err, found)
	}
	c.in, c.part = nil, nil
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

// release lets coder's part go. The wire is closed.
func (c *client) release(why Cause) {
	c.leave(why)
	_ = c.ws.CloseNow() // only ever says that it is closed
	c.ws, c.part = nil, nil
}

var errNoFrame = errors.New("no complete frame")

// conn is the connection coder/websocket sees.
type conn struct{ *client }

// Read gives out complete frames.
func (c conn) Read(p []byte) (int, error) {
	if len(c.in) == 0 {
		return 0, errNoFrame
	}
	n := copy(p, c.in)
	c.in = c.in[n:]
	return n, nil
}

// Write sends p, one control frame, after all that waits.
func (c conn) Write(p []byte) (int, error) {
	p = bytes.Clone(p) // it may have to wait, and is coder's
	if p[0]&0xf != 0x8 {
		if !c.push(p) {
			return 0, net.ErrClosed
		}
		return len(p), nil
	}
	why := Left
	if websocket.StatusCode(closeCode(p)) == closeProtocol {
		why = Protocol
	}
	c.end(why, p)
	return len(p), nil
}

// Close is called when the close handshake is over. The connection is closed
// by who runs the wire.
func (c conn) Close() error {
	c.hungUp = true
	return nil
}

// LocalAddr and the methods below make conn a net.Conn. coder/websocket has no
// use for them.
func (conn) LocalAddr() net.Addr { return nil }

// RemoteAddr is not used.
func (conn) RemoteAddr() net.Addr { return nil }

// SetDeadline is not used.
func (conn) SetDeadline(time.Time) error { return nil }

// SetReadDeadline is not used.
func (conn) SetReadDeadline(time.Time) error { return nil }

// SetWriteDeadline is not used.
func (conn) SetWriteDeadline(time.Time) error { return nil }

// closeCode is the code in p, a close frame of ours, or 0.
func closeCode(p []byte) uint16 {
	if len(p) < 4 {
		return 0
	}
	return uint16(p[2])<<8 | uint16(p[3])
}
