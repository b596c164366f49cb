package hub

import (
	"context"
	"sync/atomic"
)

// Some readers are editors' desks. Besides what all readers get they are told
// what is for editors alone: how their alerts go. It is encoded once and
// written as an entry is, but has no cursor and no number, and is not
// made up for: the next one comes in a second.

// desks counts the readers who are desks.
type desks struct{ n atomic.Int64 }

// Desks is how many readers have joined with Join.Desk and are here. It does
// not block.
func (h *Hub) Desks() int { return int(h.desks.n.Load()) }

// TellDesks sends js, a JSON text on one line, to every desk that is here. It
// waits only where the shards have more to write than they have room to put in
// line, and no longer than ctx.
func (h *Hub) TellDesks(ctx context.Context, js []byte) {
	h.tell(ctx, &message{kind: aside, encoded: shape("", "", js)})
}

// sitDown makes r a desk, before anybody else knows of it.
func (r *reader) sitDown() {
	r.desk = true
	r.hub.desks.n.Add(1)
}

// standUp undoes that when its wire is closed.
func (r *reader) standUp() {
	if r.desk {
		r.hub.desks.n.Add(-1)
	}
}

// tellDesks sends m to the shard's desks.
func (s *shard) tellDesks(m *message, sent *delivered) {
	for _, r := range s.desks {
		sent.push(r, m.encoded[r.form])
	}
}
