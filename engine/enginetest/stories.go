package enginetest

import (
	"testing"
	"time"

	"crier/news"
	"crier/push"
)

// ofStory is the first entry of an item of the story.
func ofStory(story, id string, level news.Level) news.Draft {
	d := posted(id)
	d.Item.Story, d.Item.Level = story, level
	return d
}

// testStoryUnderWay has a newer item of a story come while another worker may be
// sending an older one: to its shards the newer one is not sent yet, and the
// older one goes on.
func testStoryUnderWay(t *testing.T, s *store) {
	ctx, e := t.Context(), s.node(0)
	subscribe(t, e, 0, 3000)
	now := base
	// given says whether a worker of another node gets shards of the range for c.
	given := func(worker string, c push.Campaign, r push.Range) (got bool) {
		for {
			l, found, err := s.node(1).Claim(ctx, push.Worker{Name: worker}, now, leaseFor)
			ok(t, err)
			if !found {
				return got
			}
			got = got || l.Campaign.ID == c.ID && l.Range.Low <= r.High && r.Low <= l.Range.High
		}
	}
	letGo := func(l push.Lease) {
		page := must(e.Deliveries(ctx, l, now, 5))(t)
		equal(t, "state of the older one", must(e.Checkpoint(ctx, l, progress(page, l, always(accept), now)))(t), push.State{})
		ok(t, e.Release(ctx, l))
	}
	die := func(l push.Lease) { now = l.Ends }
	// start opens the campaign of d, as one of the kind.
	start := func(d news.Draft, kind news.Kind) push.Campaign {
		r := must(e.Append(ctx, news.Key{}, d))(t)
		r.Entry.Kind = kind
		c := campaign(r.Cursor.Epoch, r.Entry)
		ok(t, e.OpenCampaigns(ctx, r.Cursor, []push.Campaign{c}))
		return c
	}
	for _, step := range []struct {
		name  string
		level news.Level
		kind  news.Kind
		newer func(d *news.Draft)
		waits bool
		ends  func(l push.Lease)
	}{
		{"same", news.Bulletin, news.Posted, nil, true, letGo},
		{"higher", news.Flash, news.Posted, nil, true, die},
		{"elsewhere", news.Flash, news.Posted, func(d *news.Draft) { d.Item.Story = "another" }, false, letGo},
		{"drill", news.Flash, news.Posted, func(d *news.Draft) { d.Item.Drill = true }, false, letGo},
		{"digests", news.Bulletin, push.Digested, nil, false, letGo},
	} {
		first, second := ofStory(step.name, step.name+"1", news.Bulletin), ofStory(step.name, step.name+"2", step.level)
		if step.newer != nil {
			step.newer(&second)
		}
		start(first, step.kind)
		l := claim(t, e, "holds", now)
		equal(t, "claimed", l.Campaign.Entry.Item.ID, step.name+"1")
		c := start(second, step.kind)
		if got := given("w1", c, l.Range); got == step.waits {
			t.Fatalf("%s: the newer one is given out while the older one is under way: %v", step.name, got)
		}
		step.ends(l)
		if got := given("w2", c, l.Range); got != step.waits {
			t.Fatalf("%s: the newer one is given out after it: %v", step.name, got)
		}
		now = now.Add(leaseFor) // when all leases have ended
		ok(t, newWalker(e, "w3", 500, func(push.Lease, push.Delivery) fate { return accept }).finish(ctx, now))
		now = now.Add(leaseFor)
		for _, id := range []string{"1", "2"} {
			if r := must(e.Report(ctx, step.name+id))(t); r.Cancelled || !r.Done || r.Tally.Accepted != 3000 {
				t.Fatalf("%s: %s came to %+v", step.name, id, r)
			}
		}
	}
}

// testStoryInOrder has a lower item of a story come after a higher one: it waits
// until that has been walked, whoever works on it, and no longer.
func testStoryInOrder(t *testing.T, s *store) {
	ctx, e := t.Context(), s.node(0)
	subscribe(t, e, 0, 40)
	open(t, e, ofStory("s", "na", news.Flash))
	open(t, e, ofStory("s", "nb", news.Bulletin))
	open(t, e, ofStory("other", "nc", news.Urgent))
	l := claim(t, e, "w", base)
	equal(t, "claimed first", l.Campaign.Entry.Item.ID, "na")
	w := newWalker(e, "w", 30, func(push.Lease, push.Delivery) fate { return retry })
	must(w.page(ctx, l, base))(t)
	next := claim(t, s.node(1), "w", base)
	equal(t, "claimed while it is being walked", next.Campaign.Entry.Item.ID, "nc")
	idle(t, e, base)
	must(w.page(ctx, l, base))(t)
	equal(t, "walked", len(w.order), 40)
	equal(t, "claimed when it has been walked", claim(t, e, "w", base).Campaign.Entry.Item.ID, "nb")
	idle(t, e, base)
	ok(t, e.Release(ctx, l)) // its retries are for later

	// What is cancelled is only counted, and nobody waits for that.
	now := base.Add(leaseFor * 2)
	ok(t, newWalker(e, "w", 99, func(push.Lease, push.Delivery) fate { return accept }).finish(ctx, now))
	now = now.Add(time.Hour)
	open(t, e, ofStory("s", "nd", news.Flash))
	open(t, e, ofStory("s", "ne", news.Bulletin))
	fix := revised("nd", 1, news.Corrected)
	fix.Item.Story, fix.Item.Level = "s", news.Flash
	open(t, e, fix)
	for _, want := range []string{"nd", "ne"} {
		l := claim(t, e, "w", now)
		equal(t, "claimed", l.Campaign.Entry.Item.ID, want)
		equal(t, "cancelled", l.Cancelled, false)
	}
	if l := claim(t, e, "w", now); l.Campaign.Entry.Kind != news.Posted || !l.Cancelled {
		t.Fatalf("claimed last: %+v", l)
	}
}
