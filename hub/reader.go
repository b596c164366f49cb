package hub

import (
	"context"
	"errors"
	"sync"
	"time"
)

// reader is one reader, whatever it reads over. The types that embed it
// (parked, attended, stream, visit) are its wires. What a delivery touches
// comes first, and so does parked.fd: with ten thousand readers none of it is
// in the processor's cache, and each line of it costs as much as the rest.
type reader struct {
	wire  wire
	at    uint64     // the last broadcast it has; its joiner's, then its shard's
	mu    sync.Mutex // guards state, out, owed, began and blank, and all writing
	form  form
	state state
	owed  bool // a goroutine has been woken to write, and has not begun
	desk  bool // see desk.go
	out   outbox

	hub   *Hub
	shard *shard
	crowd *crowd // whose topics it wants
	home  home
	began time.Duration // when a goroutine began its last write, on the hub's clock
	blank chan struct{} // if made, closed when the outbox is empty or the reader ended
}

// state is how far a reader is on its way out.
type state uint8

const (
	open   state = iota
	ending       // takes no more: what is in the outbox is sent, then the wire shuts
	gone         // the wire is closed
)

// wire takes a reader's bytes. Its methods are called with reader.mu held and
// never block. Whoever runs the wire (the poller, a goroutine, an HTTP
// handler) alone closes it, and calls reader.leave once when it has.
type wire interface {
	// write takes as much of b as goes at once. An error says that the other
	// side is gone.
	write(b []byte) (n int, err error)
	// await asks for the outbox to be emptied when write takes more.
	await()
	// rest: the outbox is empty. If last, nothing more will come: the other
	// side is to be told, and to close.
	rest(last bool)
	// expire: whatever happens, the wire is closed after lingerTime.
	expire()
	// abort: the wire is broken, and to be closed.
	abort()
}

// init makes r a reader of the next shard in turn.
func (r *reader) init(h *Hub, w wire, f form, topics []string) {
	r.hub, r.wire, r.form = h, w, f
	r.crowd = h.audience.join(topics)
	r.shard = h.shards[h.next.Add(1)%uint64(len(h.shards))]
	h.tally.joined(f)
}

// end takes no more messages: what waits is sent, then last, then the wire is
// shut. It does nothing to a reader that has ended.
func (r *reader) end(why Cause, last []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.state == open {
		r.stop(why, last)
	}
}

// stop is end with r.mu held and r open. A slow reader gets nothing of what
// waits but the rest of the frame it has the beginning of: last should reach
// it if anything does.
func (r *reader) stop(why Cause, last []byte) {
	r.set(ending, why)
	if why == Slow {
		r.out.cut(r.unit)
	}
	r.wire.expire()
	if n := len(last); n > 0 {
		var err error
		written := 0
		if r.out.empty() {
			if written, err = r.wire.write(last); err != nil {
				r.fail(why)
				return
			}
		}
		if written < n {
			if r.out.empty() {
				r.wire.await()
			}
			r.out.add(last, written)
		}
	}
	if r.out.empty() {
		r.settle()
	} else {
		r.wakeJoiner()
	}
}

// fail gives up a wire that takes nothing any more. r.mu is held.
func (r *reader) fail(why Cause) {
	r.set(ending, why)
	r.out = outbox{}
	r.pay()
	r.wire.abort()
	r.wakeJoiner()
}

// owe: a goroutine has been woken to write. r.mu is held.
func (r *reader) owe() {
	if !r.owed {
		r.owed = true
		r.shard.owed.Add(1)
	}
}

// pay: it has begun, or will not. r.mu is held.
func (r *reader) pay() {
	if r.owed {
		r.owed = false
		if r.shard.owed.Add(-1) == 0 {
			wake(r.shard.paid)
		}
	}
}

const (
	// stuckTime is how long a goroutine's write may take before we say that the
	// client is slow, and not that there is much to do here.
	stuckTime = 250 * time.Millisecond
	// maxAhead times QueueBytes is too far behind whoever is to blame.
	maxAhead = 16
)

// tooFar reports whether r, who is behind already, would be too far behind with
// more bytes. r.mu is held.
func (r *reader) tooFar(more int) bool {
	switch size, limit := r.out.size+more, r.hub.o.QueueBytes; {
	case size <= limit:
		return false
	case size > maxAhead*limit:
		return true
	case r.owed: // a goroutine will write, once it gets to
		return false
	case r.out.busy > 0: // a goroutine writes
		return r.hub.clock()-r.began > stuckTime
	}
	return true
}

// settle: the outbox is empty. r.mu is held.
func (r *reader) settle() {
	r.pay()
	r.wire.rest(r.state == ending)
	r.wakeJoiner()
}

func (r *reader) wakeJoiner() {
	if r.blank != nil {
		close(r.blank)
		r.blank = nil
	}
}

// set changes the state, which goes one way only. The first cause counts. r.mu
// is held.
func (r *reader) set(to state, why Cause) {
	if r.state == open {
		r.hub.tally.ended(r.form, why)
	}
	r.state = max(r.state, to)
}

// leave: the wire is closed. Called once, by who closed it.
func (r *reader) leave(why Cause) {
	r.mu.Lock()
	r.set(gone, why)
	r.out = outbox{}
	r.pay()
	r.wakeJoiner()
	r.mu.Unlock()
	r.shard.missed()
	r.hub.tally.left(r.form)
	r.hub.audience.leave(r.crowd)
	r.standUp()
	r.hub.door.leave(r.home)
}

// ended reports whether r takes no more messages.
func (r *reader) ended() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.state != open
}

// maxWrite bounds what is copied together to empty an outbox.
const maxWrite = 16 << 10

// drainTo empties the outbox with a write that may block, and reports whether
// r is still open. Only one goroutine at a time may do so.
func (r *reader) drainTo(write func([]byte) error) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for !r.out.empty() {
		b := r.out.next(maxWrite)
		r.out.busy, r.began = len(b), r.hub.clock()
		r.pay()
		r.mu.Unlock()
		err := write(b)
		r.mu.Lock()
		if r.state == gone {
			return false
		}
		r.out.busy = 0
		if err != nil {
			r.fail(causeOf(err))
			return false
		}
		r.out.written(len(b))
	}
	r.settle()
	return r.state == open
}

var errEnded = errors.New("the reader has ended")

// flush waits until the outbox is empty.
func (r *reader) flush(ctx context.Context) error {
	r.mu.Lock()
	if r.out.empty() || r.state != open {
		defer r.mu.Unlock()
		return r.standing()
	}
	blank := make(chan struct{})
	r.blank = blank
	r.mu.Unlock()
	select {
	case <-blank:
	case <-ctx.Done():
		return ctx.Err()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.standing()
}

func (r *reader) standing() error {
	if r.state != open {
		return errEnded
	}
	return nil
}
