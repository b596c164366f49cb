package sqlite

import (
	"context"
	"sync"
	"time"
)

// leaders are who leads which job. Nobody outlives the process with the
// database open, so they are kept in memory.
type leaders struct {
	mu   sync.Mutex
	held map[string]leader // by job
}

type leader struct {
	node string
	ends time.Time
}

// Lead makes node the leader of job until now+term and reports whether it is:
// of those that ask one leads, and stays leader as long as it asks in time.
// It does not block.
func (e *Engine) Lead(_ context.Context, job, node string, now time.Time, term time.Duration) (leads bool, err error) {
	l := &e.leaders
	l.mu.Lock()
	defer l.mu.Unlock()
	if held, ok := l.held[job]; ok && held.node != node && held.ends.After(now) {
		return false, nil
	}
	if l.held == nil {
		l.held = map[string]leader{}
	}
	l.held[job] = leader{node, now.Add(term)}
	return true, nil
}

// Resign gives job up, if node leads it, so that another can lead at once. It
// does not block.
func (e *Engine) Resign(_ context.Context, job, node string) error {
	l := &e.leaders
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.held[job].node == node {
		delete(l.held, job)
	}
	return nil
}
