package sqlite

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"
)

// workers are who is there to send, and until when. Like leaders they end with
// the process that has the database open, so they are kept in memory.
type workers struct {
	mu   sync.Mutex
	ends map[string]time.Time // by name
}

// Attend implements push.Store. It does not block.
func (e *Engine) Attend(_ context.Context, worker string, now, ends time.Time) ([]string, error) {
	w := &e.workers
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ends == nil {
		w.ends = map[string]time.Time{}
	}
	w.ends[worker] = ends
	maps.DeleteFunc(w.ends, func(_ string, ends time.Time) bool { return !ends.After(now) })
	return slices.Sorted(maps.Keys(w.ends)), nil
}
