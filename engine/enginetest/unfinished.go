package enginetest

import (
	"errors"
	"testing"
	"time"

	"crier/news"
	"crier/push"
)

// testUnfinished: where the campaigns that are not done stand, and for whom the
// rest of them is.
func testUnfinished(t *testing.T, s *store) {
	ctx, e := t.Context(), s.node(0)
	equal(t, "at first", len(must(e.Unfinished(ctx, base))(t)), 0)
	if _, err := e.Standing(ctx, "e.1", push.Range{High: push.Shards - 1}, push.ID{}, 9); !errors.Is(err, push.ErrNoCampaign) {
		t.Fatalf("who stood at the opening of no campaign: %v", err)
	}
	const n = 3000 // two ranges
	ids := subscribe(t, e, 0, n)
	low := open(t, e, posted("na"))
	l := claim(t, e, "w", base)
	p := must(e.Deliveries(ctx, l, base, 100))(t)
	must(e.Checkpoint(ctx, l, progress(p, l, func(d push.Delivery) fate { return []fate{accept, retry}[d.Subscription.ID[15]%2] }, base)))(t)
	subscribe(t, e, n, n+50) // for whom the first campaign is not
	draft := posted("nb")
	draft.Item.Level = news.Flash
	high := open(t, e, draft)

	got := must(s.node(1).Unfinished(ctx, base))(t)
	equal(t, "campaigns", len(got), 2)
	equal(t, "the first", got[0].Campaign.ID, high.ID)
	equal(t, "the second", got[1].Report, must(e.Report(ctx, "na"))(t))
	equal(t, "its campaign", got[1].Campaign.ID, low.ID)
	other := 512 - l.Range.Low
	for _, r := range got[1].Ranges {
		switch r.Low {
		case l.Range.Low:
			equal(t, "the range under way", r, push.RangeState{Range: l.Range, Cursor: p.Cursor, Held: true})
		case other:
			if r.Held || r.Scanned {
				t.Errorf("the other range: %+v", r)
			}
		default:
			t.Errorf("a range from %d", r.Low)
		}
	}
	if r := must(e.Unfinished(ctx, l.Ends))(t)[1].Ranges; r[0].Held || r[1].Held {
		t.Errorf("when the lease has ended: %+v", r)
	}

	// The rest, page by page: with what was scanned it is everybody.
	seen := map[push.ID]bool{}
	for _, d := range p.Deliveries {
		seen[d.Subscription.ID] = true
	}
	for _, r := range got[1].Ranges {
		for after := r.Cursor; ; {
			page := must(s.node(1).Standing(ctx, low.ID, r.Range, after, 333))(t)
			for _, sub := range page {
				if seen[sub.ID] || !ids[sub.ID] {
					t.Fatalf("%s comes twice, or is new", sub.ID)
				}
				seen[sub.ID], after = true, sub.ID
			}
			if len(page) < 333 {
				break
			}
		}
	}
	equal(t, "scanned, and the rest", len(seen), n)
	equal(t, "one", must(e.Standing(ctx, low.ID, l.Range, p.Cursor, 1))(t)[0], must(e.Deliveries(ctx, l, base, 1))(t).Deliveries[0].Subscription)

	// What is cancelled is not to be sent, what is done is done.
	open(t, e, revised("na", 1, news.Withdrawn))
	for _, u := range must(e.Unfinished(ctx, base))(t) {
		if u.Campaign.ID == low.ID {
			t.Error("what is cancelled is among what is to be sent")
		}
	}
	ok(t, e.Release(ctx, l))
	w := newWalker(e, "w", 500, func(push.Lease, push.Delivery) fate { return accept })
	ok(t, w.finish(ctx, base.Add(time.Hour)))
	equal(t, "at the end", len(must(e.Unfinished(ctx, base))(t)), 0)
}
