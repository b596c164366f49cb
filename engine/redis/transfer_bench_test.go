package redis

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"crier/engine"
	"crier/engine/enginetest"
	"crier/engine/redis/redistest"
	"crier/engine/sqlite"
	"crier/news"
)

// BenchmarkMove moves 100,000 subscriptions, and 10,000 items, from a data
// directory to Redis and back, verified, and says what room they take.
func BenchmarkMove(b *testing.B) {
	for _, c := range []struct {
		name string
		n    int
		put  func(ctx context.Context, e *sqlite.Engine, i int) error
	}{
		{"subscriptions", 100_000, func(ctx context.Context, e *sqlite.Engine, i int) error {
			_, err := e.PutSubscription(ctx, testSubscription(i))
			return err
		}},
		{"items", 10_000, func(ctx context.Context, e *sqlite.Engine, i int) error {
			d := testDraft(fmt.Sprint("n", i))
			d.Item.Summary = "The river has risen by two metres since the morning; the old town is being cleared, says the mayor."
			d.Item.URL = "https://news.example/2026/03/04/flood-reaches-the-old-town"
			_, err := e.Append(ctx, news.Key{}, d)
			return err
		}},
	} {
		b.Run(c.name, func(b *testing.B) {
			s := redistest.Start(b)
			dir := filepath.Join(b.TempDir(), "source")
			fill(b, dir, c.n, c.put)
			var there, back time.Duration
			var inRedis, inFile int64
			for i := 0; b.Loop(); i++ {
				site := fmt.Sprintf("%s site%d", s.URL(), i)
				before := used(b, s)
				there += timed(b, directories(), dir, sites(""), site)
				inRedis = used(b, s) - before
				copied := filepath.Join(b.TempDir(), fmt.Sprint(i))
				back += timed(b, sites(""), site, directories(), copied)
				info, err := os.Stat(filepath.Join(copied, sqlite.File))
				if err != nil {
					b.Fatal(err)
				}
				inFile = info.Size()
			}
			n := float64(c.n)
			b.ReportMetric(n*float64(b.N)/there.Seconds(), "there/s")
			b.ReportMetric(n*float64(b.N)/back.Seconds(), "back/s")
			b.ReportMetric(float64(inRedis)/n, "redis-B")
			b.ReportMetric(float64(inFile)/n, "sqlite-B")
		})
	}
}

func fill(b *testing.B, dir string, n int, put func(context.Context, *sqlite.Engine, int) error) {
	b.Helper()
	e, err := sqlite.Open(b.Context(), dir, sqlite.Options{})
	if err != nil {
		b.Fatal(err)
	}
	var all sync.WaitGroup
	for lane := range 32 {
		all.Go(func() {
			for i := lane; i < n; i += 32 {
				if err := put(b.Context(), e, i); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	if err := e.Close(); err != nil {
		b.Fatal(err)
	}
}

func timed(b *testing.B, from enginetest.Place, source string, to enginetest.Place, target string) time.Duration {
	b.Helper()
	began := time.Now()
	s, err := from.Source(b.Context(), source)
	if err != nil {
		b.Fatal(err)
	}
	t, err := to.Target(b.Context(), target)
	if err != nil {
		b.Fatal(err)
	}
	_, err = engine.Move(b.Context(), s, t, engine.Options{})
	if err := errors.Join(err, s.Close(), t.Close()); err != nil {
		b.Fatal(err)
	}
	return time.Since(began)
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
