package push

import (
	"context"
	"errors"
	"time"
)

// Watch follows what becomes of campaigns, of all nodes, for whoever shows or
// counts it. It remembers which are under way, so that looking costs a read of
// each of these and of what was opened since. Make one with [Service.Watch];
// it is for one goroutine.
type Watch struct {
	store Store
	open  map[string]Campaign // by ID
	known map[string]bool     // IDs of those opened from the time from on
	from  time.Time
	begun bool
}

// watchBack is how far the clocks of two nodes may differ for a Watch not to
// miss a campaign.
const watchBack = 10 * time.Second

// watchFresh is how long ago a campaign may have opened to be reported though
// it was over at the first look.
const watchFresh = time.Minute

// Watch makes a Watch. What opened long before it first looks, and is over
// then, it does not report.
func (s *Service) Watch() *Watch {
	return &Watch{store: s.store, open: map[string]Campaign{}, known: map[string]bool{}, from: time.Now().Add(-s.o.Deadlines.longest())}
}

// Reports is one of each campaign that is under way, and a last one of each
// that has ended since the call before. Of those of one item it is only the
// newest, and digests are left out. It waits for the store; what it has seen before an error it tells the
// next time.
func (w *Watch) Reports(ctx context.Context, now time.Time) ([]Report, error) {
	cs, err := w.store.CampaignsSince(ctx, w.from)
	if err != nil {
		return nil, err
	}
	known := make(map[string]bool, len(cs))
	newest := map[string]Campaign{} // by item
	for _, c := range cs {
		known[c.ID] = true
		if old := newest[c.Entry.Item.ID]; c.Entry.Offset > old.Entry.Offset {
			newest[c.Entry.Item.ID] = c
		}
		if !w.known[c.ID] && !c.isDigest() {
			w.open[c.ID] = c
		}
	}
	w.known = known
	var out []Report
	over := map[string]bool{}
	for id, c := range w.open {
		if last, ok := newest[c.Entry.Item.ID]; ok && last.ID != id {
			over[id] = true // replaced: what is left of it is only counted
			continue
		}
		r, err := w.store.Report(ctx, c.Entry.Item.ID)
		switch {
		case err != nil && !errors.Is(err, ErrNoCampaign):
			return nil, err
		case err != nil, r.Campaign.ID != id:
			over[id] = true
			continue
		case r.Done:
			over[id] = true
		}
		if w.begun || !r.Done || now.Sub(c.OpenedAt) < watchFresh {
			out = append(out, r)
		}
	}
	w.from, w.begun = now.Add(-watchBack), true
	for id, c := range w.open {
		if over[id] {
			delete(w.open, id)
		} else if c.OpenedAt.Before(w.from) {
			w.from = c.OpenedAt
		}
	}
	return out, nil
}
