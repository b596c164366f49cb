package hub

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"net"
	"net/http"
	"time"

	"github.com/coder/websocket"
)

// conn is the connection that coder/websocket sees, for as long as it reads
// what a client has sent. Its end of a WebSocket takes 2 kB, and most clients
// never send anything, so it is let go of after the handshake and after every
// read, and made anew for the next one, by a handshake with nobody. Nothing is
// lost: control frames are all that a client may send, each stands for itself,
// and after a close frame nothing is read any more.
//
// coder's reader must never wait in the middle of a frame, so it is given
// complete frames only. That rests on three things coder/websocket v1.8.15
// does, which the tests hold it to: it asks for bytes one frame at a time; it
// writes each control frame with one Write, as long as its buffer holds one;
// and it closes the connection itself only after a close frame has come or
// gone.
type conn struct {
	*client
	in   []byte // complete frames that coder's reader has not taken yet
	over bool   // coder's end is let go of
}

// read has coder/websocket read in, complete frames. It does not wait: see
// Read.
func (c *client) read(in []byte, found finding) {
	end := &conn{client: c, in: in}
	ws, err := websocket.Accept(nobody{end}, handshakeAgain(c.form), acceptOptions())
	if err != nil {
		c.end(Failed, c.goodbye(closeTryLater, "this connection cannot be read: reconnect"))
		return
	}
	for len(end.in) > 0 && !c.ended() {
		_, _, err := ws.Reader(context.Background())
		c.judge(err, found)
	}
	end.letGo(ws)
}

// letGo lets go of coder's end, of which nothing is wanted any more.
func (c *conn) letGo(ws *websocket.Conn) {
	c.over = true
	_ = ws.CloseNow() // only ever says that it is closed
}

// buffers are coder's: they hold one control frame, in place of net/http's two
// of 4 KiB.
func (c *conn) buffers() *bufio.ReadWriter {
	return bufio.NewReadWriter(bufio.NewReaderSize(c, 16), bufio.NewWriterSize(c, 2+maxControl))
}

// acceptOptions are what a handshake agrees to: any origin, see
// Hub.WebSocket, and compression without context on either side.
func acceptOptions() *websocket.AcceptOptions {
	return &websocket.AcceptOptions{InsecureSkipVerify: true, CompressionMode: websocket.CompressionNoContextTakeover}
}

// handshakeAgain is a handshake that agrees to what that of form f did.
func handshakeAgain(f form) *http.Request {
	h := http.Header{
		"Connection": {"Upgrade"}, "Upgrade": {"websocket"},
		"Sec-Websocket-Version": {"13"}, "Sec-Websocket-Key": {"AAAAAAAAAAAAAAAAAAAAAA=="},
	}
	if f == packed {
		h["Sec-Websocket-Extensions"] = []string{"permessage-deflate"}
	}
	return &http.Request{Method: http.MethodGet, ProtoMajor: 1, ProtoMinor: 1, Header: h}
}

// nobody is the http.ResponseWriter of a handshake that nobody sees.
type nobody struct{ end *conn }

// Header is thrown away.
func (nobody) Header() http.Header { return http.Header{} }

// WriteHeader does nothing.
func (nobody) WriteHeader(int) {}

// Write throws b away.
func (nobody) Write(b []byte) (int, error) { return len(b), nil }

// Hijack is where coder/websocket gets the connection from.
func (n nobody) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return n.end, n.end.buffers(), nil
}

var errNoFrame = errors.New("no complete frame")

// Read gives out complete frames.
func (c *conn) Read(p []byte) (int, error) {
	if len(c.in) == 0 {
		return 0, errNoFrame
	}
	n := copy(p, c.in)
	c.in = c.in[n:]
	return n, nil
}

// Write sends p, one control frame, after all that waits.
func (c *conn) Write(p []byte) (int, error) {
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
func (c *conn) Close() error {
	if !c.over {
		c.hungUp = true
	}
	return nil
}

// LocalAddr and the methods below make conn a net.Conn. coder/websocket has no
// use for them.
func (*conn) LocalAddr() net.Addr { return nil }

// RemoteAddr is not used.
func (*conn) RemoteAddr() net.Addr { return nil }

// SetDeadline is not used.
func (*conn) SetDeadline(time.Time) error { return nil }

// SetReadDeadline is not used.
func (*conn) SetReadDeadline(time.Time) error { return nil }

// SetWriteDeadline is not used.
func (*conn) SetWriteDeadline(time.Time) error { return nil }

// closeCode is the code in p, a close frame of ours, or 0.
func closeCode(p []byte) uint16 {
	if len(p) < 4 {
		return 0
	}
	return uint16(p[2])<<8 | uint16(p[3])
}
