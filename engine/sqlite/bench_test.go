package sqlite

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"crier/news"
)

// BenchmarkSince is what readers who come back cost; enginetest measures the
// rest on both engines.
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
