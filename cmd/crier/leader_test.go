package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"crier/engine/sqlite"
	"crier/news"
)

// TestLeader: of two nodes one does the chores; when it resigns, or has been
// silent for a term, the other does.
func TestLeader(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		e, err := sqlite.Open(t.Context(), dir, sqlite.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer e.Close() //nolint:errcheck // the test is over
		start := func(count *atomic.Int64) (l *leader, stop context.CancelFunc) {
			ctx, stop := context.WithCancel(t.Context())
			l = newLeader(e, slog.New(slog.DiscardHandler), chore{"count", time.Minute, func(context.Context) error {
				count.Add(1)
				return nil
			}})
			go func() { _ = l.Run(ctx) }() // never fails
			synctest.Wait()
			return l, stop
		}
		var ones, twos atomic.Int64
		one, stopOne := start(&ones)
		two, stopTwo := start(&twos)
		time.Sleep(10*time.Minute + time.Second)
		if !one.leads.Load() || two.leads.Load() || ones.Load() != 11 || twos.Load() != 0 {
			t.Errorf("in ten minutes the leader did its chore %d times, the other %d times", ones.Load(), twos.Load())
		}
		stopOne()
		time.Sleep(term / 3)
		synctest.Wait()
		if one.leads.Load() || !two.leads.Load() || twos.Load() != 1 {
			t.Errorf("after the leader resigned: %v, %v, %d", one.leads.Load(), two.leads.Load(), twos.Load())
		}
		// A third crashes while it leads: nobody resigns for it.
		stopTwo()
		synctest.Wait()
		if leads, err := e.Lead(t.Context(), leaderJob, "crashed", time.Now(), term); err != nil || !leads {
			t.Fatal(leads, err)
		}
		var fours atomic.Int64
		four, stopFour := start(&fours)
		defer stopFour()
		if four.leads.Load() {
			t.Error("there are two leaders")
		}
		time.Sleep(term + term/3)
		synctest.Wait()
		if !four.leads.Load() || fours.Load() != 1 {
			t.Error("nobody leads a term after the leader crashed")
		}
	})
}

// TestTrimming: the leader keeps the log to its bounds, and cursors that fall
// off are told.
func TestTrimming(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		e, err := sqlite.Open(t.Context(), dir, sqlite.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer e.Close() //nolint:errcheck // the test is over
		begin, err := e.Head(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for i := range 20 {
			d, err := news.Post{Headline: fmt.Sprint("Headline ", i)}.Draft(news.NewID(), "k-test", time.Now())
			if err != nil {
				t.Fatal(err)
			}
			if _, err := e.Append(t.Context(), news.Key{}, d); err != nil {
				t.Fatal(err)
			}
		}
		var trimmed atomic.Int64
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		l := newLeader(e, slog.New(slog.DiscardHandler), retention{5, time.Hour, &trimmed}.chore(e, slog.New(slog.DiscardHandler)))
		go func() { _ = l.Run(ctx) }() // never fails
		time.Sleep(59 * time.Minute)
		synctest.Wait()
		if n := trimmed.Load(); n != 0 {
			t.Errorf("%d young entries are gone", n)
		}
		time.Sleep(3 * time.Minute)
		synctest.Wait()
		if n := trimmed.Load(); n != 15 {
			t.Errorf("%d old entries of 20 are gone, 5 were to stay", n)
		}
		if _, err := e.Since(t.Context(), begin, 1); !errors.Is(err, news.ErrCursorLost) {
			t.Errorf("a cursor that has fallen off: %v", err)
		}
		begin.Offset = 15
		if got, err := e.Since(t.Context(), begin, 10); err != nil || len(got) != 5 {
			t.Errorf("the newest: %d, %v", len(got), err)
		}
	})
}
