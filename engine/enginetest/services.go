package enginetest

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"crier/desk"
	"crier/push"
)

// testReceivers reads what sealing takes to know, shard by shard and page by
// page.
func testReceivers(t *testing.T, s *store) {
	ctx, e := t.Context(), s.node(0)
	const n = 300
	subscribe(t, e, 0, n)
	var want []push.Receiver
	for i := range n {
		sub := subscriber(i)
		want = append(want, push.Receiver{ID: sub.ID, P256dh: sub.P256dh, Auth: sub.Auth})
	}
	slices.SortFunc(want, func(a, b push.Receiver) int { return slices.Compare(a.ID[:], b.ID[:]) })
	for _, r := range []push.Range{{Low: 0, High: push.Shards - 1}, {Low: 100, High: 611}, {Low: want[7].ID.Shard(), High: want[7].ID.Shard()}} {
		var got, inside []push.Receiver
		for after := (push.ID{}); ; {
			page := must(s.node(1).Receivers(ctx, r, after, 7))(t)
			got = append(got, page...)
			if len(page) < 7 {
				break
			}
			after = page[6].ID
		}
		for _, x := range want {
			if r.Low <= x.ID.Shard() && x.ID.Shard() <= r.High {
				inside = append(inside, x)
			}
		}
		equal(t, fmt.Sprintf("receivers in %v", r), got, inside)
	}
}

// testAttend: who says that it is there is there until its time is up or it
// says that it is not any more.
func testAttend(t *testing.T, s *store) {
	ctx := t.Context()
	for i, step := range []struct {
		worker    string
		now, ends int
		there     []string
	}{
		{"b", 0, 10, []string{"b"}},
		{"a", 1, 11, []string{"a", "b"}},
		{"c", 2, 3, []string{"a", "b", "c"}},
		{"b", 5, 15, []string{"a", "b"}},
		{"b", 11, 21, []string{"b"}},
		{"a", 12, 22, []string{"a", "b"}},
		{"b", 13, 13, []string{"a"}},
		{"a", 14, 14, nil},
	} {
		there := must(s.node(i).Attend(ctx, step.worker, later(step.now), later(step.ends)))(t)
		if !slices.Equal(there, step.there) {
			t.Fatalf("step %d: %q are there, want %q", i, there, step.there)
		}
	}
}

// testAudiences: what a node has said of its readers stands until its time is
// up, or until it says something else.
func testAudiences(t *testing.T, s *store) {
	ctx := t.Context()
	of := func(node string, readers int) desk.Audience {
		return desk.Audience{Node: node, Readers: readers, Everything: 1, Topics: map[string]int{"world": readers - 1, "sport": 0}, Others: 2}
	}
	for i, step := range []struct {
		a         desk.Audience
		now, ends int
		there     []desk.Audience
	}{
		{of("b:1", 3), 0, 10, []desk.Audience{of("b:1", 3)}},
		{of("a:1", 5), 1, 11, []desk.Audience{of("a:1", 5), of("b:1", 3)}},
		{of("b:1", 4), 5, 15, []desk.Audience{of("a:1", 5), of("b:1", 4)}},
		{of("c:1", 9), 11, 21, []desk.Audience{of("b:1", 4), of("c:1", 9)}},
		{of("b:1", 0), 12, 12, []desk.Audience{of("c:1", 9)}},
		{of("c:1", 0), 13, 12, nil},
	} {
		ok(t, s.node(i).PutAudience(ctx, step.a, later(step.now), later(step.ends)))
		step.a.Topics["world"] = -1 // it is the caller's
		for n := range 2 {
			got := must(s.node(i+n).Audiences(ctx, later(step.now)))(t)
			equal(t, fmt.Sprintf("step %d", i), got, step.there)
			for _, a := range got {
				a.Topics["world"] = -1
			}
		}
	}
}

// testWanted: a worker gets the ranges it wants first, but never before those
// of a higher lane, and then the others.
func testWanted(t *testing.T, s *store) {
	ctx, e := t.Context(), s.node(0)
	subscribe(t, e, 0, 5000) // four ranges
	low := open(t, e, posted("na"))
	urgent := posted("nb")
	urgent.Item.Level = "flash"
	high := open(t, e, urgent)
	var blocks push.Blocks
	for shard := push.Shards / 2; shard < push.Shards; shard += push.BlockShards {
		blocks |= 1 << (shard / push.BlockShards)
	}
	if blocks.Has(push.Shards/2-1) || !blocks.Has(push.Shards/2) || !blocks.Has(push.Shards-1) {
		t.Fatalf("the set of blocks %x", blocks)
	}
	var got []string
	for _, w := range []push.Worker{{Name: "w", Blocks: blocks}, {Name: "v"}, {Name: "w", Blocks: blocks}, {Name: "w", Blocks: blocks}, {Name: "w", Blocks: blocks}} {
		l, found, err := e.Claim(ctx, w, base, leaseFor)
		ok(t, err)
		if !found {
			break
		}
		got = append(got, fmt.Sprint(l.Campaign.ID == high.ID, l.Range.Low))
	}
	equal(t, "claimed", got, []string{"true 512", "true 0", "true 768", "true 256", "false 512"})
	equal(t, "the lower campaign", must(e.Report(ctx, "na"))(t).Campaign.ID, low.ID)
}

func testAlarms(t *testing.T, s *store) {
	ctx := t.Context()
	equal(t, "at first", must(s.node(0).Alarms(ctx))(t), push.Alarms{})
	first := push.Alarm{Service: "push.example", Problem: "25 % are gone", Since: base}
	other := push.Alarm{Service: "127.0.0.1:9000", Problem: "refusals", Since: later(1)}
	ok(t, s.node(0).RaiseAlarm(ctx, first))
	ok(t, s.node(1).RaiseAlarm(ctx, other))
	ok(t, s.node(1).RaiseAlarm(ctx, push.Alarm{Service: "push.example", Problem: "worse", Since: later(2)}))
	equal(t, "raised", must(s.node(1).Alarms(ctx))(t).Standing, []push.Alarm{other, first})

	s.close(t)
	s.open(t)
	equal(t, "after a restart", must(s.node(0).Alarms(ctx))(t).Standing, []push.Alarm{other, first})

	ok(t, s.node(1).ClearAlarms(ctx, later(60)))
	equal(t, "cleared", must(s.node(0).Alarms(ctx))(t), push.Alarms{Trusted: later(60)})
	ok(t, s.node(0).RaiseAlarm(ctx, push.Alarm{Service: "push.example", Problem: "again", Since: later(59)}))
	equal(t, "raised too early", must(s.node(1).Alarms(ctx))(t), push.Alarms{Trusted: later(60)})
	again := push.Alarm{Service: "push.example", Problem: "again", Since: later(60)}
	ok(t, s.node(0).RaiseAlarm(ctx, again))
	equal(t, "raised again", must(s.node(1).Alarms(ctx))(t), push.Alarms{Standing: []push.Alarm{again}, Trusted: later(60)})
}

// testCanarysAlarm: it comes and goes by itself, and stops no removal.
func testCanarysAlarm(t *testing.T, s *store) {
	ctx, e := t.Context(), s.node(0)
	ok(t, e.LowerAlarm(ctx, push.CanaryService)) // which does not stand
	ok(t, e.ClearAlarms(ctx, later(60)))
	alarm := push.Alarm{Service: push.CanaryService, Problem: "no answer", Since: base}
	ok(t, s.node(1).RaiseAlarm(ctx, alarm)) // for all that an operator has looked
	equal(t, "raised", must(e.Alarms(ctx))(t), push.Alarms{Standing: []push.Alarm{alarm}, Trusted: later(60)})

	neighbours(t, e, 3)
	open(t, e, posted("na"))
	l := oneRange(t, e)
	page := must(e.Deliveries(ctx, l, base, 2))(t)
	must(e.Checkpoint(ctx, l, progress(page, l, always(gone), base)))(t)
	equal(t, "standing", must(e.CountSubscriptions(ctx))(t), int64(1))

	other := push.Alarm{Service: "push.example", Problem: "all are gone", Since: later(60)}
	ok(t, e.RaiseAlarm(ctx, other))
	page = must(e.Deliveries(ctx, l, base, 2))(t)
	must(e.Checkpoint(ctx, l, progress(page, l, always(gone), base)))(t)
	equal(t, "standing beside another alarm", must(e.CountSubscriptions(ctx))(t), int64(1))
	ok(t, e.LowerAlarm(ctx, push.CanaryService))
	equal(t, "lowered", must(s.node(1).Alarms(ctx))(t).Standing, []push.Alarm{other})
}

// testAlarmStopsRemovals: what a worker that has not heard of an alarm would
// have removed stays.
func testAlarmStopsRemovals(t *testing.T, s *store) {
	ctx, e := t.Context(), s.node(0)
	neighbours(t, e, 6)
	open(t, e, posted("na"))
	l := oneRange(t, e)
	ok(t, s.node(1).RaiseAlarm(ctx, push.Alarm{Service: "push.example", Problem: "all are gone", Since: base}))
	page := must(e.Deliveries(ctx, l, base, 3))(t)
	must(e.Checkpoint(ctx, l, progress(page, l, always(gone), base)))(t)
	equal(t, "standing during the alarm", must(e.CountSubscriptions(ctx))(t), int64(6))
	equal(t, "counted as gone", must(e.Report(ctx, "na"))(t).Tally.Gone, int64(3))
	ok(t, s.node(1).ClearAlarms(ctx, base.Add(time.Hour)))
	page = must(e.Deliveries(ctx, l, base, 3))(t)
	must(e.Checkpoint(ctx, l, progress(page, l, always(gone), base)))(t)
	equal(t, "standing after it", must(e.CountSubscriptions(ctx))(t), int64(3))
}

func testRates(t *testing.T, s *store) {
	ctx := t.Context()
	equal(t, "rates at first", len(must(s.node(0).Rates(ctx))(t)), 0)
	rate := func(service string, perSecond float64, at int) push.Rate {
		return push.Rate{Service: service, PerSecond: perSecond, At: later(at)}
	}
	for i, r := range []push.Rate{rate("push.example", 1000, 5), rate("127.0.0.1:9000", 10_000, 5), rate("push.example", 0.1, 7), rate("push.example", 3, 6), rate("push.example", 4, 7)} {
		ok(t, s.node(i).KeepRate(ctx, r))
	}
	s.close(t)
	s.open(t)
	equal(t, "rates", must(s.node(1).Rates(ctx))(t), []push.Rate{rate("127.0.0.1:9000", 10_000, 5), rate("push.example", 0.1, 7)})
}
