package sqlite

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"crier/news"
)

func testKey(value, body string) news.Key {
	k := news.Key{Value: value}
	copy(k.Sum[:], body)
	return k
}

// hold keeps the writer at work on a change that it refuses, until release is
// called, so that callers queue up behind it.
func hold(t *testing.T, e *Engine) (release func()) {
	t.Helper()
	entered, leave, left := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	go func() {
		left <- e.writer.write(context.Background(), func(context.Context, *conn) error {
			close(entered)
			<-leave
			return errors.New("held")
		}, nil)
	}()
	<-entered
	return sync.OnceFunc(func() {
		close(leave)
		if err := <-left; err == nil {
			t.Error("the change that held the writer was kept")
		}
	})
}

// queued calls f n times at once while the writer is held, and lets go when
// all but a straggler may be waiting.
func queued(t *testing.T, e *Engine, n int, f func(i int)) {
	t.Helper()
	release := hold(t, e)
	var wg sync.WaitGroup
	var started sync.WaitGroup
	started.Add(n)
	for i := range n {
		wg.Go(func() {
			started.Done()
			f(i)
		})
	}
	started.Wait()
	release()
	wg.Wait()
}

// TestCommitsAreShared: callers that wait for the same disk share its fsync.
func TestCommitsAreShared(t *testing.T) {
	e := openTest(t, t.TempDir(), Options{})
	var commits atomic.Int32
	onCommit(t, e, func() int32 { commits.Add(1); return 0 })
	const n = 200
	queued(t, e, n, func(i int) { mustAppend(t, e, news.Key{}, testDraft(fmt.Sprint("n", i))) })
	if got := offsetOf(t, e); got != n {
		t.Fatalf("%d appends, the head is at %d", n, got)
	}
	if got := commits.Load(); got > n/4 {
		t.Fatalf("%d commits for %d appends that came at once", got, n)
	}
}

// TestRefusedAmongKept: of changes in one transaction those that fail are
// undone, and the others are none the worse.
func TestRefusedAmongKept(t *testing.T) {
	e := openTest(t, t.TempDir(), Options{})
	mustAppend(t, e, news.Key{}, testDraft("n-there"))
	const n = 60
	queued(t, e, n, func(i int) {
		switch i % 3 {
		case 0:
			mustAppend(t, e, news.Key{}, testDraft(fmt.Sprint("n", i)))
		case 1:
			if _, err := e.Append(t.Context(), news.Key{}, testDraft("n-there")); !errors.Is(err, news.ErrConflict) {
				t.Errorf("a conflict: %v", err)
			}
		case 2: // fails after it has written
			err := e.writer.write(t.Context(), func(ctx context.Context, c *conn) error {
				if _, err := c.exec(ctx, "UPDATE log SET head = head + 1000"); err != nil {
					return err
				}
				_, err := c.exec(ctx, "DELETE FROM items")
				return errors.Join(err, errors.New("second thoughts"))
			}, nil)
			if err == nil || err.Error() != "second thoughts" {
				t.Errorf("second thoughts: %v", err)
			}
		}
	})
	if got := offsetOf(t, e); got != 1+n/3 {
		t.Fatalf("the head is at %d", got)
	}
	if items, err := e.Items(t.Context(), news.Query{Limit: n}); err != nil || len(items) != 1+n/3 {
		t.Fatalf("%d items, %v", len(items), err)
	}
}

// TestFailedCommit: when the disk refuses the commit everybody in it is told,
// nothing is kept and no bell rings; the next commit is none the worse.
func TestFailedCommit(t *testing.T) {
	e := openTest(t, t.TempDir(), Options{})
	hints, stop := e.Wake()
	defer stop()
	var refuse atomic.Bool
	onCommit(t, e, func() int32 {
		if refuse.Load() {
			return 1
		}
		return 0
	})
	refuse.Store(true)
	queued(t, e, 50, func(i int) {
		if _, err := e.Append(t.Context(), testKey(fmt.Sprint("k", i%10), "b"), testDraft(fmt.Sprint("n", i%10))); err == nil {
			t.Errorf("append %d was acknowledged", i)
		} else if errors.Is(err, news.ErrConflict) {
			t.Errorf("append %d was refused for what was not kept: %v", i, err)
		}
	})
	refuse.Store(false)
	if got := offsetOf(t, e); got != 0 {
		t.Fatalf("the head is at %d", got)
	}
	select {
	case h := <-hints:
		t.Fatalf("the doorbell rang: %+v", h)
	default:
	}
	if r := mustAppend(t, e, testKey("k1", "b"), testDraft("n1")); r.Replayed || r.Entry.Offset != 1 {
		t.Fatalf("the next append: %+v", r)
	}
	if h := <-hints; h.Entry == nil || h.Entry.Offset != 1 {
		t.Fatalf("the next hint: %+v", h)
	}
}

func TestClosed(t *testing.T) {
	e := openTest(t, t.TempDir(), Options{})
	ctx := t.Context()
	mustAppend(t, e, news.Key{}, testDraft("n1"))
	// A caller in the queue is answered before the engine closes, or refused.
	release := hold(t, e)
	late := make(chan error)
	go func() {
		_, err := e.Append(ctx, news.Key{}, testDraft("n2"))
		late <- err
	}()
	closed := make(chan error)
	go func() { closed <- e.Close() }()
	<-e.quit
	release()
	if err := <-late; err != nil && !errors.Is(err, news.ErrUnavailable) {
		t.Fatalf("append while closing: %v", err)
	}
	if err := <-closed; err != nil {
		t.Fatal(err)
	}
	_, appending := e.Append(ctx, news.Key{}, testDraft("n3"))
	_, reading := e.Since(ctx, news.Cursor{}, 1)
	_, counting := e.CountSubscriptions(ctx)
	for what, err := range map[string]error{"append": appending, "since": reading, "count": counting,
		"delete": e.DeleteSubscription(ctx, testSubscription(1).ID, [16]byte{}), "backup": e.Backup(ctx, t.TempDir()+"/b")} {
		if !errors.Is(err, news.ErrUnavailable) {
			t.Errorf("%s after closing: %v", what, err)
		}
	}
	if err := e.Close(); err != nil {
		t.Fatalf("closing twice: %v", err)
	}
}
