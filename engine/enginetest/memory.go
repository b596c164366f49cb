package enginetest

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"crier/news"
	"crier/push"
)

// scrawl writes over everything that an entry points to.
func scrawl(e news.Entry) {
	for _, topics := range [][]string{e.Item.Topics, e.Item.Formerly} {
		for i := range topics {
			topics[i] = "scrawled"
		}
	}
	if e.Item.CorrectedAt != nil {
		*e.Item.CorrectedAt = time.Time{}
	}
	if e.Item.Alerted != nil {
		for i := range e.Item.Alerted.Topics {
			e.Item.Alerted.Topics[i] = "scrawled"
		}
		*e.Item.Alerted = news.Reach{}
	}
}

func scrawlAll(es []news.Entry) {
	for i := range es {
		scrawl(es[i])
		es[i] = news.Entry{}
	}
}

func testLogMemory(t *testing.T, s *store) {
	ctx, e := t.Context(), s.node(0)
	hints, stop := e.Wake()
	defer stop()
	drafts := []news.Draft{posted("na"), drill("nb"), revised("na", 1, news.Corrected)}
	first := []uint64{1, 2, 1}
	var want []news.Entry
	for i, d := range drafts {
		key := keyed(d.Item.ID+string(d.Kind), "body")
		want = append(want, entry(d, uint64(i+1), first[i]))
		again := entry(d, 0, 0)
		r := must(e.Append(ctx, key, d))(t)
		scrawl(news.Entry{Item: d.Item}) // what went in
		scrawl(r.Entry)                  // what came out
		d.Item = again.Item
		scrawl(must(e.Append(ctx, key, d))(t).Entry)
	}
	for range 3 {
		scrawlAll(must(e.Since(ctx, news.Cursor{}, 10))(t))
		scrawlAll(must(e.Front(ctx, 10))(t).Entries)
		scrawlAll(must(e.Items(ctx, news.Query{Limit: 10}))(t))
		scrawl(must(e.Item(ctx, "na"))(t))
	}
	equal(t, "log", wholeLog(t, e), want)
	equal(t, "front", must(e.Front(ctx, 10))(t).Entries, fold(want, 10))
	equal(t, "items", must(e.Items(ctx, news.Query{Limit: 10}))(t), fold(want, 10))
	equal(t, "item", must(e.Item(ctx, "na"))(t), want[2])
	for {
		select {
		case h := <-hints:
			if h.Entry != nil {
				equal(t, "the hint's entry", *h.Entry, want[h.Entry.Offset-1])
			}
			continue
		default:
		}
		return
	}
}

func testStoreMemory(t *testing.T, s *store) {
	ctx, e := t.Context(), s.node(0)
	sub := subscriber(3)
	want := sub.Clone()
	must(e.PutSubscription(ctx, sub))(t)
	smear := func(x push.Subscription) {
		x.Topics[0] = "scrawled"
		*x.Quiet = push.Quiet{}
	}
	smear(sub)
	smear(must(e.Subscription(ctx, want.ID))(t))
	equal(t, "subscription", must(e.Subscription(ctx, want.ID))(t), want)

	r := must(e.Append(ctx, news.Key{}, corrected("na")))(t)
	c := campaign(r.Cursor.Epoch, r.Entry)
	wantCampaign := campaign(r.Cursor.Epoch, r.Entry)
	ok(t, e.OpenCampaigns(ctx, r.Cursor, []push.Campaign{c}))
	smudge := func(c push.Campaign) {
		scrawl(c.Entry)
		c.Reach.Topics[0] = "scrawled"
	}
	smudge(c)
	l := claim(t, e, "w", base)
	smudge(l.Campaign)
	for range 2 {
		smear(must(e.Deliveries(ctx, l, base, 1))(t).Deliveries[0].Subscription)
	}
	p := must(e.Deliveries(ctx, l, base, 1))(t)
	equal(t, "delivery", p.Deliveries, []push.Delivery{{Subscription: want}})
	prog := progress(p, l, func(push.Delivery) fate { return retry }, base)
	prog.Tally.Failed, prog.Tally.AcceptedAt = map[string]int64{"size": 0}, map[int]int64{3: 0}
	must(e.Checkpoint(ctx, l, prog))(t)
	prog.Retries[0], prog.Tally.Failed["size"], prog.Tally.AcceptedAt[3] = push.Retry{}, 9, 9
	for range 2 {
		rep := must(e.Report(ctx, "na"))(t)
		equal(t, "reported campaign", rep.Campaign, wantCampaign)
		if rep.Tally.Failed["size"] != 0 || rep.Tally.AcceptedAt[3] != 0 {
			t.Fatalf("counts were written over: %+v", rep.Tally)
		}
		smudge(rep.Campaign)
		clear(rep.Tally.Failed)
		smudge(must(e.CampaignsSince(ctx, base))(t)[0])
	}
	p = must(e.Deliveries(ctx, l, base.Add(time.Minute), 1))(t)
	equal(t, "retry", p.Deliveries, []push.Delivery{{Subscription: want, Attempts: 1}})

	ok(t, e.Stop(ctx, push.Stop{By: "k", At: base}))
	must(e.Stopped(ctx))(t).By = "scrawled"
	equal(t, "stop", must(e.Stopped(ctx))(t), &push.Stop{By: "k", At: base})
}

// testAbandonedWrites ends callers' contexts while they write, and has them
// scrawl over what they passed at once. What is kept is whole all the same.
func testAbandonedWrites(t *testing.T, s *store) {
	const callers = 60
	ctx := t.Context()
	together(callers, func(i int) {
		mine, cancel := context.WithCancel(ctx)
		go cancel()
		sub := subscriber(2*i + 1)
		sub.Topics = append([]string{}, sub.Topics...)
		_, err := s.node(i).PutSubscription(mine, sub)
		sub.Topics[0], *sub.Quiet = "scrawled", push.Quiet{}
		if err != nil && !errors.Is(err, context.Canceled) {
			t.Errorf("put: %v", err)
		}
		if _, kept := s.node(i).Subscription(ctx, sub.ID); err == nil && kept != nil {
			t.Errorf("an acknowledged subscription: %v", kept)
		}
	})
	// A later write waits for those that are still under way.
	const more = 100 // so that the campaign below is of more than a page
	subscribe(t, s.node(0), 1000, 1000+more)
	standing := more
	for i := range callers {
		want := subscriber(2*i + 1)
		got, err := s.node(0).Subscription(ctx, want.ID)
		if err == nil {
			standing++
			equal(t, "subscription", got, want)
		}
	}
	equal(t, "count", must(s.node(0).CountSubscriptions(ctx))(t), int64(standing))

	open(t, s.node(0), posted("na"))
	l := oneRange(t, s.node(0))
	before := must(s.node(0).Report(ctx, "na"))(t).Tally.Audience
	page := must(s.node(0).Deliveries(ctx, l, base, 5))(t)
	mine, cancel := context.WithCancel(ctx)
	go cancel()
	prog := progress(page, l, always(fail), base)
	_, err := s.node(0).Checkpoint(mine, l, prog)
	prog.Tally.Failed["size"] = 99
	must(s.node(0).Checkpoint(ctx, l, progress(push.Page{Cursor: page.Cursor}, l, nil, base)))(t)
	tally := must(s.node(0).Report(ctx, "na"))(t).Tally
	if whole := tally.Audience == before+int64(len(page.Deliveries)); err == nil && !whole || tally.Queued() != 0 {
		t.Fatalf("after an abandoned checkpoint (%v): %+v", err, tally)
	}

	// Letters that callers gave up replaying are in one place: all of one's calls
	// together replayed each of them at most once, and the rest can be yet.
	page = must(s.node(0).Deliveries(ctx, l, base, 20))(t)
	must(s.node(0).Checkpoint(ctx, l, progress(page, l, always(fail), base)))(t)
	failures := must(s.node(0).Report(ctx, "na"))(t).Tally.Failed["size"]
	var acknowledged atomic.Int64
	together(callers, func(i int) {
		mine, cancel := context.WithCancel(ctx)
		go cancel()
		n, err := s.node(i).Replay(mine, "na", "size", base)
		if err != nil && !errors.Is(err, context.Canceled) {
			t.Errorf("replay: %v", err)
		}
		acknowledged.Add(n)
	})
	acknowledged.Add(must(s.node(0).Replay(ctx, "na", "size", base))(t))
	tally = must(s.node(0).Report(ctx, "na"))(t).Tally
	if n := acknowledged.Load(); n > failures || tally.Failed["size"] != 0 || tally.Queued() != failures {
		t.Fatalf("%d were replayed of %d, %d said so: %+v", tally.Queued(), failures, n, tally)
	}
}

// corrected is a posted draft with every pointer set.
func corrected(id string) news.Draft {
	d := posted(id)
	at := base
	d.Item.CorrectedAt = &at
	return d
}
