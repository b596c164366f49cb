package hub

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"

	"github.com/coder/websocket"
)

// HandshakeError is a request that is no WebSocket handshake we can take.
// Nothing but headers of the answer has been set, such as those that RFC 6455
// section 4.2.2 wants with a 426.
type HandshakeError struct {
	Status int // the answer's
	Detail string
}

func (e *HandshakeError) Error() string { return "websocket handshake: " + e.Detail }

// WebSocket makes the client of req a reader. On ErrNotReady, ErrDraining,
// ErrFull, ErrCrowded and a *HandshakeError nothing has been written to w;
// after that the connection is the hub's, and what happens to it is told to the client only.
// It waits until the reader has been brought to the head, and not for its end.
//
// The origin of the page is not looked at: the live stream is the same public
// news that GET /v1/items gives to anybody, no cookie or key changes it, and
// clients can send nothing on it; <news-ticker> is made to be embedded in
// other sites' pages.
func (h *Hub) WebSocket(w http.ResponseWriter, req *http.Request, j Join) error {
	where := homeOf(j.Address)
	if err := h.admit(where); err != nil {
		return err
	}
	h.way.enter()
	c, p, err := h.shake(w, req, j)
	h.way.exit()
	if err != nil {
		h.door.leave(where)
		if errors.Is(err, errCutOff) {
			h.o.Logger.Error("a WebSocket could not be begun", "error", err)
			return nil
		}
		return err
	}
	h.bring(req.Context(), &c.reader, p, c.flush)
	return nil
}

// shake makes the client of req one of ours and greets it. It does not wait.
func (h *Hub) shake(w http.ResponseWriter, req *http.Request, j Join) (*client, place, error) {
	hs := &handshake{w: w, hub: h, join: j}
	o := acceptOptions()
	if h.o.Plain {
		o.CompressionMode = websocket.CompressionDisabled
	}
	ws, err := websocket.Accept(hs, req, o)
	switch {
	case hs.cut != nil:
		return nil, place{}, fmt.Errorf("%w: %w", errCutOff, hs.cut)
	case err != nil:
		return nil, place{}, hs.refusal(err)
	}
	c := hs.end.client
	c.home = homeOf(j.Address)
	if j.Desk {
		c.sitDown()
	}
	hs.end.letGo(ws)
	p := h.start(j.Cursor)
	c.push(append(hs.answer, encodeHello(p.cursor, h.o.Beat)[frames]...)) // one packet
	hs.begin()
	return c, p, nil
}

// errCutOff: the connection was taken over and could not be made a reader's. It
// is closed, there is no way left to answer.
var errCutOff = errors.New("the connection was taken over and is lost")

// handshake is the http.ResponseWriter that coder/websocket gets: it keeps an
// answer that refuses from being written, so that our caller can give it in
// its own form, and has the connection taken over by ours.
type handshake struct {
	w    http.ResponseWriter
	hub  *Hub
	join Join

	status int          // of a refusal
	detail bytes.Buffer // its text

	answer []byte // that switches protocols, to be sent with the first message
	end    *conn  // once hijacked
	begin  func() // starts the wire
	cut    error  // what failed after the connection was taken over
}

// Header is the answer's.
func (hs *handshake) Header() http.Header { return hs.w.Header() }

// WriteHeader keeps the status; that of success needs no keeping.
func (hs *handshake) WriteHeader(status int) { hs.status = status }

// Write keeps what is said about a refusal.
func (hs *handshake) Write(b []byte) (int, error) { return hs.detail.Write(b) }

func (hs *handshake) refusal(err error) error {
	if hs.status == 0 || hs.status == http.StatusSwitchingProtocols {
		hs.status = http.StatusInternalServerError
	}
	detail := strings.TrimSpace(hs.detail.String())
	if detail == "" {
		detail = err.Error()
	}
	hs.w.Header().Del("Content-Type") // of the text that is not written
	return &HandshakeError{Status: hs.status, Detail: detail}
}

// Hijack takes the connection over and hands coder/websocket our end of it.
func (hs *handshake) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	nc, brw, err := http.NewResponseController(hs.w).Hijack()
	if err != nil {
		for _, name := range []string{"Upgrade", "Connection", "Sec-WebSocket-Accept", "Sec-WebSocket-Extensions"} {
			hs.Header().Del(name)
		}
		return nil, nil, err
	}
	f := frames
	if hs.Header().Get("Sec-WebSocket-Extensions") != "" { // the only one that coder/websocket knows
		f = packed
	}
	r := brw.Reader
	early, _ := r.Peek(r.Buffered()) // what came with the request, if anything
	c, begin, err := hs.hub.attach(nc, f, hs.join.Topics, bytes.Clone(early))
	if err != nil {
		_ = nc.Close()
		hs.cut = err
		return nil, nil, err
	}
	hs.end, hs.begin = &conn{client: c}, begin
	answer := bytes.NewBufferString("HTTP/1.1 101 Switching Protocols\r\n")
	if err := hs.Header().Write(answer); err != nil {
		return nil, nil, fmt.Errorf("write the handshake's header: %w", err) // a buffer does not fail
	}
	answer.WriteString("\r\n")
	hs.answer = answer.Bytes()
	return hs.end, hs.end.buffers(), nil
}

// attach makes a client of nc: parked where that is possible, attended by a
// goroutine where not. begin starts it.
func (h *Hub) attach(nc net.Conn, f form, topics []string, early []byte) (c *client, begin func(), err error) {
	h.tune(nc)
	if !h.o.Portable {
		if c, begin, err = h.park(nc, f, topics, early); c != nil || err != nil {
			return c, begin, err
		}
	}
	a := &attended{nc: nc}
	a.init(h, a, f, topics)
	return &a.client, func() { h.own.Go(func() { a.listen(early) }) }, nil
}
