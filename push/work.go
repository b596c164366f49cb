package push

import (
	"context"
	"errors"
	"time"

	"crier/news"
)

// dispatch claims ranges that have work due and has each worked on, as many at
// once as there are workers, until ctx ends and they have ended.
func (s *Service) dispatch(ctx, sending context.Context) {
	free := make(chan struct{}, s.o.Workers)
	for ctx.Err() == nil {
		select {
		case free <- struct{}{}:
		case <-ctx.Done():
			continue
		}
		l, ok := s.claim(ctx)
		if !ok {
			<-free
			continue
		}
		go func() {
			defer func() { <-free }()
			s.work(ctx, sending, l)
		}()
	}
	for range cap(free) {
		free <- struct{}{}
	}
}

// Pauses of the dispatcher.
const (
	longestWait  = time.Second // what other nodes do is seen after this at the latest
	shortestWait = 50 * time.Millisecond
)

// claim takes a range. If there is none it waits until there may be one.
func (s *Service) claim(ctx context.Context) (Lease, bool) {
	now := time.Now()
	due, err := s.store.NextDue(ctx, now)
	if err == nil && !due.IsZero() && !due.After(now) {
		l, ok, err := s.store.Claim(ctx, s.worker, now, s.o.Lease)
		if err == nil && ok {
			return l, true
		}
		s.trouble(ctx, "claim a range", err)
		due = now.Add(shortestWait)
	} else {
		s.trouble(ctx, "look for work", err)
	}
	wait := longestWait
	if !due.IsZero() {
		wait = min(max(due.Sub(now), shortestWait), longestWait)
	}
	t := time.NewTimer(wait)
	defer t.Stop()
	select {
	case <-t.C:
	case <-s.wake:
	case <-ctx.Done():
	}
	return Lease{}, false
}

// trouble logs what the store failed at. It is tried again anyway.
func (s *Service) trouble(ctx context.Context, op string, err error) {
	if err != nil && ctx.Err() == nil {
		s.o.Logger.Error("the store failed", "op", op, "error", err)
	}
}

// work sends the range that l holds, page by page, until it is done or must be
// left to others: when it waits for retries, for a higher lane or for a stop
// to be lifted, and when ctx ends.
func (s *Service) work(ctx, sending context.Context, l Lease) {
	t := &task{Service: s, lease: l}
	more := true
	for more && ctx.Err() == nil {
		var err error
		if more, err = t.next(ctx, sending); err != nil {
			s.trouble(ctx, "work on a range", err)
			pauseFor(ctx, time.Second) // to release it at once would be to claim it again at once
			break
		}
	}
	if t.over {
		return
	}
	ctx, cancel := s.evenIfStopping(ctx)
	defer cancel()
	s.trouble(ctx, "release a range", s.store.Release(ctx, t.lease))
}

// evenIfStopping is a context for the last words to the store.
func (s *Service) evenIfStopping(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), s.o.Grace)
}

// task is one range being worked on.
type task struct {
	*Service
	lease        Lease
	over         bool       // the lease is over: there is nothing to release
	today        []Campaign // see Decide
	loud, silent []byte
}

// next sends one page and checkpoints it; more tells whether to go on. Errors
// are the store's.
func (t *task) next(ctx, sending context.Context) (more bool, err error) {
	if err := t.prepare(ctx); err != nil {
		return false, err
	}
	now := time.Now()
	limit := t.o.PageSize
	if t.lease.Cancelled || !now.Before(t.lease.Campaign.Deadline) {
		limit = max(limit, 2048) // counting is quick
	}
	found, err := t.store.Deliveries(ctx, t.lease, now, limit)
	if err != nil {
		return false, err
	}
	p, voices := t.send(ctx, sending, found.Deliveries, now)
	progress := p.count(voices, t.guard.mayRemove())
	progress.Cursor, progress.Scanned = found.Cursor, found.Scanned
	st, err := t.checkpoint(ctx, progress)
	if err != nil {
		return false, err
	}
	t.over = st.Done
	t.lease.Cancelled = st.Cancelled
	idle := found.Scanned && len(found.Deliveries) == 0 // only retries of later are left
	return !st.Done && !st.Stopped && !idle && !p.yield.Load(), nil
}

// prepare gets ready, once, what all pages of the range need.
func (t *task) prepare(ctx context.Context) (err error) {
	if t.loud != nil {
		return nil
	}
	c := t.lease.Campaign
	if t.loud, err = payload(c, t.o.PublicURL, t.o.Icon, false); err != nil {
		return err
	}
	if t.silent, err = payload(c, t.o.PublicURL, t.o.Icon, true); err != nil {
		return err
	}
	// A day of the subscriber's has at most 25 hours, and zones change.
	all, err := t.store.CampaignsSince(ctx, time.Now().Add(-26*time.Hour))
	for _, other := range all {
		if other.Entry.Offset < c.Entry.Offset {
			t.today = append(t.today, other)
		}
	}
	return err
}

// send makes the deliveries' attempts and returns when each has its result:
// within the page's time and that of one request more.
func (t *task) send(ctx, sending context.Context, ds []Delivery, now time.Time) (*page, []Voice) {
	p := t.newPage(ds)
	busy := t.pages.enter(p)
	defer t.pages.leave(p)
	voices := make([]Voice, len(ds))
	for i, d := range ds {
		voices[i] = Decide(d.Subscription, p.campaign, now, t.zones.of(d.Subscription), t.today)
		t.sendOne(sending, p, i, voices[i], busy[d.Subscription.ID], now)
	}
	if len(ds) == 0 {
		return p, voices
	}
	late := time.NewTimer(t.o.pageTime())
	defer late.Stop()
	select {
	case <-p.done:
		return p, voices
	case <-late.C:
	case <-ctx.Done():
	}
	t.net.recall(p)
	<-p.done
	return p, voices
}

func (t *task) newPage(ds []Delivery) *page {
	c := t.lease.Campaign
	p := &page{campaign: c, deliveries: ds, loud: t.loud, silent: t.silent, topic: topic(c.Entry.Item.Story), urgency: urgency(c.level()),
		results: make([]outcome, len(ds)), done: make(chan struct{})}
	p.pending.Store(int64(len(ds)))
	return p
}

// sendOne submits a delivery, or settles it if there is nothing to send, or
// not yet: while busy an older notification is on its way.
func (t *task) sendOne(sending context.Context, p *page, i int, v Voice, busy bool, now time.Time) {
	d := p.deliveries[i]
	out := outcome{at: now}
	switch {
	case v == Unwanted && d.Attempts == 0: // not counted
	case t.lease.Cancelled:
		out.fate = cancelled
	case v == Unwanted:
		out.fate, out.reason = failed, FailedUnwanted
	case !now.Before(p.campaign.Deadline):
		out.fate = expired
	case busy:
		out.fate, out.after = unsent, overtake
	default:
		target, fault := t.hosts.target(d.Subscription.Endpoint)
		if fault == nil {
			t.net.submit(sending, &job{page: p, index: i, target: target, voice: v})
			return
		}
		out.fate, out.reason = failed, FailedAddress // its host is no longer among those named
	}
	p.settle(i, out)
}

// checkpoint writes the page's progress. What the page has done is lost with
// it, so it is tried again for as long as the lease lasts, and even while we
// are stopping.
func (t *task) checkpoint(ctx context.Context, p Progress) (State, error) {
	for wait := shortestWait; ; wait *= 2 {
		p.Ends = time.Now().Add(t.o.Lease)
		last, cancel := t.evenIfStopping(ctx)
		st, err := t.store.Checkpoint(last, t.lease, p)
		cancel()
		if err == nil {
			t.lease.Ends = p.Ends
			return st, nil
		}
		if errors.Is(err, ErrLeaseLost) || ctx.Err() != nil || time.Now().Add(wait).After(t.lease.Ends) {
			return State{}, err
		}
		t.trouble(ctx, "write a checkpoint", err)
		pauseFor(ctx, wait)
	}
}

// pauseFor waits, unless ctx ends first.
func pauseFor(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// level is what the campaign travels with: a correction or withdrawal goes as
// urgently as the error did.
func (c Campaign) level() news.Level {
	if c.Reach.Level.Rank() > c.Entry.Item.Level.Rank() {
		return c.Reach.Level
	}
	return c.Entry.Item.Level
}

// ring has the dispatcher look for work.
func (s *Service) ring() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}
