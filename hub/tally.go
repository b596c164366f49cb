package hub

import (
	"errors"
	"os"
	"sync/atomic"
	"syscall"

	"crier/news"
)

// Cause is why a reader left or was told to.
type Cause uint8

// The causes.
const (
	Left     Cause = iota // went by itself, or its network did
	Slow                  // was further behind than QueueBytes
	Silent                // took nothing for too long: the kernel or a write gave up
	Policy                // sent data
	TooBig                // sent too much data
	Protocol              // sent what is not WebSocket
	Failed                // could not be resumed
	Drained               // was sent away
	causes
)

func (c Cause) String() string {
	return [causes]string{"left", "slow", "silent", "policy", "too_big", "protocol", "failed", "drained"}[c]
}

// causeOf is why a read or write of a socket failed. A network that is gone
// may say so when the kernel gives up, or say nothing at all.
func causeOf(err error) Cause {
	for _, gone := range []error{os.ErrDeadlineExceeded, syscall.ETIMEDOUT, syscall.EHOSTUNREACH, syscall.ENETUNREACH} {
		if errors.Is(err, gone) {
			return Silent
		}
	}
	return Left
}

// Stats are what the hub has counted since it was made.
type Stats struct {
	WebSockets   int              // readers now, by transport
	EventStreams int              //
	Polls        int              //
	Closed       map[Cause]uint64 // readers who have left or been told to, polls not counted
	Messages     uint64           // given to readers by broadcast: entries, beats, resets, drains
	Bytes        uint64           // of these
	Resets       uint64           // fronts sent in place of lost or too many entries
	Head         news.Cursor      // of the last entry broadcast
	Stale        bool             // the log is silent, and the readers know
}

// tally counts for Stats.
type tally struct {
	readers  [forms]atomic.Int64
	closed   [causes]atomic.Uint64
	messages atomic.Uint64
	bytes    atomic.Uint64
	resets   atomic.Uint64
}

// delivered is what one broadcast of one shard has done.
type delivered struct{ messages, bytes uint64 }

func (d *delivered) count(messages, bytes int) {
	d.messages += uint64(messages)
	d.bytes += uint64(bytes)
}

// push gives r one message, if its form has it, and counts it.
func (d *delivered) push(r *reader, b []byte) {
	if len(b) > 0 && r.push(b) {
		d.count(1, len(b))
	}
}

func (t *tally) deliver(d delivered) {
	t.messages.Add(d.messages)
	t.bytes.Add(d.bytes)
}

func (t *tally) joined(f form) { t.readers[f].Add(1) }

// now is how many readers there are.
func (t *tally) now() (n int64) {
	for f := range t.readers {
		n += t.readers[f].Load()
	}
	return n
}

func (t *tally) left(f form) { t.readers[f].Add(-1) }

func (t *tally) ended(f form, why Cause) {
	if f != lines {
		t.closed[why].Add(1)
	}
}

// Stats returns the counts as of now. It does not block.
func (h *Hub) Stats() Stats {
	t := &h.tally
	s := Stats{
		WebSockets: int(t.readers[frames].Load() + t.readers[packed].Load()), EventStreams: int(t.readers[events].Load()), Polls: int(t.readers[lines].Load()),
		Closed:   map[Cause]uint64{},
		Messages: t.messages.Load(), Bytes: t.bytes.Load(), Resets: t.resets.Load(), Stale: h.stale(),
	}
	for c := range causes {
		if n := t.closed[c].Load(); n > 0 {
			s.Closed[c] = n
		}
	}
	h.mu.RLock()
	defer h.mu.RUnlock()
	s.Head = h.head
	return s
}
