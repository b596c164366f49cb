package redis

import (
	"context"
	"fmt"
	"testing"
	"time"

	"crier/desk"
	"crier/engine/redis/redistest"
	"crier/news"
	"crier/push"
)

// testSubscription is the nth of as many as are wanted, of a usual size.
func testSubscription(n int) push.Subscription {
	endpoint := fmt.Sprintf("https://fcm.googleapis.com/fcm/send/%0152d", n)
	s := push.Subscription{
		ID: push.EndpointID(endpoint), Endpoint: endpoint, Topics: []string{"politics", "world"},
		Level: news.Urgent, Language: "en", CreatedAt: testTime, SeenAt: testTime,
	}
	s.P256dh[0] = 4
	return s
}

func testCampaign(r news.Receipt) push.Campaign {
	return push.Campaign{ID: r.Cursor.String(), Entry: r.Entry, Token: "token-" + r.Cursor.String(), Lane: 2,
		OpenedAt: testTime, Deadline: testTime.Add(time.Hour)}
}

// sendAll has n subscribers and sends them a campaign. Every tenth is gone;
// trouble is called before each checkpoint.
func sendAll(t testing.TB, e *Engine, n int, trouble func()) push.Report {
	t.Helper()
	ctx := context.Background()
	for i := range n {
		if _, err := e.PutSubscription(ctx, testSubscription(i)); err != nil {
			t.Fatal(err)
		}
	}
	r := mustAppend(t, e, news.Key{}, testDraft("nsend"))
	if err := e.OpenCampaigns(ctx, r.Cursor, []push.Campaign{testCampaign(r)}); err != nil {
		t.Fatal(err)
	}
	for {
		l, ok, err := e.Claim(ctx, push.Worker{Name: "w"}, testTime, time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			break
		}
		for done := false; !done; {
			p, err := e.Deliveries(ctx, l, testTime, 10)
			if err != nil {
				t.Fatal(err)
			}
			prog := push.Progress{Cursor: p.Cursor, Scanned: p.Scanned, Ends: l.Ends, Tally: push.Tally{Audience: int64(len(p.Deliveries))}}
			for i, d := range p.Deliveries {
				if i == 0 {
					prog.Gone = append(prog.Gone, d.Subscription.ID)
					prog.Tally.Gone++
				} else {
					prog.Tally.Accepted++
				}
			}
			trouble()
			st, err := e.Checkpoint(ctx, l, prog)
			if err != nil {
				t.Fatal(err)
			}
			done = st.Done
		}
	}
	report, err := e.Report(ctx, "nsend")
	if err != nil {
		t.Fatal(err)
	}
	left, err := e.CountSubscriptions(ctx)
	if err != nil || left != int64(n)-report.Tally.Gone {
		t.Fatalf("%d subscriptions are left of %d, %d of them gone: %v", left, n, report.Tally.Gone, err)
	}
	return report
}

// exercise calls every method once with work to do, and before before each.
func exercise(t testing.TB, e *Engine, before func()) {
	t.Helper()
	ctx := context.Background()
	var r news.Receipt
	var l push.Lease
	var p push.Page
	_, k, err := desk.NewKey("Night desk", desk.RoleChief, testTime)
	if err != nil {
		t.Fatal(err)
	}
	for i, step := range []func() error{
		func() (err error) { r, err = e.Append(ctx, news.Key{Value: "k"}, testDraft("n1")); return err },
		func() (err error) { _, err = e.Append(ctx, news.Key{Value: "k"}, testDraft("n1")); return err },
		func() (err error) { _, err = e.PutSubscription(ctx, testSubscription(1)); return err },
		func() (err error) { _, err = e.PutSubscription(ctx, testSubscription(1)); return err },
		func() (err error) { _, err = e.PutSubscription(ctx, testSubscription(2)); return err },
		func() (err error) { _, err = e.PutSubscription(ctx, testSubscription(3)); return err },
		func() (err error) { _, err = e.Subscription(ctx, testSubscription(1).ID); return err },
		func() (err error) { _, err = e.CountSubscriptions(ctx); return err },
		func() (err error) { _, err = e.Since(ctx, news.Cursor{}, 9); return err },
		func() (err error) { _, err = e.Head(ctx); return err },
		func() (err error) { _, err = e.Item(ctx, "n1"); return err },
		func() (err error) { _, err = e.Items(ctx, news.Query{Limit: 9}); return err },
		func() (err error) { _, err = e.Items(ctx, news.Query{Limit: 9, Story: "sn1"}); return err },
		func() (err error) { _, err = e.Front(ctx, 9); return err },
		func() error { return e.PutKey(ctx, k) },
		func() (err error) { _, err = e.KeyHolder(ctx, k.Sum); return err },
		func() (err error) { _, err = e.Keys(ctx); return err },
		func() error { return e.RevokeKey(ctx, k.ID) },
		func() error { return e.OpenCampaigns(ctx, r.Cursor, []push.Campaign{testCampaign(r)}) },
		func() (err error) {
			l, _, err = e.Claim(ctx, push.Worker{Name: "w"}, testTime, time.Minute)
			return err
		},
		func() (err error) { p, err = e.Deliveries(ctx, l, testTime, 9); return err },
		func() (err error) {
			if len(p.Deliveries) != 3 {
				return fmt.Errorf("%d deliveries", len(p.Deliveries))
			}
			_, err = e.Checkpoint(ctx, l, push.Progress{Cursor: p.Cursor, Ends: l.Ends,
				Gone:    []push.ID{p.Deliveries[0].Subscription.ID},
				Retries: []push.Retry{{ID: p.Deliveries[1].Subscription.ID, Attempts: 1, Due: testTime}, {ID: p.Deliveries[2].Subscription.ID, Attempts: 1, Due: testTime}},
				Tally:   push.Tally{Audience: 3, Gone: 1, Failed: map[string]int64{"size": 1}, AcceptedAt: map[int]int64{1: 1}}})
			return err
		},
		func() error { return e.DeleteSubscription(ctx, p.Deliveries[1].Subscription.ID, [16]byte{}) },
		func() (err error) { _, err = e.NextDue(ctx, testTime); return err },
		func() error { return e.Release(ctx, l) },
		func() error {
			return e.AddReceipt(ctx, push.Receipt{Token: testCampaign(r).Token, Kind: push.Clicked, Nonce: "1", At: testTime})
		},
		func() (err error) { _, err = e.Report(ctx, "n1"); return err },
		func() (err error) { _, err = e.CampaignsSince(ctx, testTime); return err },
		func() error { return e.Stop(ctx, push.Stop{By: "k"}) },
		func() (err error) { _, err = e.Stopped(ctx); return err },
		func() error { return e.Resume(ctx) },
		func() (err error) { _, err = e.Followed(ctx); return err },
		func() (err error) { _, err = e.Trim(ctx, 0, 0); return err },
	} {
		before()
		if err := step(); err != nil {
			t.Fatalf("step %d: %v", i, err)
		}
	}
}

// TestReceiptsKept: what was counted lasts as long as the report, however
// often the campaign is opened, and nothing is left of a token that lost.
func TestReceiptsKept(t *testing.T) {
	ctx := t.Context()
	s := redistest.Start(t)
	e := openTest(t, s.URL(), Options{})
	r := mustAppend(t, e, news.Key{}, testDraft("n1"))
	c, late := testCampaign(r), testCampaign(r)
	late.Token = "made up by a slower node"
	for _, c := range []push.Campaign{c, late, c} {
		if err := e.OpenCampaigns(ctx, r.Cursor, []push.Campaign{c}); err != nil {
			t.Fatal(err)
		}
	}
	if ttl := s.Say(t, "TTL", e.keys.receipts(c.Token)); ttl != int64(-1) {
		t.Errorf("the counts go after %v s", ttl)
	}
	if ttl := s.Say(t, "TTL", e.keys.receipts(late.Token)).(int64); ttl < 7*24*3600 || ttl > 9*24*3600 {
		t.Errorf("the counts of no campaign go after %v s", ttl)
	}
}

// TestKeysExpire: idempotency keys and those of single calls go by themselves.
func TestKeysExpire(t *testing.T) {
	s := redistest.Start(t)
	e := openTest(t, s.URL(), Options{})
	mustAppend(t, e, news.Key{Value: "k"}, testDraft("n1"))
	mustAppend(t, e, news.Key{}, testDraft("n2"))
	life := news.KeyLife.Milliseconds()
	if ttl := s.Say(t, "PTTL", e.keys.once("k")).(int64); ttl < life || ttl > life+60_000 {
		t.Errorf("a key goes after %d ms", ttl)
	}
	calls := s.Say(t, "KEYS", e.keys.call("*")).([]any)
	if len(calls) != 1 {
		t.Fatalf("%v", calls)
	}
	if ttl := s.Say(t, "PTTL", calls[0]).(int64); ttl <= 0 || ttl > 15*60_000 {
		t.Errorf("a call's key goes after %d ms", ttl)
	}
}

// TestTrimByAge has a log of more than one step, and a clock.
func TestTrimByAge(t *testing.T) {
	now := testTime
	e := openTest(t, redistest.Start(t).URL(), Options{Now: func() time.Time { return now }})
	const n = 3 * trimStep
	for i := range n {
		now = testTime.Add(time.Duration(i) * time.Minute)
		mustAppend(t, e, news.Key{}, testDraft(fmt.Sprint("n", i)))
	}
	for _, s := range []struct {
		keep    int
		young   time.Duration
		trimmed int64
	}{
		{0, n * time.Minute, 0},
		{n, 0, 0},
		{100, 150 * time.Minute, n - 150}, // the younger of the two bounds would keep only 100
		{100, 150 * time.Minute, 0},
		{100, 50 * time.Minute, 50},
		{0, 0, 100},
	} {
		got, err := e.Trim(t.Context(), s.keep, s.young)
		if err != nil || got != s.trimmed {
			t.Fatalf("trim but for %d and %v: %d trimmed, %v; want %d", s.keep, s.young, got, err, s.trimmed)
		}
	}
	if items, err := e.Items(t.Context(), news.Query{Limit: n + 1}); err != nil || len(items) != n {
		t.Fatalf("%d items are left, %v", len(items), err)
	}
}
