package enginetest

import (
	"bytes"
	"fmt"
	"testing"

	"crier/news"
	"crier/push"
)

// testReachedFirst has a correction come while the error is in the middle. It
// goes to those whom the error had reached before it goes to anybody else, and
// to everybody once.
func testReachedFirst(t *testing.T, s *store) {
	ctx, e := t.Context(), s.node(0)
	const n = 5000 // four ranges
	ids := subscribe(t, e, 0, n)

	had, whole := map[push.ID]bool{}, map[int]bool{} // whole by range: all of it was reached

	// reach sends pages of the item's campaign, some of each range: nothing,
	// a part, a part and all.
	reach := func(pages [4]int, limit int) {
		t.Helper()
		var held []push.Lease
		for range pages {
			held = append(held, claim(t, s.node(len(held)), "w", base))
		}
		for _, l := range held {
			for range pages[l.Range.Low*4/push.Shards] {
				p := must(e.Deliveries(ctx, l, base, limit))(t)
				for _, d := range p.Deliveries {
					had[d.Subscription.ID] = true
				}
				st := must(e.Checkpoint(ctx, l, progress(p, l, func(push.Delivery) fate { return accept }, base)))(t)
				if st.Done {
					whole[l.Range.Low*4/push.Shards] = true
					break
				}
			}
			ok(t, e.Release(ctx, l))
		}
		if len(whole) != 1 || len(had) < 1000 || len(had) > 3000 {
			t.Fatalf("the error has reached %d of %d, and %v whole", len(had), n, whole)
		}
	}
	open(t, e, posted("na"))
	reach([4]int{0, 3, 30, 1}, 100)

	// The correction is corrected before it has reached all of them. Those whom
	// the error had reached are still first.
	subscribe(t, e, n, 2*n) // newcomers, for whom ranges are cut finer; the first ones are not theirs
	open(t, e, revised("na", 1, news.Corrected))
	l := claim(t, e, "w", base)
	p := must(e.Deliveries(ctx, l, base, 10))(t)
	if len(p.Deliveries) != 10 || p.Pause || p.Scanned {
		t.Fatalf("a page of the correction: %d, %+v", len(p.Deliveries), p.Cursor)
	}
	must(e.Checkpoint(ctx, l, progress(p, l, always(accept), base)))(t)
	ok(t, e.Release(ctx, l))
	c := open(t, e, revised("na", 2, news.Corrected))

	upto := map[int]push.ID{} // the last of each old range that was reached
	for id := range had {
		k := id.Shard() * 4 / push.Shards
		if u := upto[k]; bytes.Compare(id[:], u[:]) > 0 {
			upto[k] = id
		}
	}
	first := func(id push.ID) bool {
		u := upto[id.Shard()*4/push.Shards]
		return whole[id.Shard()*4/push.Shards] || bytes.Compare(id[:], u[:]) <= 0
	}
	seen, rest := map[push.ID]bool{}, 0
	for i := 0; ; i++ {
		l, found, err := s.node(i).Claim(ctx, push.Worker{Name: fmt.Sprint("w", i%3), Blocks: push.Blocks(0xf0f0)}, base, leaseFor)
		ok(t, err)
		if found && l.Cancelled {
			ok(t, e.Release(ctx, l))
		}
		if !found || l.Cancelled {
			break
		}
		for {
			p := must(s.node(i).Deliveries(ctx, l, base, 64))(t)
			for _, d := range p.Deliveries {
				id := d.Subscription.ID
				switch {
				case seen[id]:
					t.Fatalf("%s comes twice", id)
				case !first(id):
					rest++
				case rest > 0:
					t.Fatalf("one whom the error had reached comes after %d whom it had not", rest)
				}
				seen[id] = true
			}
			st := must(s.node(i).Checkpoint(ctx, l, progress(p, l, always(accept), base)))(t)
			if st.Done {
				break
			}
			if p.Pause {
				ok(t, e.Release(ctx, l))
				break
			}
			if len(p.Deliveries) == 0 {
				t.Fatal("a page of nothing in the middle of a range")
			}
		}
	}
	for id := range ids {
		if !seen[id] {
			t.Fatalf("%s gets no correction", id)
		}
	}
	if r := must(e.Report(ctx, "na"))(t); r.Campaign.ID != c.ID || !r.Done || r.Tally.Accepted != 2*n {
		t.Fatalf("the correction's report: %+v", r)
	}

	// All campaigns of the item are told, the last first, with what became of them.
	w := newWalker(e, "w", 999, func(push.Lease, push.Delivery) fate { return cancel })
	ok(t, w.work(ctx, base))
	reports := must(s.node(1).Reports(ctx, "na", 10))(t)
	equal(t, "reports", len(reports), 3)
	equal(t, "the last", reports[0], must(e.Report(ctx, "na"))(t))
	for i, want := range []struct {
		kind      news.Kind
		cancelled bool
		accepted  int64
	}{{news.Corrected, false, 2 * n}, {news.Corrected, true, 10}, {news.Posted, true, int64(len(had))}} {
		r := reports[i]
		if r.Campaign.Entry.Kind != want.kind || r.Cancelled != want.cancelled || r.Tally.Accepted != want.accepted || !r.Done ||
			r.Tally.Audience != r.Tally.Accepted+r.Tally.Cancelled {
			t.Errorf("report %d: %+v", i, r)
		}
	}
	equal(t, "the last two", must(e.Reports(ctx, "na", 2))(t), reports[:2])
	equal(t, "of an item without campaigns", len(must(e.Reports(ctx, "nobody", 2))(t)), 0)
}
