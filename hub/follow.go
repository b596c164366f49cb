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
			return s.Cursor, h.restart(ctx, s)
		}
		h.o.Logger.Warn("the front cannot be read", "error", err)
		select {
		case <-ctx.Done():
			return news.Cursor{}, ctx.Err()
		case <-time.After(wait):
		}
	}
}

// restart makes s the front, whatever was before.
func (h *Hub) restart(ctx context.Context, s news.Snapshot) error {
	if _, err := encodeReset(s); err != nil {
		return fmt.Errorf("front at %s: %w", s.Cursor, err) // better now than to each reader
	}
	h.order.Lock()
	defer h.order.Unlock()
	h.mu.Lock()
	first := h.seq == 0
	m := &message{kind: reset, from: h.seq, seq: h.seq + 1}
	h.head, h.seq = s.Cursor, m.seq
	h.front.Reset(s)
	h.recent.clear(m.seq)
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
