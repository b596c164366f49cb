package push

import (
	"context"
	"errors"
	"sync"
	"time"

	"crier/news"
)

// trouble logs what the store failed at. It is tried again anyway: of an outage
// each operation tells once a minute.
func (s *Service) trouble(ctx context.Context, op string, err error) {
	if err == nil || ctx.Err() != nil || errors.Is(err, news.ErrUnavailable) && !s.outage.tell(op, time.Now()) {
		return
	}
	s.o.Logger.Error("the store failed", "op", op, "error", err)
}

// outage is when each operation last told that the store is not available.
type outage struct {
	mu   sync.Mutex
	told map[string]time.Time
}

// tell reports whether the operation has been silent for a minute.
func (o *outage) tell(op string, now time.Time) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if last, ok := o.told[op]; ok && now.Sub(last) < time.Minute {
		return false
	}
	if o.told == nil {
		o.told = map[string]time.Time{}
	}
	o.told[op] = now
	return true
}
