package hub

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"time"

	"crier/news"
)

// EventStream makes the client of req a reader of server-sent events. On
// ErrNotReady, ErrDraining, ErrFull and ErrCrowded nothing has been written to
// w. A client resumes by Join.Cursor, which a browser remembers as the id of
// the last event.
//
// Over HTTP/1 the connection becomes the hub's, as a WebSocket's does, and the
// stream ends with it: EventStream waits until the reader has been brought to
// the head, and not for its end. Over HTTP/2, where a connection carries other
// requests too, it blocks until the reader has left or been sent away.
func (h *Hub) EventStream(w http.ResponseWriter, req *http.Request, j Join) error {
	where := homeOf(j.Address)
	if err := h.admit(where); err != nil {
		return err
	}
	header := w.Header()
	header.Set("Content-Type", "text/event-stream")
	header.Set("Cache-Control", "no-cache, no-transform") // a proxy that compresses would hold events back
	header.Set("X-Accel-Buffering", "no")                 // the same for nginx and its buffers
	if req.ProtoMajor == 1 && h.ownStream(w, req, j) {
		return nil
	}
	s := &stream{woken: make(chan struct{}, 1), rc: http.NewResponseController(w)}
	s.init(h, s, events, j.Topics)
	s.home = where
	if j.Desk {
		s.sitDown()
	}
	defer s.leave(Left)
	w.WriteHeader(http.StatusOK)
	s.serve(w, req, j)
	return nil
}

// ownStream takes the connection over, or reports that it is not to be had:
// then nothing has changed.
func (h *Hub) ownStream(w http.ResponseWriter, req *http.Request, j Join) bool {
	h.way.enter()
	c, p, ok := h.takeOver(w, j)
	h.way.exit()
	if c != nil {
		h.bring(req.Context(), &c.reader, p, c.flush)
	}
	return ok
}

// takeOver makes the connection of w a reader's and greets it. It is nil if
// that failed. It does not wait.
func (h *Hub) takeOver(w http.ResponseWriter, j Join) (_ *client, _ place, ok bool) {
	nc, brw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return nil, place{}, false
	}
	early, _ := brw.Peek(brw.Reader.Buffered()) // what came with the request, if anything
	c, begin, err := h.attach(nc, events, j.Topics, bytes.Clone(early))
	if err != nil {
		_ = nc.Close() // there is no way left to answer
		h.door.leave(homeOf(j.Address))
		h.o.Logger.Error("an event stream could not be begun", "error", err)
		return nil, place{}, true
	}
	c.home = homeOf(j.Address)
	if j.Desk {
		c.sitDown()
	}
	p := h.start(j.Cursor)
	c.push(append(streamHead(w.Header()), h.welcome(p.cursor)...)) // one packet
	begin()
	return c, p, true
}

const (
	// A browser comes back by itself after a time between these. It does not
	// back off and all wait equally long, unless they are told otherwise.
	firstReturn = time.Second
	lastReturn  = 6 * time.Second
)

// welcome is the hello of an event stream, with when its browser is to come
// back if it ends: each at another time.
func (h *Hub) welcome(c news.Cursor) []byte {
	wait := firstReturn + rand.N(lastReturn-firstReturn) //nolint:gosec // to spread them, not to be secret
	return append(fmt.Appendf(nil, "retry: %d\n", wait.Milliseconds()), encodeHello(c, h.o.Beat)[events]...)
}

// streamHead is the head of an answer that ends with its connection, which
// needs no chunks (RFC 9112 section 6.3): the events are the same bytes for all.
func streamHead(header http.Header) []byte {
	header.Set("Connection", "close")
	header.Set("Date", time.Now().UTC().Format(http.TimeFormat))
	head := bytes.NewBufferString("HTTP/1.1 200 OK\r\n")
	_ = header.Write(head) // a buffer does not fail
	head.WriteString("\r\n")
	return head.Bytes()
}

// stream is a reader of server-sent events whose connection is not ours. The
// goroutine of its request writes what it is sent, so that it works over
// whatever net/http speaks. It is its own wire.
type stream struct {
	reader
	rc    *http.ResponseController
	woken chan struct{}
}

// serve writes to w until the reader has ended.
func (s *stream) serve(w http.ResponseWriter, req *http.Request, j Join) {
	write := func(b []byte) error {
		s.writeBy(time.Now().Add(s.hub.patience))
		if _, err := w.Write(b); err != nil {
			return fmt.Errorf("write an event: %w", err)
		}
		return s.rc.Flush()
	}
	flush := func(context.Context) error {
		if !s.drainTo(write) {
			return errEnded
		}
		return nil
	}
	p := s.hub.start(j.Cursor)
	s.push(s.hub.welcome(p.cursor))
	s.hub.bring(req.Context(), &s.reader, p, flush)
	for s.drainTo(write) {
		select {
		case <-s.woken:
		case <-req.Context().Done():
			s.end(Left, nil)
		}
	}
	s.writeBy(time.Now().Add(lingerTime)) // for what net/http has still to write
}

// write takes nothing at once: net/http might block.
func (s *stream) write([]byte) (int, error) { return 0, nil }

func (s *stream) await() {
	s.owe()
	wake(s.woken)
}

func (s *stream) rest(bool) {}

func (s *stream) expire() {
	s.writeBy(time.Now().Add(lingerTime)) // for a write in hand
	wake(s.woken)
}

func (s *stream) abort() {}

// writeBy limits a write that blocks. Not all writers know deadlines; what
// waits for them is bounded all the same.
func (s *stream) writeBy(t time.Time) { _ = s.rc.SetWriteDeadline(t) }
