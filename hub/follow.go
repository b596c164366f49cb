package hub

import (
	"context"
	"errors"
	"fmt"
	"time"

	"crier/news"
)

// follow loads the front and follows the log from there, until ctx ends. When
// history is lost it begins anew, and every reader gets a reset.
func (h *Hub) follow(ctx context.Context) error {
	o := news.FollowOptions{
		Quiet:   min(500*time.Millisecond, h.o.StaleAfter/4), // what is not read is not heard of
		Trouble: func(err error) { h.o.Logger.Warn("the log cannot be read", "error", err) },
	}
	log := watched{h.src, h.hear}
	for {
		from, err := h.load(ctx, log)
		if err != nil {
			return err
		}
		err = news.Follow(ctx, log, from, o, func(entries []news.Entry) error { return h.publish(ctx, entries) })
		if !errors.Is(err, news.ErrCursorLost) {
			return err
		}
		h.o.Logger.Warn("history is lost: all readers get the front as it is now", "cursor", h.head.String())
	}
}

const (
	firstRetry = 50 * time.Millisecond
	lastRetry  = 2 * time.Second
)

// load takes the front as the log has it, trying until ctx ends, and tells the
// readers there are.
func (h *Hub) load(ctx context.Context, log watched) (news.Cursor, error) {
	for wait := firstRetry; ; wait = min(2*wait, lastRetry) {
		s, err := log.Front(ctx, news.FrontSize)
		if err == nil {
			return s.Cursor, h.restart(ctx, s, h.lately(ctx, log, s.Cursor))
		}
		h.o.Logger.Warn("the front cannot be read", "error", err)
		select {
		case <-ctx.Done():
			return news.Cursor{}, ctx.Err()
		case <-time.After(wait):
		}
	}
}

// latelyTime is how long readers may be kept waiting for what lately reads.
const latelyTime = time.Second

// lately is the newest entries up to head, oldest first, as many as the ring
// holds: after a crash all readers come back, most of them a few entries
// behind, and without these each would have to read the log for itself. It
// reads backwards, so that what it has when something fails is of use. When
// history is lost it reads nothing: everybody needs the front then, and is
// waiting for it.
func (h *Hub) lately(ctx context.Context, log watched, head news.Cursor) []*message {
	select {
	case <-h.ready:
		return nil
	default:
	}
	ctx, cancel := context.WithTimeout(ctx, latelyTime)
	defer cancel()
	var all []*message
	first := head.Offset // all has what follows it
	for page := uint64(pageEntries); page > 0; {
		n := min(page, first, uint64(len(h.recent.slots)-len(all)))
		if n == 0 {
			break
		}
		from := news.Cursor{Epoch: head.Epoch, Offset: first - n}
		entries, err := log.Since(ctx, from, int(n))
		switch {
		case errors.Is(err, news.ErrCursorLost): // what is older has been trimmed
			page = n / 2
			continue
		case err != nil || uint64(len(entries)) < n:
			h.o.Logger.Warn("recent entries cannot be read: who comes back reads the log", "from", from.String(), "error", err)
			return all
		}
		some := make([]*message, 0, len(entries)+len(all))
		for _, e := range entries[:n] {
			m, err := newEntry(e, news.Cursor{Epoch: head.Epoch, Offset: e.Offset})
			if err != nil {
				return all // who reads it is told
			}
			some = append(some, m)
		}
		all, first = append(some, all...), from.Offset
	}
	return all
}

// stretch is how far a reset's number is from what was before. A reader may be
// ahead of the hub by entries that the log had and lost: such a number must
// not look like one of the new epoch, or it would miss the reset, and the
// first entries that come after it.
const stretch = 1 << 32

// restart makes s the front, whatever was before, and lately, the entries
// before its cursor, what the ring begins with. Their numbers end with that of
// the reset: who has seen them all is where it brings a reader.
func (h *Hub) restart(ctx context.Context, s news.Snapshot, lately []*message) error {
	if _, err := encodeReset(s); err != nil {
		return fmt.Errorf("front at %s: %w", s.Cursor, err) // better now than to each reader
	}
	h.order.Lock()
	defer h.order.Unlock()
	h.mu.Lock()
	first := h.seq == 0
	m := &message{kind: reset}
	if !first {
		m.from = h.seq + stretch
	}
	m.seq = m.from + 1 + uint64(len(lately))
	h.head, h.seq = s.Cursor, m.seq
	h.front.Reset(s)
	h.recent.clear(m.from + 1)
	for i, e := range lately {
		e.from = m.from + 1 + uint64(i)
		e.seq = e.from + 1
		h.recent.add(e)
	}
	h.mu.Unlock()
	if first {
		close(h.ready)
	}
	return h.broadcast(ctx, m)
}

// beat tells the readers of one phase after another that we are there, and how
// far they are, if they have not heard it by an entry (see shard.beat).
func (h *Hub) beat(ctx context.Context) error {
	tick := time.NewTicker(max(h.o.Beat/phases, time.Millisecond))
	defer tick.Stop()
	for phase := 0; ; phase = (phase + 1) % phases {
		select {
		case <-ctx.Done():
			return nil
		case <-h.ready: // until then there is nobody
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		h.order.Lock()
		h.mu.RLock()
		m := &message{kind: beat, phase: phase, from: h.seq, seq: h.seq, encoded: encodeBeat(h.head, h.stale())}
		h.mu.RUnlock()
		m.encoded[lines] = nil // polls are over before they need one
		err := h.broadcast(ctx, m)
		h.order.Unlock()
		if err != nil {
			return err
		}
	}
}
