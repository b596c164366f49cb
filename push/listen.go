package push

import (
	"context"
	"errors"
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

// listen keeps up with what other nodes and operators have said, and tells what
// this node has found, until ctx ends. Then it says that it is gone.
func (s *Service) listen(ctx context.Context) {
	t := time.NewTicker(stopEvery)
	defer t.Stop()
	var stop, alarms, attend, keys time.Time
	failing := false
	for ctx.Err() == nil {
		now, often := time.Now(), s.pages.any()
		var err error
		if often || now.Sub(stop) >= idly*stopEvery {
			stop = now
			err = s.hearStop(ctx)
		}
		if often && now.Sub(alarms) >= alarmsEvery || now.Sub(alarms) >= idly*alarmsEvery || len(s.guard.news()) > 0 {
			alarms = now
			err = errors.Join(err, s.exchange(ctx))
		}
		if now.Sub(keys) >= keysEvery {
			keys = now
			err = errors.Join(err, s.hearKeys(ctx))
		}
		if now.Sub(attend) >= attendEvery && !s.o.CampaignsElsewhere {
			attend = now
			err = errors.Join(err, s.attend(ctx, now.Add(attendFor)))
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
	if s.o.CampaignsElsewhere {
		return
	}
	ctx, cancel := s.evenIfStopping(ctx)
	defer cancel()
	s.trouble(ctx, "say that this node is gone", s.attend(ctx, time.Now()))
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
