package hub

import (
	"context"
	"net/http"
	"time"
)

// stream is a reader of server-sent events. The goroutine of its request
// writes what it is sent, so that it works over whatever net/http speaks. It
// is its own wire.
type stream struct {
	reader
	rc    *http.ResponseController
	woken chan struct{}
}

// EventStream makes the client of req a reader of server-sent events and
// blocks until it has left or been sent away. On ErrNotReady, ErrDraining and
// ErrFull nothing has been written to w. A client resumes by Join.Cursor, which
// a browser remembers as the id of the last event.
func (h *Hub) EventStream(w http.ResponseWriter, req *http.Request, j Join) error {
	if err := h.admit(); err != nil {
		return err
	}
	s := &stream{woken: make(chan struct{}, 1), rc: http.NewResponseController(w)}
	s.init(h, s, events, j.Topics)
	defer s.leave(Left)

	header := w.Header()
	header.Set("Content-Type", "text/event-stream")
	header.Set("Cache-Control", "no-cache, no-transform") // a proxy that compresses would hold events back
	header.Set("X-Accel-Buffering", "no")                 // the same for nginx and its buffers
	if req.ProtoMajor == 1 {
		header.Set("Connection", "close") // its write deadline must not meet another request
	}
	w.WriteHeader(http.StatusOK)

	write := func(b []byte) error {
		s.writeBy(time.Now().Add(h.patience))
		if _, err := w.Write(b); err != nil {
			return err
		}
		return s.rc.Flush()
	}
	flush := func(context.Context) error {
		if !s.drainTo(write) {
			return errEnded
		}
		return nil
	}
	p := h.start(j.Cursor)
	s.push(encodeHello(p.cursor, h.o.Beat)[events])
	h.bring(req.Context(), &s.reader, p, flush)
	for s.drainTo(write) {
		select {
		case <-s.woken:
		case <-req.Context().Done():
			s.end(Left, nil)
		}
	}
	s.writeBy(time.Now().Add(lingerTime)) // for what net/http has still to write
	return nil
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
