package enginetest

import (
	"reflect"
	"testing"
	"time"

	"crier/push"
)

// later is base and so many seconds.
func later(seconds int) time.Time { return base.Add(time.Duration(seconds) * time.Second) }

// oneRange claims the one range that has a campaign's only subscribers, and
// has the walker pass the ranges that have none.
func oneRange(t testing.TB, e Engine) push.Lease {
	t.Helper()
	ctx := t.Context()
	for {
		l := claim(t, e, "w", base)
		p := must(e.Deliveries(ctx, l, base, 1))(t)
		if len(p.Deliveries) > 0 {
			return l
		}
		if !p.Scanned || !p.NextDue.IsZero() {
			t.Fatalf("a page of nothing that is not the last: %+v", p)
		}
		if st := must(e.Checkpoint(ctx, l, progress(p, l, nil, base)))(t); !st.Done {
			t.Fatalf("a range of nothing is not done: %+v", st)
		}
	}
}

// neighbours are n subscribers of one shard, in the order of their IDs.
func neighbours(t testing.TB, e Engine, n int) []push.Subscription {
	t.Helper()
	out := make([]push.Subscription, n)
	for i := range out {
		out[i] = subscriber(1000 + i)
		out[i].ID = push.ID{0x12, 0x34, 0, byte(i), 1}
		must(e.PutSubscription(t.Context(), out[i]))(t)
	}
	return out
}

func testRetries(t *testing.T, s *store) {
	ctx, e := t.Context(), s.node(0)
	subs := neighbours(t, e, 6)
	open(t, e, posted("na"))
	l := oneRange(t, e)
	page := must(e.Deliveries(ctx, l, base, 4))(t)
	equal(t, "first page", page, push.Page{Cursor: subs[3].ID, Deliveries: []push.Delivery{
		{Subscription: subs[0]}, {Subscription: subs[1]}, {Subscription: subs[2]}, {Subscription: subs[3]}}})
	st := must(e.Checkpoint(ctx, l, push.Progress{Cursor: page.Cursor, Ends: later(60), Tally: push.Tally{Audience: 4}, Retries: []push.Retry{
		{ID: subs[0].ID, Attempts: 1, Due: later(30)}, {ID: subs[1].ID, Attempts: 1, Due: later(10)},
		{ID: subs[2].ID, Attempts: 1, Due: later(20)}, {ID: subs[3].ID, Attempts: 1, Due: later(20)},
	}}))(t)
	equal(t, "state", st, push.State{})

	tried := func(i, attempts int) push.Delivery { return push.Delivery{Subscription: subs[i], Attempts: attempts} }
	for _, c := range []struct {
		name       string
		now, limit int
		want       push.Page
	}{
		{"none due yet", 9, 10, push.Page{Deliveries: []push.Delivery{tried(4, 0), tried(5, 0)}, Cursor: subs[5].ID, Scanned: true, NextDue: later(10)}},
		{"the first due", 10, 10, push.Page{Deliveries: []push.Delivery{tried(1, 1), tried(4, 0), tried(5, 0)}, Cursor: subs[5].ID, Scanned: true, NextDue: later(20)}},
		{"retries come first", 20, 4, push.Page{Deliveries: []push.Delivery{tried(1, 1), tried(2, 1), tried(3, 1), tried(4, 0)}, Cursor: subs[4].ID, Scanned: false, NextDue: later(30)}},
		{"only retries", 20, 2, push.Page{Deliveries: []push.Delivery{tried(1, 1), tried(2, 1)}, Cursor: subs[3].ID, Scanned: false, NextDue: later(20)}},
		{"just the retries", 20, 3, push.Page{Deliveries: []push.Delivery{tried(1, 1), tried(2, 1), tried(3, 1)}, Cursor: subs[3].ID, Scanned: false, NextDue: later(30)}},
		{"all", 30, 10, push.Page{Deliveries: []push.Delivery{tried(1, 1), tried(2, 1), tried(3, 1), tried(0, 1), tried(4, 0), tried(5, 0)}, Cursor: subs[5].ID, Scanned: true, NextDue: time.Time{}}},
	} {
		equal(t, c.name, must(e.Deliveries(ctx, l, later(c.now), c.limit))(t), c.want)
	}

	// One is over, one is put off again, the rest of the range is scanned.
	page = must(e.Deliveries(ctx, l, later(20), 10))(t)
	st = must(e.Checkpoint(ctx, l, push.Progress{Cursor: page.Cursor, Scanned: page.Scanned, Ends: later(80),
		Settled: []push.ID{subs[1].ID, subs[2].ID, subs[3].ID}, Tally: push.Tally{Audience: 2, Accepted: 4},
		Retries: []push.Retry{{ID: subs[2].ID, Attempts: 2, Due: later(45)}}}))(t)
	equal(t, "state", st, push.State{})
	r := must(e.Report(ctx, "na"))(t)
	if !r.Scanned || r.Done || r.Tally.Queued() != 2 {
		t.Fatalf("report while two retries wait: %+v", r)
	}
	equal(t, "a page when all is scanned", must(e.Deliveries(ctx, l, later(30), 10))(t),
		push.Page{Deliveries: []push.Delivery{tried(0, 1)}, Cursor: subs[5].ID, Scanned: true, NextDue: later(45)})
	equal(t, "due while leased", must(e.NextDue(ctx, later(20)))(t), later(80))
	ok(t, e.Release(ctx, l))
	equal(t, "due when released", must(s.node(1).NextDue(ctx, later(20)))(t), later(30))
	idle(t, e, later(30).Add(-time.Millisecond))

	w := newWalker(s.node(1), "w2", 10, func(push.Lease, push.Delivery) fate { return accept })
	ok(t, w.work(ctx, later(30)))
	ok(t, w.work(ctx, later(45)))
	equal(t, "the last retries", w.order, []push.Delivery{tried(0, 1), tried(2, 2)})
	r = must(e.Report(ctx, "na"))(t)
	if !r.Done || r.Tally.Queued() != 0 || r.Tally.Accepted != 6 {
		t.Fatalf("report at the end: %+v", r)
	}
	idle(t, e, later(9999))
}

// testGoneOnce removes what a push service says is gone: once, and for good.
func testGoneOnce(t *testing.T, s *store) {
	ctx, e := t.Context(), s.node(0)
	subs := neighbours(t, e, 4)
	open(t, e, posted("na"))
	l := oneRange(t, e)
	page := must(e.Deliveries(ctx, l, base, 2))(t)
	prog := progress(page, l, always(gone), base)
	prog.Gone = append(prog.Gone, subs[0].ID, push.ID{9}) // a repeat, and one that never stood
	must(e.Checkpoint(ctx, l, prog))(t)
	equal(t, "count", must(s.node(1).CountSubscriptions(ctx))(t), int64(2))
	for i, sub := range subs {
		_, err := s.node(1).Subscription(ctx, sub.ID)
		if there := err == nil; there != (i >= 2) {
			t.Fatalf("subscription %d: %v", i, err)
		}
	}
	// Other answers remove nothing.
	page = must(e.Deliveries(ctx, l, base, 9))(t)
	must(e.Checkpoint(ctx, l, progress(page, l, always(fail), base)))(t)
	equal(t, "count", must(e.CountSubscriptions(ctx))(t), int64(2))
	r := must(e.Report(ctx, "na"))(t)
	if !r.Done || r.Tally.Gone != 2 || r.Tally.Failed["size"] != 2 || r.Tally.Queued() != 0 {
		t.Fatalf("report: %+v", r)
	}
	open(t, e, posted("nb"))
	w := newWalker(e, "w", 9, func(push.Lease, push.Delivery) fate { return accept })
	ok(t, w.finish(ctx, base))
	w.onceEach(t, map[push.ID]bool{subs[2].ID: true, subs[3].ID: true})
}

// testDeparted has subscriptions go while a retry of theirs waits: forgotten
// by their browser, gone in another campaign, or both and back again.
func testDeparted(t *testing.T, s *store) {
	ctx, e := t.Context(), s.node(0)
	subs := neighbours(t, e, 5)
	open(t, e, posted("na"))
	l := oneRange(t, e)
	page := must(e.Deliveries(ctx, l, base, 9))(t)
	prog := progress(page, l, always(retry), base)
	for i := range prog.Retries {
		prog.Retries[i].Due = later(10 + i)
	}
	must(e.Checkpoint(ctx, l, prog))(t)
	due := later(20)

	// One is under way when its browser forgets it: what its push service said
	// is what counts.
	under := must(e.Deliveries(ctx, l, due, 1))(t)
	equal(t, "under way", under.Deliveries[0].Subscription.ID, subs[0].ID)
	ok(t, e.DeleteSubscription(ctx, subs[0].ID, subs[0].Auth))
	ok(t, e.DeleteSubscription(ctx, subs[1].ID, subs[1].Auth))
	for _, d := range must(e.Deliveries(ctx, l, due, 9))(t).Deliveries {
		if d.Subscription.ID == subs[0].ID || d.Subscription.ID == subs[1].ID {
			t.Fatal("a forgotten subscription was given out")
		}
	}
	must(e.Checkpoint(ctx, l, progress(under, l, always(accept), due)))(t)
	r := must(e.Report(ctx, "na"))(t)
	if r.Tally.Accepted != 1 || r.Tally.Gone != 1 || r.Tally.Queued() != 3 {
		t.Fatalf("report after two were forgotten: %+v", r.Tally)
	}
	// One is put off again though it has been forgotten meanwhile.
	under = must(e.Deliveries(ctx, l, due, 1))(t)
	equal(t, "under way", under.Deliveries[0].Subscription.ID, subs[2].ID)
	ok(t, e.DeleteSubscription(ctx, subs[2].ID, subs[2].Auth))
	must(e.Checkpoint(ctx, l, progress(under, l, always(retry), due)))(t)
	ok(t, e.Release(ctx, l))

	// The others go in another campaign, and one comes back: it is new.
	open(t, e, posted("nb"))
	l = oneRange(t, e)
	equal(t, "claimed", l.Campaign.Entry.Item.ID, "nb")
	page = must(e.Deliveries(ctx, l, base, 9))(t)
	must(e.Checkpoint(ctx, l, progress(page, l, always(gone), base)))(t)
	must(e.PutSubscription(ctx, subs[4]))(t)

	// Nothing is left to attempt, so the first campaign closes without a wait.
	idle(t, e, base)
	r = must(e.Report(ctx, "na"))(t)
	if !r.Done || r.Tally.Audience != 5 || r.Tally.Accepted != 1 || r.Tally.Gone != 4 || r.Tally.Queued() != 0 {
		t.Fatalf("report at the end: %+v", r)
	}
	equal(t, "count", must(e.CountSubscriptions(ctx))(t), int64(1))
	if next := must(e.NextDue(ctx, base))(t); !next.IsZero() {
		t.Fatalf("work due at %v when all is done", next)
	}
}

// testDepartedLate: subscriptions go while answers for them are still to come. A
// checkpoint counts them as gone, and a later one knows better.
func testDepartedLate(t *testing.T, s *store) {
	ctx, e := t.Context(), s.node(0)
	subs := neighbours(t, e, 5)
	open(t, e, posted("na"))
	l := oneRange(t, e)
	written := int64(0)
	write := func(p push.Page, prog push.Progress) {
		t.Helper()
		written++
		prog.Number, prog.Cursor, prog.Scanned, prog.Ends = written, p.Cursor, p.Scanned, later(60)
		equal(t, "state", must(e.Checkpoint(ctx, l, prog))(t), push.State{})
	}
	tally := func(accepted, gone, queued int64) {
		t.Helper()
		if r := must(s.node(1).Report(ctx, "na"))(t).Tally; r.Accepted != accepted || r.Gone != gone || r.Queued() != queued {
			t.Fatalf("tally %+v, want %d accepted, %d gone, %d queued", r, accepted, gone, queued)
		}
	}
	late := func(subs ...push.Subscription) (out []push.Retry) {
		for _, sub := range subs {
			out = append(out, push.Retry{ID: sub.ID, Attempts: 1, Due: later(30)})
		}
		return out
	}
	page := must(e.Deliveries(ctx, l, base, 3))(t)
	write(page, push.Progress{Tally: push.Tally{Audience: 3}, Retries: late(subs[:3]...)})
	for _, sub := range subs[:2] {
		ok(t, e.DeleteSubscription(ctx, sub.ID, sub.Auth))
	}
	page = must(e.Deliveries(ctx, l, base, 1))(t)
	write(page, push.Progress{Tally: push.Tally{Audience: 1, Accepted: 1}})
	tally(1, 2, 1)

	// One was taken after all, one has to be tried again and so is gone.
	write(page, push.Progress{Settled: []push.ID{subs[0].ID}, Tally: push.Tally{Accepted: 1}})
	tally(2, 1, 1)
	write(page, push.Progress{Settled: []push.ID{subs[1].ID}, Retries: late(subs[1])})
	tally(2, 1, 1)
	ok(t, e.Release(ctx, l))
	w := newWalker(e, "w", 9, func(push.Lease, push.Delivery) fate { return accept })
	ok(t, w.finish(ctx, later(60)))
	tally(4, 1, 0)
}

// testCheckpointAgain: a checkpoint of which nobody could say whether it was
// written is written again and counts once, with the later end of the lease;
// that of another lease is another one, whatever its number.
func testCheckpointAgain(t *testing.T, s *store) {
	ctx, e := t.Context(), s.node(0)
	neighbours(t, e, 30)
	open(t, e, posted("na"))
	l := oneRange(t, e)
	tally := func() push.Tally { return must(e.Report(ctx, "na"))(t).Tally }
	write := func(number int64, at time.Time) {
		t.Helper()
		before := tally()
		p := must(e.Deliveries(ctx, l, at, 5))(t)
		prog := progress(p, l, func(d push.Delivery) fate { return []fate{accept, retry, fail}[d.Subscription.ID[3]%3] }, at)
		prog.Number = number
		equal(t, "state", must(e.Checkpoint(ctx, l, prog))(t), push.State{})
		once := tally()
		if reflect.DeepEqual(once, before) {
			t.Fatalf("checkpoint %d changed nothing: %+v", number, once)
		}
		prog.Ends = at.Add(2 * leaseFor)
		equal(t, "state, said again", must(e.Checkpoint(ctx, l, prog))(t), push.State{})
		equal(t, "tally, written again", tally(), once)
	}
	write(1, base)
	write(2, base)
	_, taken, err := e.Claim(ctx, push.Worker{Name: "heir"}, base.Add(2*leaseFor-time.Millisecond), leaseFor)
	ok(t, err)
	equal(t, "taken before its end", taken, false)
	l = claim(t, s.node(1), "heir", base.Add(2*leaseFor))
	write(2, base.Add(2*leaseFor))
}
