package news

import "sync"

// earSize is how many hints wait for a follower that is busy; more are lost,
// and it reads the log.
const earSize = 64

// Doorbell passes hints to those who listen in this process: the part of
// [Log.Wake] that engines have in common. Its zero value is ready; it is safe
// for concurrent use and never waits for a listener.
type Doorbell struct {
	mu   sync.Mutex
	ears map[chan Hint]struct{}
}

// Ring sends h to all who listen and have room for it.
func (b *Doorbell) Ring(h Hint) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for ear := range b.ears {
		select {
		case ear <- h:
		default:
		}
	}
}

// Wake is [Log.Wake].
func (b *Doorbell) Wake() (c <-chan Hint, stop func()) {
	ear := make(chan Hint, earSize)
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ears == nil {
		b.ears = map[chan Hint]struct{}{}
	}
	b.ears[ear] = struct{}{}
	return ear, func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		delete(b.ears, ear)
	}
}
