package enginetest

import (
	"errors"
	"slices"
	"testing"
	"time"

	"crier/news"
	"crier/push"
)

func testOpenCampaigns(t *testing.T, s *store) {
	ctx, e := t.Context(), s.node(0)
	if _, err := e.Report(ctx, "na"); !errors.Is(err, push.ErrNoCampaign) {
		t.Fatalf("report where there is no campaign: %v", err)
	}
	equal(t, "campaigns", len(must(e.CampaignsSince(ctx, time.Time{}))(t)), 0)
	idle(t, e, base)
	subscribe(t, e, 0, 10)

	// Nodes race to open the same ones; each with a token it made up.
	first, second := must(e.Append(ctx, news.Key{}, posted("na")))(t), must(e.Append(ctx, news.Key{}, posted("nb")))(t)
	together(10, func(i int) {
		c := campaign(first.Cursor.Epoch, first.Entry)
		c.Token = string(rune('a'+i)) + c.Token
		d := campaign(first.Cursor.Epoch, second.Entry)
		d.Token = string(rune('a'+i)) + d.Token
		if err := s.node(i).OpenCampaigns(ctx, second.Cursor, []push.Campaign{c, d}); err != nil {
			t.Errorf("open: %v", err)
		}
	})
	opened := must(s.node(1).CampaignsSince(ctx, time.Time{}))(t)
	if len(opened) != 2 || opened[0].Token[0] != opened[1].Token[0] {
		t.Fatalf("ten racing openings made %d campaigns: %+v", len(opened), opened)
	}
	want := campaign(first.Cursor.Epoch, first.Entry)
	want.Token = opened[0].Token
	equal(t, "campaign", opened[0], want)

	w := newWalker(e, "w", 3, func(push.Lease, push.Delivery) fate { return accept })
	ok(t, w.finish(ctx, base))
	for _, n := range w.tries {
		equal(t, "attempts for one subscription", n, 2)
	}
	// Opening them yet again starts nothing over.
	ok(t, e.OpenCampaigns(ctx, second.Cursor, opened))
	idle(t, e, base)
	for _, item := range []string{"na", "nb"} {
		r := must(s.node(1).Report(ctx, item))(t)
		if !r.Done || !r.Scanned || r.Cancelled || r.Tally.Audience != 10 || r.Tally.Accepted != 10 {
			t.Fatalf("report on %s: %+v", item, r)
		}
	}
	for after, n := range map[time.Duration]int{time.Second: 2, time.Second + 1e6: 1, 2 * time.Second: 1, 3 * time.Second: 0} {
		equal(t, "campaigns since "+after.String(), len(must(e.CampaignsSince(ctx, base.Add(after)))(t)), n)
	}
}

func testFollowed(t *testing.T, s *store) {
	ctx, e := t.Context(), s.node(0)
	equal(t, "followed at first", must(e.Followed(ctx))(t), news.Cursor{})
	addItems(t, e, "n", 5)
	epoch := must(e.Head(ctx))(t).Epoch
	for _, step := range []struct{ to, want news.Cursor }{
		{news.Cursor{Epoch: epoch, Offset: 3}, news.Cursor{Epoch: epoch, Offset: 3}},
		{news.Cursor{Epoch: epoch, Offset: 2}, news.Cursor{Epoch: epoch, Offset: 3}}, // a slower node
		{news.Cursor{}, news.Cursor{Epoch: epoch, Offset: 3}},
		{news.Cursor{Epoch: news.NewEpoch(), Offset: 9}, news.Cursor{Epoch: epoch, Offset: 3}}, // not the log's
		{news.Cursor{Epoch: epoch, Offset: 5}, news.Cursor{Epoch: epoch, Offset: 5}},
	} {
		ok(t, e.OpenCampaigns(ctx, step.to, nil))
		equal(t, "followed after "+step.to.String(), must(s.node(1).Followed(ctx))(t), step.want)
	}
}

// testCancel has a correction come while the error is being sent.
func testCancel(t *testing.T, s *store) {
	ctx, e := t.Context(), s.node(0)
	ids := subscribe(t, e, 0, 40)
	open(t, e, posted("na"))
	open(t, e, posted("nb")) // which is no business of the correction's
	l := claim(t, e, "w", base)
	equal(t, "claimed first", l.Campaign.Entry.Item.ID, "na")
	w := newWalker(e, "w", 8, func(push.Lease, push.Delivery) fate { return retry })
	st := must(w.page(ctx, l, base))(t)
	equal(t, "state before", st, push.State{})
	page := must(e.Deliveries(ctx, l, base, 8))(t) // under way when it comes

	open(t, e, revised("na", 1, news.Corrected))
	st = must(e.Checkpoint(ctx, l, progress(page, l, always(accept), base)))(t)
	if !st.Cancelled || st.Done || st.Stopped {
		t.Fatalf("state after the correction: %+v", st)
	}
	ok(t, e.Release(ctx, l))

	// What is left of the error is given out to be counted: its retries
	// without waiting for their time, and after everything that is to be sent.
	var order []string
	seen := map[string]map[push.ID]bool{}
	w = newWalker(e, "w", 8, func(l push.Lease, d push.Delivery) fate {
		what := l.Campaign.Entry.Item.ID + string(l.Campaign.Entry.Kind)
		if seen[what] == nil {
			seen[what] = map[push.ID]bool{}
			order = append(order, what)
		}
		if seen[what][d.Subscription.ID] {
			t.Fatalf("%s came twice for %s", what, d.Subscription.ID)
		}
		seen[what][d.Subscription.ID] = true
		if l.Cancelled {
			return cancel
		}
		return accept
	})
	ok(t, w.work(ctx, base))
	equal(t, "order", order, []string{"nbposted", "nacorrected", "naposted"})
	equal(t, "given the correction", seen["nacorrected"], ids)
	equal(t, "counted of the error", len(seen["naposted"]), len(ids)-len(page.Deliveries))
	idle(t, e, base)
	r := must(e.Report(ctx, "na"))(t)
	if r.Campaign.Entry.Kind != news.Corrected || r.Cancelled || !r.Done || r.Tally.Accepted != 40 {
		t.Fatalf("the item's report is not its correction's: %+v", r)
	}
	if due := must(e.NextDue(ctx, base))(t); !due.IsZero() {
		t.Fatalf("work due at %v when all is done", due)
	}

	// The same where only retries were left, all for later.
	open(t, e, posted("nc"))
	w = newWalker(e, "w", 8, func(push.Lease, push.Delivery) fate { return retry })
	ok(t, w.work(ctx, base))
	idle(t, e, base)
	open(t, e, revised("nc", 1, news.Withdrawn))
	w = newWalker(e, "w", 8, func(l push.Lease, d push.Delivery) fate {
		if l.Cancelled != (d.Attempts == 1) {
			t.Fatalf("cancelled %v, attempts %d", l.Cancelled, d.Attempts)
		}
		return cancel
	})
	ok(t, w.work(ctx, base))
	equal(t, "counted and given the withdrawal", len(w.order), 2*len(ids))
	if due := must(e.NextDue(ctx, base))(t); !due.IsZero() {
		t.Fatalf("work due at %v when all is done", due)
	}
}

// testErrorUnderWay has a correction come while another worker may be sending
// the error: to its shards the correction is not sent yet.
func testErrorUnderWay(t *testing.T, s *store) {
	ctx, e := t.Context(), s.node(0)
	subscribe(t, e, 0, 3000)
	overlap := func(a, b push.Range) bool { return a.Low <= b.High && b.Low <= a.High }
	// claimAll claims what there is for a worker of another node, and says
	// whether it got shards of the range for the campaign.
	claimAll := func(worker string, now time.Time, c push.Campaign, r push.Range) (got bool) {
		for {
			l, found, err := s.node(1).Claim(ctx, push.Worker{Name: worker}, now, leaseFor)
			ok(t, err)
			if !found {
				return got
			}
			got = got || l.Campaign.ID == c.ID && overlap(l.Range, r)
		}
	}

	now := base
	for _, step := range []struct {
		item   string
		what   string
		letsGo func(l push.Lease) (at time.Time)
	}{
		{"na", "the worker checkpoints and lets go", func(l push.Lease) time.Time {
			page := must(e.Deliveries(ctx, l, now, 5))(t)
			st := must(e.Checkpoint(ctx, l, progress(page, l, always(accept), now)))(t)
			if !st.Cancelled {
				t.Fatalf("the worker is not told of the correction: %+v", st)
			}
			ok(t, e.Release(ctx, l))
			return now
		}},
		{"nb", "the worker has died and its lease ends", func(l push.Lease) time.Time { return l.Ends }},
	} {
		open(t, e, posted(step.item))
		l := claim(t, e, "errs", now)
		equal(t, "claimed", l.Campaign.Entry.Item.ID, step.item)
		c := open(t, e, revised(step.item, 1, news.Corrected))
		if claimAll("w1", now, c, l.Range) {
			t.Fatalf("%s: the correction is given out while the error is under way", step.what)
		}
		now = step.letsGo(l)
		if !claimAll("w2", now, c, l.Range) {
			t.Fatalf("%s: the correction is not given out after it", step.what)
		}
		now = now.Add(leaseFor) // when all leases have ended
		w := newWalker(e, "w3", 500, func(push.Lease, push.Delivery) fate { return accept })
		ok(t, w.finish(ctx, now))
	}

	// A worker knows of itself what it is sending.
	open(t, e, posted("own"))
	l := claim(t, e, "errs", now)
	c := open(t, e, revised("own", 1, news.Withdrawn))
	if !claimAll("errs", now, c, l.Range) {
		t.Fatal("a worker waits for itself")
	}
}

func testLanes(t *testing.T, s *store) {
	ctx, e := t.Context(), s.node(0)
	subscribe(t, e, 0, 12)
	levels := []news.Level{news.Urgent, news.Flash, news.Bulletin, news.Flash, news.Urgent}
	for i, level := range levels {
		d := posted("n" + string(rune('0'+i)))
		d.Item.Level = level
		open(t, e, d)
	}
	var order []string
	w := newWalker(e, "w", 5, func(l push.Lease, _ push.Delivery) fate {
		order = append(order, l.Campaign.Entry.Item.ID)
		return accept
	})
	ok(t, w.work(ctx, base))
	equal(t, "order of campaigns", slices.Compact(order), []string{"n1", "n3", "n2", "n0", "n4"})
	equal(t, "deliveries", len(order), 12*len(levels))

	// A flash overtakes at the next claim of a worker that is on something else.
	d := posted("n8")
	d.Item.Level = news.Urgent
	open(t, e, d)
	d = posted("n9")
	d.Item.Level = news.Flash
	open(t, e, d)
	equal(t, "claimed", claim(t, e, "w", base).Campaign.Entry.Item.ID, "n9")
}

func testStop(t *testing.T, s *store) {
	ctx, e := t.Context(), s.node(0)
	subscribe(t, e, 0, 20)
	open(t, e, posted("na"))
	l := claim(t, e, "w", base)
	page := must(e.Deliveries(ctx, l, base, 5))(t)
	if got := must(e.Stopped(ctx))(t); got != nil {
		t.Fatalf("stopped at first: %+v", got)
	}
	order := push.Stop{By: "kchief", Reason: "Wrong river.", At: base}
	ok(t, e.Stop(ctx, order))
	ok(t, s.node(1).Stop(ctx, push.Stop{By: "klater", At: base.Add(time.Hour)}))
	equal(t, "the stop in force", must(s.node(1).Stopped(ctx))(t), &order)

	// What is under way is written down; nothing else starts.
	st := must(e.Checkpoint(ctx, l, progress(page, l, always(accept), base)))(t)
	if !st.Stopped || st.Done || st.Cancelled {
		t.Fatalf("state after the stop: %+v", st)
	}
	ok(t, e.Release(ctx, l))
	idle(t, e, base.Add(time.Hour))
	if due := must(e.NextDue(ctx, base))(t); !due.IsZero() {
		t.Fatalf("work due at %v while stopped", due)
	}
	open(t, e, posted("nb"))
	idle(t, e, base.Add(time.Hour))

	for range 2 {
		ok(t, e.Resume(ctx))
		if got := must(s.node(1).Stopped(ctx))(t); got != nil {
			t.Fatalf("stopped after resuming: %+v", got)
		}
	}
	w := newWalker(e, "w", 7, func(push.Lease, push.Delivery) fate { return accept })
	ok(t, w.work(ctx, base))
	equal(t, "deliveries after resuming", len(w.order), 15+20)
	for _, item := range []string{"na", "nb"} {
		r := must(e.Report(ctx, item))(t)
		if !r.Done || r.Tally.Accepted != 20 || r.Tally.Queued() != 0 {
			t.Fatalf("report on %s: %+v", item, r)
		}
	}
}
