package push

import (
	"context"
	"errors"
	"sync"
	"time"
)

// idly is how many times less often a node asks while it sends nothing: whoever
// claims a range is told of a stop by the store. Most nodes send nothing most of
// the time, and what they do then is taken from their readers.
const idly = 4

// How often a node asks the store what others have said.
const (
	stopEvery   = 250 * time.Millisecond // whether all sending is stopped
	alarmsEvery = time.Second            // what stands, and what the rates are
	attendEvery = 3 * time.Second        // who else is there
	attendFor   = 10 * time.Second       // after which a node that crashed is not there any more
)

// How long the store is waited for when it is asked. Whether all is stopped is
// asked again before that, so that an answer which never comes hides nothing and
// one that is slow is still heard.
const (
	listWait  = 5 * time.Second
	mostStops = 8 // that are asked for at once
)

// listen keeps up with what other nodes and operators have said, and tells what
// this node has found, until ctx ends. Then it says that it is gone. Whether all
// is stopped waits for nothing else.
func (s *Service) listen(ctx context.Context) {
	var parts sync.WaitGroup
	parts.Go(func() { s.listenForStops(ctx) })
	parts.Go(func() { s.listenToNodes(ctx) })
	parts.Wait()
	if s.o.CampaignsElsewhere {
		return
	}
	ctx, cancel := s.evenIfStopping(ctx)
	defer cancel()
	s.trouble(ctx, "say that this node is gone", s.attend(ctx, time.Now()))
}

// listenForStops halts what is under way within half a second or so of an order to.
func (s *Service) listenForStops(ctx context.Context) {
	t := time.NewTicker(stopEvery)
	defer t.Stop()
	var asked sync.WaitGroup
	defer asked.Wait()
	room := make(chan struct{}, mostStops)
	answers := &stopAnswers{}
	var last time.Time
	for n := 1; ctx.Err() == nil; n++ {
		if now := time.Now(); s.pages.any() || now.Sub(last) >= idly*stopEvery {
			select {
			case room <- struct{}{}:
				last = now
				asked.Go(func() {
					defer func() { <-room }()
					stop, err := s.askStop(ctx)
					if first := answers.take(n, err, func() { s.hearStop(stop) }); first {
						s.trouble(ctx, "hear whether all is stopped", err)
					}
				})
			default: // enough have no answer yet
			}
		}
		select {
		case <-t.C:
		case <-ctx.Done():
		}
	}
}

// stopAnswers is which answers have come: one that was asked for earlier than
// another says nothing any more.
type stopAnswers struct {
	mu      sync.Mutex
	last    int
	failing bool
}

// take acts on the answer to the nth question unless a later one is there. It
// reports whether this is an error after none.
func (a *stopAnswers) take(n int, err error, act func()) (first bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if n < a.last {
		return false
	}
	first, a.failing = err != nil && !a.failing, err != nil
	if err == nil {
		a.last = n
		act()
	}
	return first
}

// listenToNodes exchanges alarms, rates, keys and who is there.
func (s *Service) listenToNodes(ctx context.Context) {
	t := time.NewTicker(stopEvery)
	defer t.Stop()
	var alarms, attend, keys time.Time
	failing := false
	for ctx.Err() == nil {
		now, often := time.Now(), s.pages.any()
		var err error
		if now.Sub(attend) >= attendEvery && !s.o.CampaignsElsewhere { // first, as it is missed first
			attend = now
			err = within(ctx, listWait, func(ctx context.Context) error { return s.attend(ctx, now.Add(attendFor)) })
		}
		if often && now.Sub(alarms) >= alarmsEvery || now.Sub(alarms) >= idly*alarmsEvery || len(s.guard.news()) > 0 {
			alarms = now
			err = errors.Join(err, within(ctx, listWait, s.exchange))
		}
		if now.Sub(keys) >= keysEvery {
			keys = now
			err = errors.Join(err, within(ctx, listWait, s.hearKeys))
		}
		if err != nil && !failing {
			s.trouble(ctx, "hear of other nodes", err)
		}
		failing = err != nil
		select {
		case <-t.C:
		case <-s.guard.raised:
		case <-ctx.Done():
		}
	}
}

// within calls f with so much time.
func within(ctx context.Context, d time.Duration, f func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	return f(ctx)
}

// askStop is the stop in force, nil if there is none.
func (s *Service) askStop(ctx context.Context) (*Stop, error) {
	ctx, cancel := context.WithTimeout(ctx, listWait)
	defer cancel()
	return s.store.Stopped(ctx)
}

// hearStop halts what is under way while a stop is in force.
func (s *Service) hearStop(stop *Stop) {
	if s.pages.halt(stop != nil) && stop == nil {
		s.ring()
	}
}

// exchange tells the store of alarms and rates and takes over what it has.
func (s *Service) exchange(ctx context.Context) error {
	for _, a := range s.guard.news() {
		if err := s.store.RaiseAlarm(ctx, a); err != nil {
			return err
		}
		s.guard.told(a)
	}
	for _, r := range s.net.learned() {
		if err := s.store.KeepRate(ctx, r); err != nil {
			return err
		}
	}
	alarms, err := s.store.Alarms(ctx)
	if err != nil {
		return err
	}
	s.guard.adopt(alarms, time.Now())
	rates, err := s.store.Rates(ctx)
	if err != nil {
		return err
	}
	s.net.adopt(rates, time.Now())
	return nil
}

// attend says until when this node is there, and learns who shares the work.
func (s *Service) attend(ctx context.Context, ends time.Time) error {
	now := time.Now()
	workers, err := s.store.Attend(ctx, s.worker, now, ends)
	if err != nil {
		return err
	}
	s.fleet.gather(s.worker, workers)
	s.net.share(len(workers), now)
	return nil
}
