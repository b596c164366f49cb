package hub

import (
	"bytes"
	"context"
	"errors"
	"sync/atomic"
	"time"

	"crier/news"
)

// A log that cannot be read looks, to a reader, like a quiet day. So when it
// has not been heard of for StaleAfter, all readers are told at once with a
// beat that says so, and with a plain one as soon as it is heard of again.
// Nobody is sent away for it: the other nodes read the same log.

// pulse is when the log was last heard of, and what readers know of that.
type pulse struct {
	heard atomic.Int64            // on the hub's clock
	told  atomic.Pointer[message] // what readers were told when it fell silent; nil while it is not
	again chan struct{}           // it is heard of again
}

// hear: the log has answered, or an entry has come from it.
func (h *Hub) hear() {
	h.pulse.heard.Store(int64(h.clock()))
	if h.pulse.told.Load() != nil {
		wake(h.pulse.again)
	}
}

// left is how long the log may stay silent from now.
func (h *Hub) left() time.Duration {
	return h.o.StaleAfter - (h.clock() - time.Duration(h.pulse.heard.Load()))
}

// watch tells the readers when the log falls silent, and when it is back.
func (h *Hub) watch(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case <-h.ready: // until then there is nobody
	}
	for {
		for left := h.left(); left > 0; left = h.left() {
			select {
			case <-ctx.Done():
				return nil
			case <-time.After(left):
			}
		}
		h.o.Logger.Warn("the log has fallen silent: readers are told", "for", h.o.StaleAfter)
		h.tellPulse(ctx, true)
		for h.left() <= 0 { // an old knock may still be there
			select {
			case <-ctx.Done():
				return nil
			case <-h.pulse.again:
			}
		}
		h.o.Logger.Info("the log is read again: readers are told")
		h.tellPulse(ctx, false)
	}
}

// tellPulse sends a beat to all readers, and has it stand for those who come
// later if it is stale.
func (h *Hub) tellPulse(ctx context.Context, stale bool) {
	h.order.Lock()
	defer h.order.Unlock()
	h.mu.RLock()
	m := &message{kind: word, stale: stale, from: h.seq, seq: h.seq, encoded: encodeBeat(h.head, stale)}
	h.mu.RUnlock()
	bare := encodeBeat(news.Cursor{}, stale)
	m.bare, m.encoded[lines] = &bare, bare[lines] // a page has the cursor that counts
	if h.pulse.told.Store(nil); stale {
		h.pulse.told.Store(m)
	}
	_ = h.broadcast(ctx, m) // fails only when all is over
}

// stale reports whether the log has fallen silent.
func (h *Hub) stale() bool { return h.pulse.told.Load() != nil }

// vouch is b, lines for a poll, with the beat that says that they may not be
// all there is, last, if that is so.
func (h *Hub) vouch(b []byte) []byte {
	m := h.pulse.told.Load()
	if m == nil || bytes.HasSuffix(b, m.encoded[lines]) {
		return b
	}
	return append(bytes.Clone(b), m.encoded[lines]...)
}

// watched is the log as we follow it: whoever answers is heard of, also with
// the answer that history is lost.
type watched struct {
	Source
	hear func()
}

// Since is the log's.
func (w watched) Since(ctx context.Context, from news.Cursor, limit int) ([]news.Entry, error) {
	entries, err := w.Source.Since(ctx, from, limit)
	return entries, w.note(err)
}

// Head is the log's.
func (w watched) Head(ctx context.Context) (news.Cursor, error) {
	c, err := w.Source.Head(ctx)
	return c, w.note(err)
}

// Front is the log's.
func (w watched) Front(ctx context.Context, n int) (news.Snapshot, error) {
	s, err := w.Source.Front(ctx, n)
	return s, w.note(err)
}

func (w watched) note(err error) error {
	if err == nil || errors.Is(err, news.ErrCursorLost) {
		w.hear()
	}
	return err
}
