package redis

import (
	"testing"
	"time"

	"crier/engine/redis/redistest"
	"crier/news"
	"crier/push"
)

// TestCrashBeforeRemoval: a node dies after its checkpoint and before the
// removals that it wrote down. Any node makes it good, and who has come back
// meanwhile stays.
func TestCrashBeforeRemoval(t *testing.T) {
	ctx := t.Context()
	s := redistest.Start(t)
	e, other := openTest(t, s.URL(), Options{}), openTest(t, s.URL(), Options{})
	for i := range 4 {
		if _, err := e.PutSubscription(ctx, testSubscription(i)); err != nil {
			t.Fatal(err)
		}
	}
	r := mustAppend(t, e, news.Key{}, testDraft("n1"))
	if err := e.OpenCampaigns(ctx, r.Cursor, []push.Campaign{testCampaign(r)}); err != nil {
		t.Fatal(err)
	}
	l, _, err := e.Claim(ctx, push.Worker{Name: "w"}, testTime, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	args, err := e.checkpointArgs(ctx, l, push.Progress{Gone: []push.ID{testSubscription(0).ID, testSubscription(1).ID}, Ends: testTime})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.run(ctx, e.scripts.checkpoint, []string{e.keys.log}, args...); err != nil { // and no more
		t.Fatal(err)
	}
	back := testSubscription(1)
	if err := other.DeleteSubscription(ctx, back.ID, back.Auth); err != nil {
		t.Fatal(err)
	}
	if _, err := other.PutSubscription(ctx, back); err != nil {
		t.Fatal(err)
	}
	if _, _, err := other.Claim(ctx, push.Worker{Name: "w"}, testTime, time.Minute); err != nil {
		t.Fatal(err)
	}
	for i, stands := range []bool{false, true, true, true} {
		if _, err := e.Subscription(ctx, testSubscription(i).ID); (err == nil) != stands {
			t.Errorf("subscription %d: %v", i, err)
		}
	}
	if n := s.Say(t, "SCARD", e.keys.removals()); n != int64(0) {
		t.Errorf("%v removals are still written down", n)
	}
}

// TestCrashBeforeDeparture: a subscription was removed and its retry not
// marked. The retry is not given out when it is due, and is counted.
func TestCrashBeforeDeparture(t *testing.T) {
	ctx := t.Context()
	s := redistest.Start(t)
	e := openTest(t, s.URL(), Options{})
	for i := range 3 {
		if _, err := e.PutSubscription(ctx, testSubscription(i)); err != nil {
			t.Fatal(err)
		}
	}
	r := mustAppend(t, e, news.Key{}, testDraft("n1"))
	if err := e.OpenCampaigns(ctx, r.Cursor, []push.Campaign{testCampaign(r)}); err != nil {
		t.Fatal(err)
	}
	l, _, err := e.Claim(ctx, push.Worker{Name: "w"}, testTime, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	p := push.Progress{Scanned: true, Ends: l.Ends, Tally: push.Tally{Audience: 3}}
	for i := range 3 {
		p.Retries = append(p.Retries, push.Retry{ID: testSubscription(i).ID, Attempts: 1, Due: testTime.Add(time.Second)})
	}
	if _, err := e.Checkpoint(ctx, l, p); err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		s.Say(t, "DEL", e.keys.shardOf(testSubscription(i).ID))
	}
	page, err := e.Deliveries(ctx, l, testTime.Add(time.Minute), 2)
	if err != nil || len(page.Deliveries) != 0 {
		t.Fatalf("%+v, %v", page, err)
	}
	st, err := e.Checkpoint(ctx, l, push.Progress{Scanned: true, Ends: l.Ends})
	if err != nil || !st.Done {
		t.Fatalf("state %+v, %v", st, err)
	}
	report, err := e.Report(ctx, "n1")
	if err != nil || report.Tally.Gone != 3 || report.Tally.Queued() != 0 || !report.Done {
		t.Fatalf("report %+v, %v", report, err)
	}
}
