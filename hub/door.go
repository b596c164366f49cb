package hub

import (
	"context"
	"math"
	"sync"
	"time"
)

// door counts readers in and out, from before their handshake until their wire
// is closed: what it bounds is descriptors.
type door struct {
	mu     sync.Mutex
	most   int
	taken  int
	closed bool
	empty  chan struct{} // closed once shut and nobody is left
}

func (d *door) init(most int) {
	d.most, d.empty = most, make(chan struct{})
}

// admit takes a place for a reader, to be given back with door.leave.
func (h *Hub) admit() error {
	select {
	case <-h.ready:
	default:
		return ErrNotReady
	}
	d := &h.door
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.closed:
		return ErrDraining
	case d.taken >= d.most:
		return ErrFull
	}
	d.taken++
	return nil
}

func (d *door) leave() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.taken--; d.closed && d.taken == 0 {
		close(d.empty)
	}
}

// shut lets nobody in any more. Call it once.
func (d *door) shut() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed = true; d.taken == 0 {
		close(d.empty)
	}
}

// drain tells the readers, sends them away phase by phase over the window, and
// returns when the last one's wire is closed.
func (h *Hub) drain(ctx context.Context) {
	h.door.shut()
	window := max(h.o.DrainWindow, 0)
	h.o.Logger.Info("draining", "readers", h.tally.now(), "window", window)
	h.tell(ctx, &message{kind: drain, encoded: encodeDrain(window), from: math.MaxUint64})
	tick := time.NewTicker(max(window/phases, 1))
	defer tick.Stop()
	for phase := range phases {
		select {
		case <-h.door.empty:
			return
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		h.tell(ctx, &message{kind: dismiss, phase: phase})
	}
	h.tell(ctx, &message{kind: dismiss, phase: phases}) // those who were just joining
	select {
	case <-h.door.empty:
	case <-ctx.Done():
	case <-time.After(joinTime + lingerTime): // more than any of them may take
		h.o.Logger.Warn("readers are left after the drain", "readers", h.tally.now())
	}
}

// tell puts a message without a number in line.
func (h *Hub) tell(ctx context.Context, m *message) {
	h.order.Lock()
	defer h.order.Unlock()
	_ = h.broadcast(ctx, m) // fails only when all is over
}
