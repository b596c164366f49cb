package enginetest

import (
	"bytes"
	"errors"
	"sync"
	"testing"
	"time"

	"crier/push"
)

func testEveryStanding(t *testing.T, s *store) {
	ctx, e := t.Context(), s.node(0)
	ids := subscribe(t, e, 0, 3000)
	forgotten := subscriber(5)
	ok(t, e.DeleteSubscription(ctx, forgotten.ID, forgotten.Auth))
	delete(ids, forgotten.ID)
	open(t, e, posted("na"))

	// Who comes later is for the next campaign, who only comes again is not
	// later, and who leaves is not notified.
	subscribe(t, e, 3000, 3050)
	must(e.PutSubscription(ctx, forgotten))(t)
	must(e.PutSubscription(ctx, subscriber(7)))(t)
	left := subscriber(9)
	ok(t, e.DeleteSubscription(ctx, left.ID, left.Auth))
	delete(ids, left.ID)

	last := map[push.Range]push.ID{}
	w := newWalker(e, "w", 64, func(l push.Lease, d push.Delivery) fate {
		id, before := d.Subscription.ID, last[l.Range]
		if id.Shard() < l.Range.Low || id.Shard() > l.Range.High {
			t.Fatalf("shard %d was given out in the range %+v", id.Shard(), l.Range)
		}
		if bytes.Compare(id[:], before[:]) <= 0 {
			t.Fatalf("%s came after %s", id, before)
		}
		last[l.Range] = id
		return accept
	})
	ok(t, w.finish(ctx, base))
	w.onceEach(t, ids)
	r := must(e.Report(ctx, "na"))(t)
	if !r.Done || r.Tally.Audience != int64(len(ids)) || r.Tally.Accepted != int64(len(ids)) {
		t.Fatalf("report: %+v", r)
	}
}

// testAbandonedLease has a worker die after each step of its work. Another
// takes over when the lease ends and not before, and everybody is attempted.
func testAbandonedLease(t *testing.T, s *store) {
	ctx, e := t.Context(), s.node(0)
	ids := subscribe(t, e, 0, 50)
	for step := range 5 {
		c := open(t, e, posted("n"+string(rune('0'+step))))
		now := base.Add(time.Duration(step) * time.Hour)
		l := claim(t, e, "dies", now)
		equal(t, "claimed", l.Campaign.ID, c.ID)
		dead := newWalker(e, "dies", 10, func(push.Lease, push.Delivery) fate { return accept })
		switch step {
		case 0: // after the claim
		case 1: // after reading a page
			must(e.Deliveries(ctx, l, now, 10))(t)
		case 2, 3: // after a checkpoint; and with the next page being sent
			must(dead.page(ctx, l, now))(t)
			if step == 3 {
				must(e.Deliveries(ctx, l, now, 10))(t)
			}
		case 4: // after two
			must(dead.page(ctx, l, now))(t)
			must(dead.page(ctx, l, now))(t)
		}
		heir := newWalker(s.node(1), "lives", 10, func(push.Lease, push.Delivery) fate { return accept })
		ok(t, heir.work(ctx, now.Add(leaseFor-time.Millisecond)))
		if len(heir.tries)+len(dead.tries) == len(ids) {
			t.Fatalf("step %d: a leased range was claimed", step)
		}
		ends := must(e.NextDue(ctx, now))(t)
		if !ends.Equal(now.Add(leaseFor)) {
			t.Fatalf("step %d: the lease ends at %v, claimed at %v", step, ends, now)
		}
		ok(t, heir.work(ctx, ends))
		for id := range dead.tries {
			heir.tries[id]++
		}
		heir.onceEach(t, ids)
		r := must(e.Report(ctx, c.Entry.Item.ID))(t)
		if !r.Done || r.Tally.Audience != 50 || r.Tally.Accepted != 50 {
			t.Fatalf("step %d: report %+v", step, r)
		}
	}
}

func testStaleLease(t *testing.T, s *store) {
	ctx, e := t.Context(), s.node(0)
	subscribe(t, e, 0, 20)
	open(t, e, posted("na"))
	old := claim(t, e, "slow", base)
	page := must(e.Deliveries(ctx, old, base, 5))(t)
	now := base.Add(leaseFor)
	fresh := claim(t, s.node(1), "quick", now)
	for fresh.Range != old.Range { // the engine cut the campaign into several
		fresh = claim(t, s.node(1), "quick", now)
	}
	if fresh.Token <= old.Token {
		t.Fatalf("token %d after %d", fresh.Token, old.Token)
	}
	before := look(t, e)
	mine := must(e.Deliveries(ctx, fresh, now, 50))(t)
	forged := fresh
	forged.Token++
	elsewhere := fresh
	elsewhere.Campaign.ID = "e0.99"
	for _, l := range []push.Lease{old, forged, elsewhere} {
		for _, f := range []fate{accept, retry, fail, gone} {
			if _, err := e.Checkpoint(ctx, l, progress(page, l, always(f), base)); !errors.Is(err, push.ErrLeaseLost) {
				t.Fatalf("checkpoint with a lost lease: %v", err)
			}
		}
		if _, err := e.Deliveries(ctx, l, now, 5); !errors.Is(err, push.ErrLeaseLost) {
			t.Fatalf("deliveries with a lost lease: %v", err)
		}
		ok(t, e.Release(ctx, l))
	}
	equal(t, "the store", look(t, e), before)
	equal(t, "the page of who has the lease", must(e.Deliveries(ctx, fresh, now, 50))(t), mine)
	for _, d := range page.Deliveries {
		must(e.Subscription(ctx, d.Subscription.ID))(t)
	}
	// A lease that has run out but that nobody took is still good.
	late := now.Add(10 * leaseFor)
	st := must(e.Checkpoint(ctx, fresh, progress(mine, fresh, always(accept), late)))(t)
	if !st.Done {
		t.Fatalf("state after the last page: %+v", st)
	}
	for _, l := range []push.Lease{old, fresh} { // of a range that is done
		if _, err := e.Checkpoint(ctx, l, push.Progress{}); !errors.Is(err, push.ErrLeaseLost) {
			t.Fatalf("checkpoint of a range that is done: %v", err)
		}
	}
}

// testWorkers has many workers at one campaign: a range is one worker's, and
// every subscription is attempted once.
func testWorkers(t *testing.T, s *store) {
	ctx := t.Context()
	ids := subscribe(t, s.node(0), 0, 5000)
	open(t, s.node(0), posted("na"))
	var mu sync.Mutex
	all := newWalker(s.node(0), "", 0, nil)
	held := map[push.Range]bool{}
	together(12, func(i int) {
		e := s.node(i)
		for {
			l, found, err := e.Claim(ctx, push.Worker{Name: "w"}, base, leaseFor)
			if err != nil {
				t.Errorf("claim: %v", err)
			}
			if err != nil || !found {
				return
			}
			mu.Lock()
			if held[l.Range] {
				t.Errorf("the range %+v was claimed twice", l.Range)
			}
			held[l.Range] = true
			mu.Unlock()
			w := newWalker(e, "w", 100, func(push.Lease, push.Delivery) fate { return accept })
			for st := (push.State{}); err == nil && !st.Done; {
				st, err = w.page(ctx, l, base)
			}
			if err != nil {
				t.Errorf("work: %v", err)
				return
			}
			mu.Lock()
			for id, n := range w.tries {
				all.tries[id] += n
			}
			mu.Unlock()
		}
	})
	all.onceEach(t, ids)
	r := must(s.node(0).Report(ctx, "na"))(t)
	if !r.Done || r.Tally.Audience != 5000 || r.Tally.Accepted != 5000 {
		t.Fatalf("report: %+v", r)
	}
}
