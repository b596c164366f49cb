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

// How long the store is waited for when it is asked. A stop is asked for again
// soon, so that one answer which never comes does not hide it; a store that is
// slow for long is given more time.
const (
	stopWait = 500 * time.Millisecond
	listWait = 5 * time.Second
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
	var last time.Time
	wait := stopWait
	for ctx.Err() == nil {
		if now := time.Now(); s.pages.any() || now.Sub(last) >= idly*stopEvery {
			last = now
			err := within(ctx, wait, s.hearStop)
			if err != nil && wait == stopWait {
				s.trouble(ctx, "hear whether all is stopped", err)
			}
			if wait = min(2*wait, listWait); err == nil {
				wait = stopWait
			}
		}
		select {
		case <-t.C:
		case <-ctx.Done():
		}
	}
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

// hearStop halts what is under way while a stop is in force.
func (s *Service) hearStop(ctx context.Context) error {
	stop, err := s.store.Stopped(ctx)
	if err == nil && s.pages.halt(stop != nil) && stop == nil {
		s.ring()
	}
	return err
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
	s.guard.adopt(alarms)
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
