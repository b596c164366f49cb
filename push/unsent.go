package push

import (
	"context"
	"maps"
	"sync"
	"time"
)

// Unsent is how far a campaign has come that is not done, while all are stopped.
type Unsent struct {
	Campaign Campaign
	Sent     int64 // of the audience: push services have taken or refused them
	Unsent   int64 // of the audience: no outcome yet; with those who have not been scanned as far as they were counted
	Exact    bool  // all were counted as subscriptions now are, and no worker has a result that is not
}

// rest is what a range has left: who comes after the cursor.
type rest struct {
	campaign string
	low      int
	cursor   ID
}

// counted is how many of the rests the campaigns are for. While all sending is
// stopped and the workers have let go cursors stand still, so that nothing has to
// be counted twice until somebody goes or wants something else.
type counted struct {
	wake chan struct{} // holds one ring for countRests

	mu      sync.Mutex
	changes int64 // see Subscriptions.Changes, when it was counted
	have    map[rest]int64
}

func newCounted() *counted { return &counted{wake: make(chan struct{}, 1), have: map[rest]int64{}} }

// Unsent is how far the campaigns have come that are not done, of the highest
// lane first. What has not been scanned yet is counted in the background, which
// takes a few seconds for a million: ask again until Exact. It waits for the
// store only.
func (s *Service) Unsent(ctx context.Context) ([]Unsent, error) {
	open, err := s.store.Unfinished(ctx, time.Now())
	if err != nil {
		return nil, err
	}
	changes, err := s.store.Changes(ctx)
	if err != nil {
		return nil, err
	}
	out := make([]Unsent, len(open))
	s.counted.mu.Lock()
	defer s.counted.mu.Unlock()
	missing := s.counted.changes != changes
	for i, u := range open {
		t := u.Tally
		out[i] = Unsent{Campaign: u.Campaign, Sent: t.settled() - t.Expired - t.Cancelled, Unsent: t.Queued(), Exact: true}
		for _, r := range u.Ranges {
			n, ok := s.counted.have[rest{u.Campaign.ID, r.Low, r.Cursor}]
			if r.Scanned {
				n, ok = 0, true
			}
			out[i].Unsent += n
			stale := !r.Scanned && s.counted.changes != changes
			out[i].Exact = out[i].Exact && ok && !stale && !r.Held
			missing = missing || !ok
		}
	}
	if missing {
		select {
		case s.counted.wake <- struct{}{}:
		default:
		}
	}
	return out, nil
}

// countRests counts when it is asked to, until ctx ends.
func (s *Service) countRests(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.counted.wake:
			s.trouble(ctx, "count what is unsent", s.countAll(ctx))
		}
	}
}

// countAll counts the rests, as long as all is stopped: when no worker has any
// range, and again if somebody went or wanted something else meanwhile.
func (s *Service) countAll(ctx context.Context) error {
	for ctx.Err() == nil {
		if stop, err := s.store.Stopped(ctx); stop == nil || err != nil {
			return err
		}
		changes, err := s.store.Changes(ctx)
		if err != nil {
			return err
		}
		open, err := s.store.Unfinished(ctx, time.Now())
		if err != nil {
			return err
		}
		if anyHeld(open) {
			pauseFor(ctx, stopEvery)
			continue
		}
		s.counted.keep(open, changes)
		for _, u := range open {
			t := &task{Service: s, lease: Lease{Campaign: u.Campaign}}
			for _, r := range u.Ranges {
				if stop, err := s.store.Stopped(ctx); stop == nil || err != nil {
					return err
				}
				if err := t.countRest(ctx, r); err != nil {
					return err
				}
			}
		}
		if now, err := s.store.Changes(ctx); err != nil || now == changes {
			return err
		}
	}
	return nil
}

// keep forgets what is not of these campaigns as they stand, and all if
// subscriptions have changed since it was counted.
func (c *counted) keep(open []Unfinished, changes int64) {
	left := map[rest]bool{}
	for _, u := range open {
		for _, r := range u.Ranges {
			left[rest{u.Campaign.ID, r.Low, r.Cursor}] = true
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	same := c.changes == changes
	c.changes = changes
	maps.DeleteFunc(c.have, func(r rest, _ int64) bool { return !same || !left[r] })
}

func anyHeld(open []Unfinished) bool {
	for _, u := range open {
		for _, r := range u.Ranges {
			if r.Held {
				return true
			}
		}
	}
	return false
}

// countRest counts whom the campaign is for of those that a range has left, by
// the decision that sending makes.
func (t *task) countRest(ctx context.Context, r RangeState) error {
	c := t.lease.Campaign
	of := rest{c.ID, r.Low, r.Cursor}
	t.counted.mu.Lock()
	_, known := t.counted.have[of]
	t.counted.mu.Unlock()
	if known || r.Scanned {
		return nil
	}
	if err := t.prepare(ctx); err != nil {
		return err
	}
	n, now := int64(0), time.Now()
	for after := r.Cursor; ; {
		page, err := t.store.Standing(ctx, c.ID, r.Range, after, countPage)
		if err != nil {
			return err
		}
		for _, sub := range page {
			if v, _ := t.voice(c, sub, now); v > Held {
				n++
			}
			after = sub.ID
		}
		if len(page) < countPage {
			break
		}
	}
	t.counted.mu.Lock()
	defer t.counted.mu.Unlock()
	t.counted.have[of] = n
	return nil
}

// countPage is how many subscriptions are read at a time to be counted.
const countPage = 2048
