package sqlite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"crier/news"
	"crier/push"
)

// quantiles reports the p50 and p99 of how long each of b.N calls took.
func quantiles(b *testing.B, took []time.Duration) {
	b.Helper()
	slices.Sort(took)
	for _, q := range []struct {
		unit string
		at   float64
	}{{"p50-µs", 0.50}, {"p99-µs", 0.99}} {
		b.ReportMetric(float64(took[int(q.at*float64(len(took)-1))].Nanoseconds())/1e3, q.unit)
	}
}

// BenchmarkAppend is one editor after another, and many at once: those share
// their fsyncs.
func BenchmarkAppend(b *testing.B) {
	for _, callers := range []int{1, 16, 128} {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) {
			e := openTest(b, b.TempDir(), Options{})
			took := make([]time.Duration, b.N)
			next := make(chan int)
			var wg sync.WaitGroup
			for range callers {
				wg.Go(func() {
					for i := range next {
						name := fmt.Sprint("n", i)
						start := time.Now()
						mustAppend(b, e, testKey(name, "b"), testDraft(name))
						took[i] = time.Since(start)
					}
				})
			}
			b.ResetTimer()
			for i := range b.N {
				next <- i
			}
			close(next)
			wg.Wait()
			b.StopTimer()
			quantiles(b, took)
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "appends/s")
		})
	}
}

func BenchmarkSince(b *testing.B) {
	const entries = 10_000
	e := openTest(b, b.TempDir(), Options{})
	bulk(b, entries, func(i int) error {
		_, err := e.Append(context.Background(), news.Key{}, testDraft(fmt.Sprint("n", i)))
		return err
	})
	epoch := must(e.Head(b.Context()))(b).Epoch
	for _, limit := range []int{1, 256} {
		b.Run(fmt.Sprintf("entries=%d", limit), func(b *testing.B) {
			for i := range b.N {
				from := news.Cursor{Epoch: epoch, Offset: uint64(i * 257 % (entries - limit))}
				if got := must(e.Since(b.Context(), from, limit))(b); len(got) != limit {
					b.Fatalf("%d entries", len(got))
				}
			}
			b.ReportMetric(float64(b.N*limit)/b.Elapsed().Seconds(), "entries/s")
		})
	}
	b.Run("head", func(b *testing.B) {
		for range b.N {
			must(e.Head(b.Context()))(b)
		}
	})
	b.Run("front", func(b *testing.B) {
		for range b.N {
			must(e.Front(b.Context(), news.FrontSize))(b)
		}
	})
}

// BenchmarkCampaign walks 100,000 subscriptions as push's workers do: claim,
// page, checkpoint. Every hundredth delivery is put off once.
func BenchmarkCampaign(b *testing.B) {
	const subscriptions, page = 100_000, 500
	dir := b.TempDir()
	e := openTest(b, dir, Options{})
	start := time.Now()
	bulk(b, subscriptions, func(i int) error {
		_, err := e.PutSubscription(context.Background(), testSubscription(i))
		return err
	})
	b.Logf("%d subscriptions put in %v", subscriptions, time.Since(start).Round(time.Millisecond))
	if _, err := e.writer.c.sql.ExecContext(b.Context(), "PRAGMA wal_checkpoint(TRUNCATE)"); err != nil {
		b.Fatal(err)
	}
	fi, err := os.Stat(filepath.Join(dir, File))
	if err != nil {
		b.Fatal(err)
	}
	for _, workers := range []int{1, 4} {
		b.Run(fmt.Sprintf("workers=%d", workers), func(b *testing.B) {
			var claims, pages, checkpoints timing
			for i := range b.N {
				r := mustAppend(b, e, news.Key{}, testDraft(fmt.Sprint("n", workers, "-", i, "-", b.N)))
				c := push.Campaign{ID: r.Cursor.String(), Entry: r.Entry, Token: r.Cursor.String(), OpenedAt: testTime, Deadline: testTime.Add(time.Hour)}
				if err := e.OpenCampaigns(b.Context(), r.Cursor, []push.Campaign{c}); err != nil {
					b.Fatal(err)
				}
				var wg sync.WaitGroup
				for range workers {
					wg.Go(func() {
						for walk(b, e, testTime, page, &claims, &pages, &checkpoints) {
						}
					})
				}
				wg.Wait()
				report := must(e.Report(b.Context(), r.Entry.Item.ID))(b)
				if !report.Done || report.Tally.Accepted != subscriptions {
					b.Fatalf("report: %+v", report)
				}
			}
			b.ReportMetric(float64(b.N*subscriptions)/b.Elapsed().Seconds(), "subscriptions/s")
			b.ReportMetric(claims.mean(), "µs/claim")
			b.ReportMetric(pages.mean(), "µs/page")
			b.ReportMetric(checkpoints.mean(), "µs/checkpoint")
			b.ReportMetric(float64(fi.Size())/subscriptions, "bytes/subscription")
		})
	}
}

// walk works off one range, and reports whether there was one.
func walk(b *testing.B, e *Engine, now time.Time, limit int, claims, pages, checkpoints *timing) bool {
	ctx := b.Context()
	since := time.Now()
	l, found, err := e.Claim(ctx, "w", now, time.Minute)
	claims.add(since)
	if err != nil || !found {
		if err != nil {
			b.Error(err)
		}
		return false
	}
	for {
		since = time.Now()
		p, err := e.Deliveries(ctx, l, now, limit)
		pages.add(since)
		if err != nil {
			b.Error(err)
			return false
		}
		prog := push.Progress{Cursor: p.Cursor, Scanned: p.Scanned, Ends: l.Ends,
			Tally: push.Tally{AcceptedAt: map[int]int64{}}}
		for i, d := range p.Deliveries {
			switch {
			case d.Attempts > 0:
				prog.Settled = append(prog.Settled, d.Subscription.ID)
				prog.Tally.Accepted++
			case i%100 == 99:
				prog.Retries = append(prog.Retries, push.Retry{ID: d.Subscription.ID, Attempts: 1, Due: now})
				prog.Tally.Audience++
			default:
				prog.Tally.Accepted++
				prog.Tally.Audience++
			}
		}
		prog.Tally.AcceptedAt[1] = prog.Tally.Accepted
		since = time.Now()
		st, err := e.Checkpoint(ctx, l, prog)
		checkpoints.add(since)
		if err != nil {
			b.Error(err)
			return false
		}
		if st.Done {
			return true
		}
	}
}

// timing is the mean of durations.
type timing struct {
	mu  sync.Mutex
	n   int
	sum time.Duration
}

func (t *timing) add(since time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.n++
	t.sum += time.Since(since)
}

func (t *timing) mean() float64 { return float64(t.sum.Microseconds()) / float64(t.n) }

// bulk calls f for 0 to n-1, many at a time.
func bulk(b *testing.B, n int, f func(i int) error) {
	b.Helper()
	const callers = 64
	errs := make([]error, callers)
	var wg sync.WaitGroup
	for k := range callers {
		wg.Go(func() {
			for i := k; i < n && errs[k] == nil; i += callers {
				errs[k] = f(i)
			}
		})
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		b.Fatal(err)
	}
}

func must[V any](v V, err error) func(testing.TB) V {
	return func(t testing.TB) V {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}
