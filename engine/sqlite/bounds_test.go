package sqlite

import (
	"bytes"
	"context"
	"fmt"
	"testing"
	"time"

	"crier/news"
	"crier/push"
)

// clock is a clock that tests set.
type clock struct{ at time.Time }

func (c *clock) now() time.Time { return c.at }

// TestKeysAge: a key is remembered for KeyLife, and the table does not grow
// beyond a day's appends.
func TestKeysAge(t *testing.T) {
	c := &clock{testTime}
	e := openTest(t, t.TempDir(), Options{Now: c.now})
	const perDay = 40
	for i := range 5 * perDay {
		c.at = testTime.Add(time.Duration(i) * news.KeyLife / perDay)
		mustAppend(t, e, testKey(fmt.Sprint("k", i), "b"), testDraft(fmt.Sprint("n", i)))
	}
	if n := number(t, e, "SELECT count(*) FROM keys"); n > perDay+2 {
		t.Fatalf("%d keys are kept where a day has %d", n, perDay)
	}
	last := fmt.Sprint("k", 5*perDay-1)
	at := c.at
	c.at = at.Add(news.KeyLife)
	if r := mustAppend(t, e, testKey(last, "b"), testDraft("n-x")); !r.Replayed {
		t.Fatalf("replay at the end of the key's life: %+v", r)
	}
	c.at = at.Add(news.KeyLife + time.Millisecond)
	if r := mustAppend(t, e, testKey(last, "another body"), testDraft("n-x")); r.Replayed {
		t.Fatalf("append after the end of the key's life: %+v", r)
	}
}

func TestTrimByAge(t *testing.T) {
	c := &clock{testTime}
	e := openTest(t, t.TempDir(), Options{Now: c.now})
	const n = 1200 // more than one step of trimming
	for i := range n {
		c.at = testTime.Add(time.Duration(i) * time.Minute)
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

// TestReceiptsAge: receipts of campaigns that take no more are let go as new
// ones come.
func TestReceiptsAge(t *testing.T) {
	ctx := t.Context()
	e := openTest(t, t.TempDir(), Options{})
	for i := range 50 {
		if _, err := e.PutSubscription(ctx, testSubscription(i)); err != nil {
			t.Fatal(err)
		}
	}
	const perCampaign = 50
	for k := range 6 {
		at := testTime.Add(time.Duration(k) * 2 * push.ReceiptLife)
		r := mustAppend(t, e, news.Key{}, testDraft(fmt.Sprint("n", k)))
		c := push.Campaign{ID: r.Cursor.String(), Entry: r.Entry, Token: fmt.Sprint("token", k), OpenedAt: at, Deadline: at.Add(time.Hour)}
		if err := e.OpenCampaigns(ctx, r.Cursor, []push.Campaign{c}); err != nil {
			t.Fatal(err)
		}
		for i := range perCampaign {
			if err := e.AddReceipt(ctx, push.Receipt{Token: c.Token, Kind: push.Displayed, Nonce: fmt.Sprint(i), At: at}); err != nil {
				t.Fatal(err)
			}
		}
		if n := number(t, e, "SELECT count(*) FROM receipts"); n > perCampaign {
			t.Fatalf("%d receipts are kept after campaign %d", n, k)
		}
		if n := number(t, e, "SELECT sum(displayed) FROM tallies"); n != int64(k+1)*perCampaign {
			t.Fatalf("%d receipts were counted after campaign %d", n, k)
		}
	}
}

func TestCuts(t *testing.T) {
	for standing, want := range map[int64]int{0: 1, 1: 1, 2048: 1, 2049: 2, 4096: 2, 4097: 4, 100_000: 64, 10_000_000: 64} {
		got := cuts(cutsOf(standing))
		if len(got) != want {
			t.Errorf("%d subscriptions are cut into %d ranges, want %d", standing, len(got), want)
		}
		next := 0
		for _, r := range got {
			if r.Low != next || r.High < r.Low {
				t.Errorf("of %d subscriptions, the range %+v where %d is next", standing, r, next)
			}
			next = r.High + 1
		}
		if next != push.Shards {
			t.Errorf("of %d subscriptions, shards from %d on are in no range", standing, next)
		}
	}
}

// TestPrecedes: the ID before a shard is the greatest of all shards before it.
func TestPrecedes(t *testing.T) {
	for shard := 1; shard <= push.Shards; shard++ {
		before := precedes(shard)
		if before.Shard() != shard-1 {
			t.Fatalf("the ID before shard %d is of shard %d", shard, before.Shard())
		}
		last := before
		last[0], last[1] = 0xff, 0xff
		if last != precedes(push.Shards) || before[1]&0x3f != 0x3f {
			t.Fatalf("%s is not the last of its shard", before)
		}
	}
	if precedes(0) != (push.ID{}) {
		t.Fatal("something precedes shard 0")
	}
}

// TestPlans: no statement that the engine has prepared reads a whole table
// that grows.
func TestPlans(t *testing.T) {
	e := openTest(t, t.TempDir(), Options{Readers: 1})
	exercise(t, e)
	ctx := t.Context()
	var reader *conn
	if err := e.view(ctx, func(c *conn) error { reader = c; return nil }); err != nil {
		t.Fatal(err)
	}
	// Some tables stay small, and of the receipts the first four are read.
	small := map[string]bool{"log": true, "sending": true, "ranges": true, "r": true, "credentials": true,
		"sqlite_master": true, "receipts": true, "(subquery-1)": true, "(subquery-3)": true}
	args := make([]any, 20) // NULL for as many parameters as a statement may have
	plans := 0
	for _, c := range []*conn{reader, e.writer.c} {
		for query := range c.stmts {
			rows, err := c.sql.QueryContext(ctx, "EXPLAIN QUERY PLAN "+query, args...)
			if err != nil {
				continue // BEGIN and its kin have no plan
			}
			for rows.Next() {
				var id, parent, x int
				var detail string
				if err := rows.Scan(&id, &parent, &x, &detail); err != nil {
					t.Fatal(err)
				}
				plans++
				var table string
				if _, err := fmt.Sscanf(detail, "SCAN %s", &table); err == nil && !small[table] && !bytes.Contains([]byte(detail), []byte("USING")) {
					t.Errorf("%s\n%s", detail, query)
				}
			}
			if err := rows.Err(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if plans < 60 {
		t.Fatalf("only %d plans were seen", plans)
	}
}

// exercise calls every method once with work to do.
func exercise(t *testing.T, e *Engine) {
	t.Helper()
	ctx := context.Background()
	r := mustAppend(t, e, testKey("k", "b"), testDraft("n1"))
	mustAppend(t, e, testKey("k", "b"), testDraft("n1"))
	for i := range 20 {
		if _, err := e.PutSubscription(ctx, testSubscription(i)); err != nil {
			t.Fatal(err)
		}
	}
	c := push.Campaign{ID: r.Cursor.String(), Entry: r.Entry, Token: "token", OpenedAt: testTime, Deadline: testTime}
	var l push.Lease
	var p push.Page
	var st push.State
	for _, step := range []func() error{
		func() (err error) { _, err = e.PutSubscription(ctx, testSubscription(1)); return err },
		func() (err error) { _, err = e.Subscription(ctx, testSubscription(1).ID); return err },
		func() (err error) { _, err = e.Since(ctx, news.Cursor{}, 9); return err },
		func() (err error) { _, err = e.Item(ctx, "n1"); return err },
		func() (err error) { _, err = e.Items(ctx, news.Query{Limit: 9}); return err },
		func() (err error) { _, err = e.Items(ctx, news.Query{Limit: 9, Story: "sn1"}); return err },
		func() (err error) { _, err = e.Front(ctx, 9); return err },
		func() (err error) { _, err = e.Keys(ctx); return err },
		func() error { return e.OpenCampaigns(ctx, r.Cursor, []push.Campaign{c}) },
		func() (err error) {
			l, _, err = e.Claim(ctx, push.Worker{Name: "w"}, testTime, time.Minute)
			return err
		},
		func() (err error) { p, err = e.Deliveries(ctx, l, testTime, 9); return err },
		func() (err error) {
			st, err = e.Checkpoint(ctx, l, push.Progress{Cursor: p.Cursor, Ends: l.Ends,
				Settled: []push.ID{p.Deliveries[3].Subscription.ID},
				Gone:    []push.ID{p.Deliveries[0].Subscription.ID},
				Retries: []push.Retry{{ID: p.Deliveries[1].Subscription.ID, Attempts: 1, Due: testTime}, {ID: p.Deliveries[2].Subscription.ID, Attempts: 1, Due: testTime}},
				Tally:   push.Tally{Audience: 9, Failed: map[string]int64{"size": 1}, AcceptedAt: map[int]int64{1: 1}}})
			return err
		},
		func() error { return e.DeleteSubscription(ctx, p.Deliveries[1].Subscription.ID, [16]byte{}) },
		func() (err error) { p, err = e.Deliveries(ctx, l, testTime, 99); return err },
		func() (err error) {
			st, err = e.Checkpoint(ctx, l, push.Progress{Cursor: p.Cursor, Scanned: p.Scanned, Ends: l.Ends})
			return err
		},
		func() error { return e.Release(ctx, l) },
		func() error {
			return e.AddReceipt(ctx, push.Receipt{Token: "token", Kind: push.Clicked, Nonce: "1", At: testTime})
		},
		func() (err error) { _, err = e.Report(ctx, "n1"); return err },
		func() (err error) { _, err = e.CampaignsSince(ctx, testTime); return err },
		func() (err error) { _, err = e.NextDue(ctx, testTime); return err },
		func() (err error) {
			c.ID, c.Token = "e0.2", "other"
			return e.OpenCampaigns(ctx, news.Cursor{}, []push.Campaign{c})
		},
		func() (err error) { _, err = e.Trim(ctx, 0, 0); return err },
	} {
		if err := step(); err != nil {
			t.Fatal(err)
		}
	}
	if st != (push.State{}) {
		t.Fatalf("the campaign was over too soon: %+v", st)
	}
}
