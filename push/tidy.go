package push

import (
	"context"
	"sync"
	"time"
)

// Tidying is a walk over all subscriptions, a page at a time. One that is
// interrupted goes on the next time.
const (
	tidyEvery = 10 * time.Minute // from the beginning of a walk to that of the next
	tidyPage  = 1000
)

// tidier is where the walk is.
type tidier struct {
	mu      sync.Mutex
	began   time.Time
	walking bool
	after   ID
	kept    []byte       // the VAPID keys as they were when it began
	used    map[int]bool // the numbers of those that were seen
}

// Tidied is what a walk has done so far.
type Tidied struct {
	Unseen      int64 // forgotten, as nobody has visited for so long
	Unconfirmed int64 // forgotten, as nobody has confirmed within a day
	Retired     []int // keys of which no subscription is left, by number
}

// Tidy forgets subscriptions that were not seen for Options.Unseen or not
// confirmed within a day, and VAPID keys of which none is left. It does so for
// all nodes: one of them is to call it, every minute or so. It returns when it
// is through or ctx ends.
func (s *Service) Tidy(ctx context.Context) (done Tidied, err error) {
	t := &s.tidier
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	if !t.walking {
		if !t.began.IsZero() && now.Sub(t.began) < tidyEvery {
			return done, nil
		}
		if err := s.beginTidying(ctx, now); err != nil {
			return done, err
		}
	}
	for t.walking {
		page, err := s.store.Lives(ctx, t.after, tidyPage)
		if err != nil {
			return done, err
		}
		if err := s.tidyPage(ctx, page, now, &done); err != nil {
			return done, err
		}
		if t.walking = len(page) > 0; t.walking {
			t.after = page[len(page)-1].ID
		}
	}
	done.Retired, err = s.retire(ctx)
	return done, err
}

// beginTidying begins a walk. The caller holds s.tidier.mu.
func (s *Service) beginTidying(ctx context.Context, now time.Time) (err error) {
	t := &s.tidier
	if s.o.Keys != nil {
		if t.kept, err = s.o.Keys.Kept(ctx); err != nil {
			return err
		}
	}
	t.began, t.walking, t.after, t.used = now, true, ID{}, map[int]bool{}
	return nil
}

// tidyPage sees to the subscriptions of a page. The caller holds s.tidier.mu.
func (s *Service) tidyPage(ctx context.Context, page []Life, now time.Time, done *Tidied) error {
	var unseen, unconfirmed []ID
	for _, l := range page {
		s.tidier.used[l.Key] = true
		switch age := now.Sub(l.SeenAt); {
		case s.o.Unseen > 0 && age > s.o.Unseen:
			unseen = append(unseen, l.ID)
		case l.Unconfirmed && age > confirmLife:
			unconfirmed = append(unconfirmed, l.ID)
		}
	}
	if len(unseen) > 0 {
		n, err := s.store.ForgetUnseen(ctx, unseen, now.Add(-s.o.Unseen), false)
		if done.Unseen += n; err != nil {
			return err
		}
	}
	if len(unconfirmed) > 0 {
		n, err := s.store.ForgetUnseen(ctx, unconfirmed, now.Add(-confirmLife), true)
		if done.Unconfirmed += n; err != nil {
			return err
		}
	}
	return nil
}

// retire forgets the old keys that no subscription of a whole walk was made
// with, unless the keys have changed meanwhile. The caller holds s.tidier.mu.
func (s *Service) retire(ctx context.Context) (numbers []int, err error) {
	if s.tidier.kept == nil {
		return nil, nil
	}
	v, err := ParseVAPID(s.tidier.kept)
	if err != nil {
		return nil, err
	}
	for _, p := range v.pairs[1:] {
		if !s.tidier.used[p.Number] {
			numbers = append(numbers, p.Number)
		}
	}
	if numbers == nil {
		return nil, nil
	}
	fresh, err := v.Without(numbers...).Bytes()
	if err != nil {
		return nil, err
	}
	replaced, err := s.o.Keys.Replace(ctx, s.tidier.kept, fresh)
	if err != nil || !replaced {
		return nil, err
	}
	s.o.Logger.Info("old VAPID keys have no subscription left and are no more", "numbers", numbers)
	return numbers, nil
}
