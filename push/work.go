package push

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"crier/news"
)

// dispatch claims ranges that have work due and has each worked on, as many at
// once as there are workers, until ctx ends and they have ended.
func (s *Service) dispatch(ctx, sending context.Context) {
	free := make(chan struct{}, s.o.Workers)
	var tasks sync.WaitGroup
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
		s.stock.busy.Add(1) // before the next claim waits
		tasks.Go(func() {
			done := sync.OnceFunc(func() { <-free })
			defer done()
			defer s.stock.busy.Add(-1)
			s.work(ctx, sending, l, done)
		})
	}
	tasks.Wait()
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
		w := Worker{s.worker, s.fleet.wanted()}
		l, ok, err := s.store.Claim(ctx, w, now, s.o.Lease)
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

// work sends the range that l holds, page by page, until it is done or must be
// left to others: when it waits for retries, for a higher lane or for a stop
// to be lifted, and when ctx ends. It calls done when another worker may begin:
// when it sends no more and only waits for answers, or what it has to send waits
// behind a higher lane.
func (s *Service) work(ctx, sending context.Context, l Lease, done func()) {
	t := &task{Service: s, lease: l, turn: s.pages.begin(l.Campaign), makeRoom: done}
	defer s.pages.end(t.turn)
	var err error
	for more := true; more && ctx.Err() == nil; {
		if more, err = t.next(ctx, sending); err != nil {
			s.trouble(ctx, "work on a range", err)
			pauseFor(ctx, time.Second) // to release it at once would be to claim it again at once
			break
		}
	}
	done()
	t.awaitLate(ctx, err == nil)
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
	turn         *turn
	makeRoom     func()     // lets another worker begin
	over         bool       // the lease is over: there is nothing to release
	last         Page       // the one before
	written      int64      // checkpoints
	late         []*page    // that have deliveries without an answer
	crowded      bool       // the page before had nothing but what lines were too long for
	today        []Campaign // see Decide
	rivals       []rival    // see learn
	known        uint64     // the last entry of the story that the worker has heard of
	loud, silent []byte
	digest       *digest // nil for other campaigns
}

// next sends one page and checkpoints it; more tells whether to go on. Errors
// are the store's.
func (t *task) next(ctx, sending context.Context) (more bool, err error) {
	if err := t.prepare(ctx); err != nil {
		return false, err
	}
	now := time.Now()
	limit := t.pageSize(ctx)
	if t.lease.Cancelled || !now.Before(t.lease.Campaign.Deadline) {
		limit = max(limit, 2048) // counting is quick
	}
	found, err := t.store.Deliveries(ctx, t.lease, now, limit)
	if err != nil {
		return false, err
	}
	ds, waiting := t.withoutLate(found.Deliveries)
	p, voices, err := t.send(ctx, sending, ds, now)
	if err != nil {
		return false, err
	}
	t.crowded = p.crowded()
	progress := p.count(voices, t.guard.mayRemove(), t.again())
	t.last = found
	t.addLate(&progress)
	t.waitOn(&progress, waiting)
	t.keep(p)
	st, err := t.write(ctx, progress)
	if err != nil {
		return false, err
	}
	idle := len(ds) == 0 && (found.Scanned || len(waiting) > 0) // only retries of later are left, or answers to wait for
	return !st.Done && !st.Stopped && !idle && !found.Pause && !t.pages.over(t.turn, time.Now()), nil
}

// prepare gets ready, once, what all pages of the range need.
func (t *task) prepare(ctx context.Context) (err error) {
	c := t.lease.Campaign
	if t.loud != nil || t.digest != nil {
		return nil
	}
	if c.isDigest() {
		t.digest, err = t.newDigestOf(ctx, c)
		return err
	}
	if t.loud, err = payload(c, t.o.PublicURL, t.o.Icon, false); err != nil {
		return err
	}
	if t.silent, err = payload(c, t.o.PublicURL, t.o.Icon, true); err != nil {
		return err
	}
	return t.learn(ctx, c.Entry.Offset)
}

// write checkpoints the progress where the last page has left the range.
func (t *task) write(ctx context.Context, p Progress) (State, error) {
	p.Cursor, p.Scanned = t.last.Cursor, t.last.Scanned
	st, err := t.checkpoint(ctx, p)
	if err == nil {
		t.over = st.Done
		t.lease.Cancelled = st.Cancelled
	}
	return st, err
}

// send makes the deliveries' attempts and returns when each has its result,
// within the page's time and that of one request more; or, if all are on their
// way, when it has waited long enough for the slowest. After an error, which is
// the store's, none was made.
func (t *task) send(ctx, sending context.Context, ds []Delivery, now time.Time) (*page, []Voice, error) {
	p := t.newPage(ds)
	busy, latest := t.pages.enter(p)
	var err error
	if latest > max(t.known, p.campaign.Entry.Offset) { // who wants what has come meanwhile is decided with the page in its place
		err = t.learn(ctx, latest)
	}
	if err == nil {
		err = t.setApart(p, now)
	}
	if err != nil {
		t.pages.leave(p)
		return nil, nil, err
	}
	voices := make([]Voice, len(ds))
	for i, d := range ds {
		voices[i] = t.decide(p, i, now)
		t.sendOne(sending, p, i, voices[i], busy[d.Subscription.ID], now)
	}
	if len(ds) == 0 {
		return p, voices, nil
	}
	if !t.await(ctx, p) {
		t.net.recall(p)
		<-p.done
	}
	return p, voices, nil
}

// decide says how a delivery of the page is to be made. A digest's text is made
// here.
func (t *task) decide(p *page, i int, now time.Time) Voice {
	v, text := t.voice(p.campaign, p.deliveries[i].Subscription, now)
	if t.digest != nil {
		p.own[i] = text
	}
	return v
}

// voice says how s is to get c, and a digest's text for it.
func (t *task) voice(c Campaign, s Subscription, now time.Time) (Voice, []byte) {
	zone := t.zones.of(s)
	if t.digest == nil {
		return Decide(s, c, now, zone, t.today), nil
	}
	v, text, err := t.digest.text(c, s, now, zone, t.o.PublicURL, t.o.Icon)
	if err != nil {
		t.o.Logger.Error("write a digest", "campaign", c.ID, "error", err)
	}
	return v, text
}

// await waits until the page has all its results, or enough of them to go on.
// It reports false when the rest is to be called back.
func (t *task) await(ctx context.Context, p *page) bool {
	late := time.NewTimer(min(lineTime, t.o.pageTime()))
	defer late.Stop()
	handed, over := p.handed, t.turn.over
	for {
		select {
		case <-p.done:
			return true
		case <-handed:
			if t.mayGoOn(ctx, p) {
				return true
			}
			handed = nil // too many are late
		case <-over:
			t.makeRoom()
			over = nil
		case <-late.C:
			t.net.putOff(p)
		case <-ctx.Done():
			return false
		}
	}
}

func (t *task) newPage(ds []Delivery) *page {
	c := t.lease.Campaign
	p := &page{campaign: c, deliveries: ds, loud: t.loud, silent: t.silent, topic: topic(c.tag()), urgency: urgency(c.level()),
		services: make([]string, len(ds)), results: make([]outcome, len(ds)), settled: make([]atomic.Bool, len(ds)), done: make(chan struct{}), handed: make(chan struct{}),
		near: make(chan struct{}), behind: make([]bool, len(ds))}
	if t.digest != nil {
		p.own = make([][]byte, len(ds))
	}
	p.pending.Store(int64(len(ds)))
	p.queued.Store(int64(len(ds)))
	p.ahead.Store(int64(len(ds)))
	return p
}

// sendOne submits a delivery, or settles it if there is nothing to send, or
// not yet: while busy an older notification is on its way.
func (t *task) sendOne(sending context.Context, p *page, i int, v Voice, busy bool, now time.Time) {
	d := p.deliveries[i]
	out := outcome{at: now}
	var target target
	var fault *news.Fault
	if v != Unwanted || d.Attempts > 0 { // else it is not counted
		target, fault = t.hosts.target(d.Subscription.Endpoint)
		p.services[i] = t.hosts.counted(target.service)
	}
	switch {
	case v <= Held && d.Attempts == 0: // not in the audience
	case t.lease.Cancelled, v > Held && t.overtaken(d, now):
		out.fate = cancelled
	case v <= Held:
		out.fate, out.reason = failed, FailedUnwanted
	case !now.Before(p.campaign.Deadline):
		out.fate = expired
	case busy:
		out.fate, out.after = unsent, overtake
	case fault != nil:
		out.fate, out.reason = failed, FailedAddress // its host is no longer among those named
	default:
		t.net.submit(sending, &job{page: p, index: i, target: target, voice: v})
		return
	}
	p.drop(i, out)
}

// checkpoint writes the page's progress. What the page has done is lost with
// it, so it is tried again for as long as the lease lasts, and even while we
// are stopping.
func (t *task) checkpoint(ctx context.Context, p Progress) (State, error) {
	t.written++
	p.Number = t.written
	for wait := shortestWait; ; wait *= 2 {
		p.Ends = time.Now().Add(t.o.Lease)
		last, cancel := t.asLongAsHeld(ctx)
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

// asLongAsHeld is a context for a checkpoint: it ends with the lease or, if we
// are stopping, with the time for that. A store that is slow must not be given the
// same work again and again.
func (t *task) asLongAsHeld(ctx context.Context) (context.Context, context.CancelFunc) {
	grace := t.o.Grace
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), max(time.Until(t.lease.Ends), grace))
	forget := context.AfterFunc(ctx, func() {
		pauseFor(last, grace)
		cancel()
	})
	return last, func() { forget(); cancel() }
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
