package hub

import (
	"context"
	"encoding/binary"
	"math"
	"net/netip"
	"sync"
	"time"
)

// door counts readers in and out, from before their handshake until their wire
// is closed: what it bounds is descriptors.
type door struct {
	mu      sync.Mutex
	most    int
	perHome int // negative: no bound
	taken   int
	homes   map[home]int32 // the readers of each; of nowhere they are not counted
	closed  bool
	empty   chan struct{} // closed once shut and nobody is left
}

func (d *door) init(most, perHome int) {
	d.most, d.perHome, d.homes, d.empty = most, perHome, map[home]int32{}, make(chan struct{})
}

// home is where readers who share a bound come from: an IPv4 address, or the
// first half of one of IPv6, all of which one household or host may have. No
// two of these are the same number but in ::/32, which is nobody's. It is small
// because every reader keeps its own.
type home uint64

const nowhere home = 0

func homeOf(a netip.Addr) home {
	switch a = a.Unmap(); {
	case a.Is4():
		b := a.As4()
		return home(binary.BigEndian.Uint32(b[:]))
	case a.Is6():
		b := a.As16()
		return home(binary.BigEndian.Uint64(b[:8]))
	}
	return nowhere
}

// admit takes a place for a reader of where, to be given back with door.leave.
func (h *Hub) admit(where home) error {
	select {
	case <-h.ready:
	default:
		return ErrNotReady
	}
	d := &h.door
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.room(where); err != nil {
		return err
	}
	if d.counts(where) {
		d.homes[where]++
	}
	d.taken++
	return nil
}

// room is what would keep a reader of where out. d.mu is held.
func (d *door) room(where home) error {
	switch {
	case d.closed:
		return ErrDraining
	case d.taken >= d.most:
		return ErrFull
	case d.counts(where) && int(d.homes[where]) >= d.perHome:
		return ErrCrowded
	}
	return nil
}

// counts reports whether readers of where share a bound.
func (d *door) counts(where home) bool { return where != nowhere && d.perHome >= 0 }

// Room is what would keep a reader from address out just now: nil, ErrNotReady,
// ErrDraining, ErrFull or ErrCrowded. It takes no place and does not block.
func (h *Hub) Room(address netip.Addr) error {
	select {
	case <-h.ready:
	default:
		return ErrNotReady
	}
	h.door.mu.Lock()
	defer h.door.mu.Unlock()
	return h.door.room(homeOf(address))
}

func (d *door) leave(where home) {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch n := d.homes[where]; n {
	case 0: // is not counted
	case 1:
		delete(d.homes, where)
	default:
		d.homes[where] = n - 1
	}
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
	case <-time.After(h.joinTime + lingerTime): // more than any of them may take
		h.o.Logger.Warn("readers are left after the drain", "readers", h.tally.now())
	}
}

// tell puts a message without a number in line.
func (h *Hub) tell(ctx context.Context, m *message) {
	h.order.Lock()
	defer h.order.Unlock()
	_ = h.broadcast(ctx, m) // fails only when all is over
}
