package sqlite

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"crier/desk"
)

// audiences are what nodes have said of their readers, and until when. They end
// with the process, as workers do.
type audiences struct {
	mu  sync.Mutex
	all map[string]said // by node
}

type said struct {
	desk.Audience
	ends time.Time
}

// PutAudience implements desk.Audiences. It does not block.
func (e *Engine) PutAudience(_ context.Context, a desk.Audience, now, ends time.Time) error {
	a.Topics = maps.Clone(a.Topics)
	w := &e.audiences
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.all == nil {
		w.all = map[string]said{}
	}
	w.all[a.Node] = said{a, ends}
	maps.DeleteFunc(w.all, func(_ string, s said) bool { return !s.ends.After(now) })
	return nil
}

// Audiences implements desk.Audiences. It does not block.
func (e *Engine) Audiences(_ context.Context, now time.Time) (out []desk.Audience, err error) {
	w := &e.audiences
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, s := range w.all {
		if s.ends.After(now) {
			s.Topics = maps.Clone(s.Topics)
			out = append(out, s.Audience)
		}
	}
	slices.SortFunc(out, func(a, b desk.Audience) int { return cmp.Compare(a.Node, b.Node) })
	return out, nil
}
