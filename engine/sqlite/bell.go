package sqlite

import (
	"sync"

	"crier/news"
)

// earSize is how many hints wait for a follower that is busy; more are lost,
// and it reads the log.
const earSize = 64

// bell is the doorbell of one process. Its zero value is ready.
type bell struct {
	mu   sync.Mutex
	ears map[chan news.Hint]struct{}
}

// ring sends h to all who listen and waits for none.
func (b *bell) ring(h news.Hint) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for ear := range b.ears {
		select {
		case ear <- h:
		default:
		}
	}
}

// Wake implements news.Log. Hints come for entries appended by this engine.
func (e *Engine) Wake() (c <-chan news.Hint, stop func()) {
	ear := make(chan news.Hint, earSize)
	b := &e.bell
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ears == nil {
		b.ears = map[chan news.Hint]struct{}{}
	}
	b.ears[ear] = struct{}{}
	return ear, func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		delete(b.ears, ear)
	}
}
