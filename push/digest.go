package push

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"crier/news"
)

// A digest says once a day what was held back of a subscriber's alerts. The
// days of all subscribers end at all times of day and in all zones, so every
// quarter of an hour a campaign is opened for those whose time has come and who
// have something held. Who that is, and what they are told, follows from their
// preferences and the campaigns since their digest before: nothing is kept for
// them.
const (
	digestSlot  = 15 * time.Minute
	digestGrace = 20 * time.Second // after a slot begins: until then campaigns may open that are of the time before
	digestLife  = 6 * time.Hour    // how long after its slot a digest is sent
	digestLook  = 5 * time.Second  // between looks at the clock
	digestBack  = 100 * time.Hour  // a digest tells of at most 25 hours and mostMissed days, and each of those depends on the day before it
	mostMissed  = 2                // digests in a row that were never opened, as no node was there, and that the next one makes up for
)

// Digested is the kind of the entry of a digest's campaign. It is in no log.
const Digested news.Kind = "digest"

// digestStory is what digests replace each other as.
const digestStory = "crier-digest"

// Items says how items stand.
type Items interface {
	// Item is the last entry of an item. Errors: news.ErrNoItem.
	Item(ctx context.Context, id string) (news.Entry, error)
}

// isDigest reports whether c is of a digest.
func (c Campaign) isDigest() bool { return c.Entry.Kind == Digested }

// newDigest is the campaign for the slot. Its ID and item are the slot's, so
// nodes may race to open it. It is in the lowest lane.
func newDigest(slot, now time.Time) Campaign {
	slot = slot.UTC()
	id := "digest-" + strconv.FormatInt(slot.Unix(), 10)
	return Campaign{
		ID: id, Token: newToken(), OpenedAt: now, Deadline: slot.Add(digestLife), Reach: news.Reach{Level: news.Regular},
		Entry: news.Entry{Kind: Digested, Alert: true, Item: news.Item{ID: id, Version: 1, Story: digestStory, Level: news.Regular, Language: "en", PostedAt: slot, RevisedAt: slot}},
	}
}

// openDigests opens the digest of each slot, until ctx ends.
func (s *Service) openDigests(ctx context.Context) {
	t := time.NewTicker(digestLook)
	defer t.Stop()
	next := time.Now().Add(-digestLife).Truncate(digestSlot).Add(digestSlot) // what was left undone and may be sent yet; the rest is told in the next one
	for {
		now := time.Now().UTC().Truncate(time.Millisecond)
		for !now.Before(next.Add(digestGrace)) && ctx.Err() == nil {
			if err := s.openDigest(ctx, next, now); err != nil {
				s.trouble(ctx, "open a digest", err)
				break
			}
			next = next.Add(digestSlot)
		}
		select {
		case <-t.C:
		case <-ctx.Done():
			return
		}
	}
}

// openDigest opens the digest of a slot, if anybody can have anything held:
// that takes two alerts in a day.
func (s *Service) openDigest(ctx context.Context, slot, now time.Time) error {
	since, err := s.store.CampaignsSince(ctx, slot.Add(-digestBack))
	if err != nil {
		return err
	}
	alerts := 0
	for _, c := range since {
		if !c.isDigest() && !isRepair(c.Entry.Kind) && c.OpenedAt.Before(slot) {
			alerts++
		}
	}
	if alerts < 2 {
		return nil
	}
	c := newDigest(slot, now)
	if err := s.store.OpenCampaigns(ctx, news.Cursor{}, []Campaign{c}); err != nil {
		return err
	}
	s.ring()
	return nil
}

// digestSpan is the time of which s is told in the slot, by the clock in zone:
// from its digest so many days before to the slot. ok is false if its time is not
// in the slot. Each day has one, also where clocks are set forward over it or back.
func (s Subscription) digestSpan(slot time.Time, zone *time.Location, days int) (from time.Time, ok bool) {
	day := func(n int) time.Time {
		y, m, d := slot.In(zone).Date()
		return time.Date(y, m, d+n, 0, s.Digest, 0, 0, zone).Truncate(digestSlot)
	}
	for n := range 2 { // set forward over midnight, a day's digest may be on the day before
		if day(n).Equal(slot) {
			return day(n - days), true
		}
	}
	return time.Time{}, false
}

// decideDigest is what s is told in the digest of the slot: the places in since
// of the campaigns that were held from it since the last digest of its time that
// was opened. since is those of the last digestBack, oldest first. Like Decide it
// depends on nothing else.
func decideDigest(s Subscription, slot time.Time, zone *time.Location, since []Campaign) (held []int) {
	if s.Unconfirmed || s.DailyMax == 0 {
		return nil
	}
	from, ok := s.digestSpan(slot, zone, 1)
	if !ok {
		return nil
	}
	for days := 2; days <= 1+mostMissed && !hasDigest(since, from); days++ {
		from, _ = s.digestSpan(slot, zone, days)
	}
	for i, c := range since {
		if c.OpenedAt.Before(from) || c.OpenedAt.Before(s.CreatedAt) || !c.OpenedAt.Before(slot) {
			continue
		}
		if Decide(s, c, c.OpenedAt, zone, since[:i]) == Held {
			held = append(held, i)
		}
	}
	return held
}

// hasDigest reports whether the digest of the slot is among the campaigns.
func hasDigest(since []Campaign, slot time.Time) bool {
	return slices.ContainsFunc(since, func(c Campaign) bool { return c.isDigest() && c.Entry.Item.PostedAt.Equal(slot) })
}

// digest is a digest's campaign being sent.
type digest struct {
	slot  time.Time
	since []Campaign
	items map[string]news.Entry // how those of since stand
	texts map[string][]byte     // by what was held, and the voice
}

// mostTexts bounds the texts that are kept: what is held differs by topics,
// levels, bounds and times of day, of which many have the same.
const mostTexts = 1024

// newDigestOf reads what the digest of the campaign tells of.
func (s *Service) newDigestOf(ctx context.Context, c Campaign) (*digest, error) {
	d := &digest{slot: c.Entry.Item.PostedAt, items: map[string]news.Entry{}, texts: map[string][]byte{}}
	var err error
	if d.since, err = s.store.CampaignsSince(ctx, d.slot.Add(-digestBack)); err != nil {
		return nil, err
	}
	for _, c := range d.since {
		id := c.Entry.Item.ID
		if s.o.Items == nil {
			d.items[id] = c.Entry // the last one stays
		} else if _, known := d.items[id]; !known && !c.isDigest() {
			if d.items[id], err = s.o.Items.Item(ctx, id); err != nil {
				return nil, fmt.Errorf("item %s: %w", id, err)
			}
		}
	}
	return d, nil
}

// stories is the items to be told of, newest story first: of each story the
// last that was held and has not been withdrawn since, as it now stands.
func (d *digest) stories(held []int) (out []news.Item) {
	known := map[string]bool{}
	for i := len(held) - 1; i >= 0; i-- {
		item := d.items[d.since[held[i]].Entry.Item.ID].Item
		if !item.Withdrawn && !known[item.Story] {
			known[item.Story] = true
			out = append(out, item)
		}
	}
	return out
}

// text is the message for s, nil if there is nothing to tell it.
func (d *digest) text(c Campaign, s Subscription, now time.Time, zone *time.Location, site, icon string) (Voice, []byte, error) {
	held := decideDigest(s, d.slot, zone, d.since)
	if len(held) == 0 {
		return Unwanted, nil, nil
	}
	voice := Loud
	if s.Quiet.covers(now.In(zone)) {
		voice = Silent
	}
	key := fmt.Sprint(voice, held)
	text, known := d.texts[key]
	if !known {
		var err error
		if text, err = digestPayload(c, d.stories(held), site, icon, voice == Silent); err != nil {
			return Unwanted, nil, err
		}
		if len(d.texts) >= mostTexts {
			clear(d.texts)
		}
		d.texts[key] = text
	}
	if text == nil { // all of it was withdrawn
		return Unwanted, nil, nil
	}
	return voice, text, nil
}
