package redis

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"crier/engine/redis/redistest"
	"crier/news"
)

// TestScriptFlush: a server that has forgotten the scripts is given them again.
func TestScriptFlush(t *testing.T) {
	s := redistest.Start(t)
	e := openTest(t, s.URL(), Options{})
	exercise(t, e, func() { s.Say(t, "SCRIPT", "FLUSH") })
}

// TestBellCut: the doorbell's connection is killed, again and again, and
// followers miss nothing and are not kept waiting for the poll.
func TestBellCut(t *testing.T) {
	s := redistest.Start(t)
	e := openTest(t, s.URL(), Options{})
	hints, stop := e.Wake()
	defer stop()
	for i := range 5 {
		s.Say(t, "CLIENT", "KILL", "TYPE", "pubsub")
		r := mustAppend(t, e, news.Key{}, testDraft(fmt.Sprint("n", i)))
		deadline := time.After(time.Minute)
		for at := uint64(0); at < r.Cursor.Offset; {
			select {
			case h := <-hints:
				at = h.Cursor.Offset
			case <-deadline:
				t.Fatalf("no hint of entry %d after the doorbell was cut", r.Cursor.Offset)
			}
		}
	}
	if n := e.Stats().BellReplaced; n < 5 {
		t.Errorf("the doorbell was replaced %d times, was cut 5 times", n)
	}
}

// loseAnswers has the proxy lose as many scripts' answers as the result says:
// it cuts their connections instead.
func loseAnswers(p *redistest.Proxy) *atomic.Int64 {
	var left atomic.Int64
	p.Watch(func(c redistest.Call, answer []byte) bool {
		lose := answer != nil && strings.EqualFold(c.Args[0], "evalsha") && !strings.Contains(string(answer), "NOSCRIPT") && left.Add(-1) >= 0
		return !lose
	})
	return &left
}

// TestLostAnswers has answers of the server get lost on the way. Every append
// is made once, and whoever calls is told the truth: also that it was they who
// made it.
func TestLostAnswers(t *testing.T) {
	s := redistest.Start(t)
	p := redistest.StartProxy(t, s)
	cut := loseAnswers(p)
	e := openTest(t, p.URL(), Options{})
	for i := range 40 {
		cut.Store(int64(i % 3)) // how many answers
		key := news.Key{}
		if i%2 == 0 {
			key.Value = fmt.Sprint("k", i)
		}
		if r := mustAppend(t, e, key, testDraft(fmt.Sprint("n", i))); r.Cursor.Offset != uint64(i+1) || r.Replayed {
			t.Fatalf("append %d: %+v", i, r)
		}
	}
	if r := mustAppend(t, e, news.Key{Value: "k0"}, testDraft("n0")); r.Cursor.Offset != 1 || !r.Replayed {
		t.Fatalf("the first append again: %+v", r)
	}
	if n := e.Stats().AppendsAsked; n < 20 {
		t.Errorf("only %d appends were asked after", n)
	}
	// One that cannot be known is not called refused.
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	cut.Store(1 << 40)
	if _, err := e.Append(ctx, news.Key{}, testDraft("n-unknown")); !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, news.ErrUnavailable) {
		t.Fatalf("append whose answers are all lost: %v", err)
	}
}

// TestLostCheckpoints: a checkpoint whose answer is lost counts once.
func TestLostCheckpoints(t *testing.T) {
	s := redistest.Start(t)
	p := redistest.StartProxy(t, s)
	cut := loseAnswers(p)
	e := openTest(t, p.URL(), Options{})
	lose := false
	got := sendAll(t, e, 100, func() {
		if lose = !lose; lose {
			cut.Store(1)
		}
	})
	if got.Tally.Audience != 100 || got.Tally.Accepted+got.Tally.Gone != 100 || !got.Done {
		t.Fatalf("report: %+v", got)
	}
}

// TestPause: a server that hangs is waited for; a cancelled caller does not wait.
func TestPause(t *testing.T) {
	s := redistest.Start(t)
	e := openTest(t, s.URL()+"?read_timeout=100ms", Options{})
	s.Say(t, "CLIENT", "PAUSE", 1000, "ALL")
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(20*time.Millisecond, cancel)
	began := time.Now()
	if _, err := e.Head(ctx); !errors.Is(err, context.Canceled) || time.Since(began) > 900*time.Millisecond {
		t.Fatalf("after %v: %v", time.Since(began), err)
	}
	if r := mustAppend(t, e, news.Key{}, testDraft("n1")); r.Cursor.Offset != 1 {
		t.Fatalf("append across a pause: %+v", r)
	}
	if e.Stats().AppendsAsked == 0 {
		t.Error("the pause was not noticed")
	}
}

// TestOutOfMemory: what does not fit is refused and leaves no trace, and
// readers keep what they have.
func TestOutOfMemory(t *testing.T) {
	s := redistest.Start(t)
	e := openTest(t, s.URL(), Options{})
	mustAppend(t, e, news.Key{}, testDraft("n1"))
	s.Say(t, "CONFIG", "SET", "maxmemory", "1")
	if _, err := e.Append(t.Context(), news.Key{Value: "k"}, testDraft("n2")); !errors.Is(err, news.ErrUnavailable) || !strings.Contains(err.Error(), "OOM") {
		t.Fatalf("append without memory: %v", err)
	}
	if _, err := e.PutSubscription(t.Context(), testSubscription(1)); !errors.Is(err, news.ErrUnavailable) {
		t.Fatalf("subscription without memory: %v", err)
	}
	if got, err := e.Since(t.Context(), news.Cursor{}, 9); err != nil || len(got) != 1 {
		t.Fatalf("%d entries, %v", len(got), err)
	}
	if n, err := e.Trim(t.Context(), 0, 0); err != nil || n != 1 {
		t.Fatalf("trimming without memory: %d, %v", n, err)
	}
	s.Say(t, "CONFIG", "SET", "maxmemory", "0")
	if r := mustAppend(t, e, news.Key{Value: "k"}, testDraft("n2")); r.Replayed || r.Cursor.Offset != 2 {
		t.Fatalf("append with memory again: %+v", r)
	}
}

// TestReplicas: an append waits until so many replicas have it, and is not
// called refused when too few do.
func TestReplicas(t *testing.T) {
	s := redistest.Start(t, "--repl-diskless-sync-delay", "0")
	replica := redistest.Start(t)
	port := redistest.FreePort(t)
	s.Say(t, "CONFIG", "SET", "bind", "127.0.0.1")
	s.Say(t, "CONFIG", "SET", "port", port)
	replica.Say(t, "REPLICAOF", "127.0.0.1", port)
	e := openTest(t, s.URL(), Options{Replicas: 1})
	if r := mustAppend(t, e, news.Key{}, testDraft("n1")); r.Cursor.Offset != 1 {
		t.Fatalf("append: %+v", r)
	}
	if n := replica.Say(t, "XLEN", e.keys.entries()); n != int64(1) {
		t.Fatalf("acknowledged while the replica has %v entries", n)
	}
	if _, err := Open(t.Context(), replica.URL(), Options{}); !errors.Is(err, ErrReplica) {
		t.Fatalf("open a replica: %v", err)
	}
	replica.Kill(t)
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if _, err := e.Append(ctx, news.Key{Value: "k"}, testDraft("n2")); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("append without the replica: %v", err)
	}
	replica.Start(t)
	replica.Say(t, "REPLICAOF", "127.0.0.1", port)
	if r := mustAppend(t, e, news.Key{Value: "k"}, testDraft("n2")); !r.Replayed || r.Cursor.Offset != 2 {
		t.Fatalf("append with the replica again: %+v", r)
	}
	if _, err := Open(t.Context(), s.URL(), Options{Synced: true}); err != nil && !errors.Is(err, ErrTooOld) {
		t.Fatalf("open with Synced: %v", err)
	}
}
