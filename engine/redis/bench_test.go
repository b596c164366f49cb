package redis

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"crier/engine/redis/redistest"
	"crier/news"
	"crier/push"
)

// BenchmarkAppend is one editor's append, on a server that syncs each.
func BenchmarkAppend(b *testing.B) {
	e := openTest(b, redistest.Start(b).URL(), Options{})
	took := make([]time.Duration, 0, b.N)
	for i := 0; b.Loop(); i++ {
		began := time.Now()
		mustAppend(b, e, news.Key{Value: fmt.Sprint("k", i)}, testDraft(fmt.Sprint("n", i)))
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds()), "p50-µs")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-µs")
}

// BenchmarkWake is from the call of Append to the hint on another node.
func BenchmarkWake(b *testing.B) {
	s := redistest.Start(b)
	e, other := openTest(b, s.URL(), Options{}), openTest(b, s.URL(), Options{})
	hints, stop := other.Wake()
	defer stop()
	for i := 0; b.Loop(); i++ {
		mustAppend(b, e, news.Key{}, testDraft(fmt.Sprint("n", i)))
		for h := range hints {
			if h.Cursor.Offset == uint64(i+1) {
				break
			}
		}
	}
}

// populate keeps n subscriptions, without waiting for the disk.
func populate(b *testing.B, s *redistest.Server, e *Engine, n int) {
	b.Helper()
	s.Say(b, "CONFIG", "SET", "appendfsync", "no")
	defer s.Say(b, "CONFIG", "SET", "appendfsync", "always")
	var all sync.WaitGroup
	for k := range 32 {
		all.Go(func() {
			for i := k; i < n; i += 32 {
				if _, err := e.PutSubscription(context.Background(), testSubscription(i)); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
}

// BenchmarkCampaign walks a campaign over 100,000 subscriptions with four
// workers on two nodes, in pages as push has them.
func BenchmarkCampaign(b *testing.B) {
	const n, page = 100_000, 256
	s := redistest.Start(b)
	nodes := []*Engine{openTest(b, s.URL(), Options{}), openTest(b, s.URL(), Options{})}
	e := nodes[0]
	before := used(b, s)
	populate(b, s, e, n)
	perSubscription := float64(used(b, s)-before) / n
	ctx := context.Background()
	var opening time.Duration
	for i := 0; b.Loop(); i++ {
		r := mustAppend(b, e, news.Key{}, testDraft(fmt.Sprint("n", i)))
		began := time.Now()
		if err := e.OpenCampaigns(ctx, r.Cursor, []push.Campaign{testCampaign(r)}); err != nil {
			b.Fatal(err)
		}
		opening += time.Since(began)
		var all sync.WaitGroup
		for k := range 4 {
			all.Go(func() {
				if err := walk(ctx, nodes[k%2], page); err != nil {
					b.Error(err)
				}
			})
		}
		all.Wait()
		report, err := e.Report(ctx, fmt.Sprint("n", i))
		if err != nil || report.Tally.Accepted != n || !report.Done {
			b.Fatalf("%+v, %v", report.Tally, err)
		}
	}
	b.ReportMetric(n*float64(b.N)/b.Elapsed().Seconds(), "subscriptions/s")
	b.ReportMetric(float64(opening.Microseconds())/float64(b.N), "opening-µs")
	b.ReportMetric(perSubscription, "bytes/subscription")
	b.ReportMetric(0, "ns/op")
}

// walk works off what there is.
func walk(ctx context.Context, e *Engine, page int) error {
	for {
		l, ok, err := e.Claim(ctx, "w", testTime, time.Minute)
		if err != nil || !ok {
			return err
		}
		for done := false; !done; {
			p, err := e.Deliveries(ctx, l, testTime, page)
			if err != nil {
				return err
			}
			n := int64(len(p.Deliveries))
			st, err := e.Checkpoint(ctx, l, push.Progress{Cursor: p.Cursor, Scanned: p.Scanned, Ends: l.Ends,
				Tally: push.Tally{Audience: n, Accepted: n, AcceptedAt: map[int]int64{1: n}}})
			if err != nil {
				return err
			}
			done = st.Done
		}
	}
}

// BenchmarkItems tells the bytes that an item of two versions takes.
func BenchmarkItems(b *testing.B) {
	s := redistest.Start(b)
	e := openTest(b, s.URL(), Options{})
	s.Say(b, "CONFIG", "SET", "appendfsync", "no")
	before := used(b, s)
	n := 0
	for ; b.Loop(); n++ {
		d := testDraft(fmt.Sprint("n", n))
		d.Item.Summary = strings.Repeat("A sentence of the summary. ", 8)
		mustAppend(b, e, news.Key{}, d)
		d.Kind, d.Item.Version = news.Updated, 2
		mustAppend(b, e, news.Key{}, d)
	}
	all := used(b, s) - before
	c := s.Client(b)
	names, err := c.Keys(b.Context(), e.keys.call("*")).Result()
	if err != nil {
		b.Fatal(err)
	}
	var keys int64
	for _, k := range names {
		keys += c.MemoryUsage(b.Context(), k).Val()
	}
	b.ReportMetric(float64(all-keys)/float64(n), "bytes/item")
	b.ReportMetric(float64(keys)/float64(2*n), "bytes/key")
}

// used is the memory that the server's data takes.
func used(b *testing.B, s *redistest.Server) (n int64) {
	b.Helper()
	for line := range strings.Lines(s.Say(b, "INFO", "memory").(string)) {
		if _, err := fmt.Sscanf(line, "used_memory_dataset:%d", &n); err == nil {
			return n
		}
	}
	b.Fatal("the server does not say")
	return 0
}
