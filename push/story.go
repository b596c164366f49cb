package push

import (
	"context"
	"time"
)

// A device shows one notification of a story: push services keep the message of
// a topic that came last, and browsers that of a tag. So the items of a story
// must reach a device in the order in which they were posted, or an older one
// takes the place of a newer one that may never have been seen. No list of
// subscribers is kept for that: whoever wants the newer campaign, by the same
// Decide that will send it to them, is not sent the older one any more.

// Story is the story whose one notification on a device those of the campaign
// replace. A drill's is one of its own, as it must not replace a live alert;
// that of a digest is empty, as it replaces other digests only.
func (c Campaign) Story() string {
	switch {
	case c.isDigest():
		return ""
	case c.Entry.Item.Drill:
		return "drill " + c.Entry.Item.Story
	}
	return c.Entry.Item.Story
}

// tag is what the notifications of c replace each other as.
func (c Campaign) tag() string {
	if c.isDigest() {
		return digestStory
	}
	return c.Story()
}

// aside is what they replace each other as where those of the story must stay.
func (c Campaign) aside() string { return c.Story() + " " + c.Entry.Item.ID }

// givesWay reports whether c gives way to n for those who want n: it is news of
// the same story, and came later. Corrections and withdrawals neither give way
// nor make way: they are of one item, and who was sent the error has to get them.
// What replaces c in its own item cancels it altogether.
func (c Campaign) givesWay(n Campaign) bool {
	return c.Story() != "" && c.Story() == n.Story() && n.Entry.Offset > c.Entry.Offset &&
		c.Entry.Item.ID != n.Entry.Item.ID && !isRepair(c.Entry.Kind) && !isRepair(n.Entry.Kind)
}

// replaceable reports whether a notification of n takes the place of an earlier
// one of c on a device.
func (c Campaign) replaceable(n Campaign) bool {
	same := c.Entry.Item.ID == n.Entry.Item.ID || c.Story() != "" && c.Story() == n.Story()
	return same && c.Entry.Offset < n.Entry.Offset
}

// rival is a campaign whose notification takes the place of ours.
type rival struct {
	Campaign
	today []Campaign // see Decide
}

// reaches reports whether s gets r now.
func (r rival) reaches(s Subscription, now time.Time, zone *time.Location) bool {
	return Decide(s, r.Campaign, now, zone, r.today) > Held
}

// dayBack is how far back a subscriber's day may begin: it has at most 25 hours,
// and zones change.
const dayBack = 26 * time.Hour

// learn reads which campaigns the lease's has to heed: those of the days before
// it, and of its story. What the worker has heard of until then, up to the entry
// at latest, is among them.
func (t *task) learn(ctx context.Context, latest uint64) error {
	c := t.lease.Campaign
	all, err := t.store.CampaignsSince(ctx, c.OpenedAt.Add(-dayBack))
	if err != nil {
		return err
	}
	t.known, t.today, t.rivals = latest, before(all, c), nil
	since := c.Entry.Offset
	if isRepair(c.Entry.Kind) {
		since = replaced(all, c)
	}
	for _, n := range all {
		if c.Story() == n.Story() && !c.isDigest() {
			t.known = max(t.known, n.Entry.Offset)
			if n.Entry.Item.ID != c.Entry.Item.ID && n.Entry.Offset > since && !isRepair(n.Entry.Kind) {
				t.rivals = append(t.rivals, rival{n, before(all, n)})
			}
		}
	}
	return nil
}

// before is those of all whose entries came before that of c.
func before(all []Campaign, c Campaign) (out []Campaign) {
	for _, other := range all {
		if other.Entry.Offset < c.Entry.Offset {
			out = append(out, other)
		}
	}
	return out
}

// replaced is where in the log the campaign is, of all, that c replaces; 0 if it
// is not among them.
func replaced(all []Campaign, c Campaign) (offset uint64) {
	for _, other := range all {
		if other.Entry.Item.ID == c.Entry.Item.ID && other.Entry.Offset < c.Entry.Offset {
			offset = max(offset, other.Entry.Offset)
		}
	}
	return offset
}

// overtaken reports whether the delivery is not to be made any more, as its
// subscriber gets a newer campaign of the story. One of a lower lane comes after
// the first attempt, see Campaigns.Claim, and so only what is tried again is
// overtaken by it.
func (t *task) overtaken(d Delivery, now time.Time) bool {
	c := t.lease.Campaign
	if isRepair(c.Entry.Kind) || len(t.rivals) == 0 {
		return false
	}
	zone := t.zones.of(d.Subscription)
	for _, r := range t.rivals {
		if (r.Lane >= c.Lane || d.Attempts > 0) && r.reaches(d.Subscription, now, zone) {
			return true
		}
	}
	return false
}

// apart is the deliveries of a page that must not replace what a device shows of
// the story: those of a correction to who gets other news of the story that came
// after the error.
type apart struct {
	has          []bool // by delivery
	loud, silent []byte
	topic        string
}

// setApart finds those of the page, if there are any.
func (t *task) setApart(p *page, now time.Time) error {
	c := t.lease.Campaign
	if !isRepair(c.Entry.Kind) || len(t.rivals) == 0 {
		return nil
	}
	a := &apart{has: make([]bool, len(p.deliveries)), topic: topic(c.aside())}
	for i, d := range p.deliveries {
		zone := t.zones.of(d.Subscription)
		for _, r := range t.rivals {
			a.has[i] = a.has[i] || r.reaches(d.Subscription, now, zone)
		}
	}
	var err error
	if a.loud, err = payloadAs(c, c.aside(), t.o.PublicURL, t.o.Icon, false); err != nil {
		return err
	}
	if a.silent, err = payloadAs(c, c.aside(), t.o.PublicURL, t.o.Icon, true); err != nil {
		return err
	}
	p.apart = a
	return nil
}

// topicOf is the Topic of a delivery.
func (p *page) topicOf(i int) string {
	if p.apart != nil && p.apart.has[i] {
		return p.apart.topic
	}
	return p.topic
}
