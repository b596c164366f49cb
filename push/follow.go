package push

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"time"

	"crier/news"
)

// follow opens a campaign for every entry that alerts, until ctx ends.
func (s *Service) follow(ctx context.Context) {
	for ctx.Err() == nil {
		err := s.followOn(ctx)
		if errors.Is(err, news.ErrCursorLost) {
			err = s.skip(ctx, err)
		}
		if err != nil {
			s.trouble(ctx, "open campaigns", err)
			pauseFor(ctx, time.Second)
		}
	}
}

// followOn follows the log from where campaigns were last opened.
func (s *Service) followOn(ctx context.Context) error {
	from, err := s.store.Followed(ctx)
	if err != nil {
		return err
	}
	if from.Epoch == "" {
		// The first start ever: entries already there may alert yet if they
		// are not too old.
		head, err := s.log.Head(ctx)
		if err != nil {
			return err
		}
		from = news.Cursor{Epoch: head.Epoch}
	}
	trouble := func(err error) { s.trouble(ctx, "read the log", err) }
	return news.Follow(ctx, s.log, from, news.FollowOptions{Trouble: trouble}, func(entries []news.Entry) error {
		return s.open(ctx, from.Epoch, entries)
	})
}

// skip goes on from the head of the log: what lay between is lost, and is not
// to be sent late.
func (s *Service) skip(ctx context.Context, lost error) error {
	head, err := s.log.Head(ctx)
	if err != nil {
		return err
	}
	s.o.Logger.Error("entries were lost before they could alert; going on from the head of the log", "head", head.String(), "error", lost)
	return s.store.OpenCampaigns(ctx, head, nil)
}

// open opens the campaigns of a run of entries.
func (s *Service) open(ctx context.Context, epoch string, entries []news.Entry) error {
	s.stock.entry.Store(time.Now().UnixNano())
	now := time.Now().UTC().Truncate(time.Millisecond)
	var cs []Campaign
	for _, e := range entries {
		if !e.Alert {
			continue
		}
		c := newCampaign(epoch, e, now, s.o.Deadlines)
		if !now.Before(c.Deadline) {
			s.o.Logger.Warn("an entry is too old to alert", "campaign", c.ID, "item", e.Item.ID)
			continue
		}
		cs = append(cs, c)
	}
	upto := news.Cursor{Epoch: epoch, Offset: entries[len(entries)-1].Offset}
	if cs != nil {
		standing, err := s.store.CountSubscriptions(ctx)
		if err != nil {
			return err
		}
		for i := range cs {
			cs[i].Sample, cs[i].Promise = sampleOf(standing), s.o.Promise
		}
	}
	if err := s.store.OpenCampaigns(ctx, upto, cs); err != nil {
		return err
	}
	if cs != nil {
		s.pages.opened(cs)
		s.ring()
	}
	return nil
}

// newCampaign is the campaign of an entry that alerts.
func newCampaign(epoch string, e news.Entry, now time.Time, d Deadlines) Campaign {
	e = e.Clone()
	repair := isRepair(e.Kind)
	c := Campaign{
		ID: news.Cursor{Epoch: epoch, Offset: e.Offset}.String(), Entry: e, OpenedAt: now, Token: newToken(),
		Reach: news.Reach{Level: e.Item.Level, Topics: e.Item.Topics},
	}
	if repair && e.Item.Alerted != nil {
		c.Reach = *e.Clone().Item.Alerted
	}
	c.Lane = 2 * c.level().Rank()
	if repair {
		c.Lane++
	}
	c.Deadline = e.Item.RevisedAt.Add(d.of(c.level(), repair))
	return c
}

// newToken is 128 random bits in base64url, see Receipt.Check.
func newToken() string {
	var b [16]byte
	rand.Read(b[:]) // never fails: crypto/rand aborts the program instead
	return base64.RawURLEncoding.EncodeToString(b[:])
}
