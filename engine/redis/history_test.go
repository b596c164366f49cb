package redis

import (
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"crier/engine/redis/redistest"
	"crier/news"
)

// TestRestart: a server that is killed and comes back has what it
// acknowledged, and is vouched for by a node that lived through it.
func TestRestart(t *testing.T) {
	s := redistest.Start(t)
	e := openTest(t, s.URL(), Options{})
	r := mustAppend(t, e, news.Key{}, testDraft("n1"))
	s.Kill(t)
	if _, err := e.Append(t.Context(), news.Key{}, testDraft("n2")); !errors.Is(err, news.ErrUnavailable) {
		t.Fatalf("append without a server: %v", err)
	}
	if _, err := e.Since(t.Context(), news.Cursor{}, 1); !errors.Is(err, news.ErrUnavailable) {
		t.Fatalf("read without a server: %v", err)
	}
	s.Start(t)
	n := openTest(t, s.URL(), Options{})
	for _, e := range []*Engine{n, e} {
		if got := head(t, e); got != r.Cursor {
			t.Fatalf("head %q after a restart, %q before", got, r.Cursor)
		}
	}
	if r := mustAppend(t, e, news.Key{}, testDraft("n2")); r.Replayed || r.Cursor.Offset != 2 {
		t.Fatalf("what was refused left a trace: %+v", r)
	}
}

// TestUnwitnessedRestart: nobody can say what the server had before.
func TestUnwitnessedRestart(t *testing.T) {
	s := redistest.Start(t)
	e := openTest(t, s.URL(), Options{})
	r := mustAppend(t, e, news.Key{}, testDraft("n1"))
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	s.Kill(t)
	s.Start(t)
	n := openTest(t, s.URL(), Options{})
	if got := head(t, n); got.Epoch == r.Cursor.Epoch || got.Offset != 1 {
		t.Fatalf("head %q, before the restart %q", got, r.Cursor)
	}
	if n.Stats().HistoryLost != 1 {
		t.Errorf("stats %+v", n.Stats())
	}
}

// TestLostTail restores an older state under living nodes. All of them get
// the same new epoch, each tells its operator, and followers are told.
func TestLostTail(t *testing.T) {
	s := redistest.Start(t)
	var said lines
	o := Options{Logger: slog.New(slog.NewTextHandler(&said, nil))}
	nodes := []*Engine{openTest(t, s.URL(), o), openTest(t, s.URL(), o), openTest(t, s.URL(), o)}
	mustAppend(t, nodes[0], news.Key{}, testDraft("n1"))
	restore := s.Save(t)
	was := mustAppend(t, nodes[0], news.Key{}, testDraft("n2")).Cursor

	followed := make(chan error, len(nodes))
	up := make(chan struct{}, 2*len(nodes))
	for _, e := range nodes {
		go func() {
			followed <- news.Follow(t.Context(), e, news.Cursor{Epoch: was.Epoch}, news.FollowOptions{}, func(es []news.Entry) error {
				for range es {
					up <- struct{}{}
				}
				return nil
			})
		}()
	}
	for range 2 * len(nodes) {
		<-up // everybody has seen both
	}
	restore(t)
	for range nodes {
		if err := <-followed; !errors.Is(err, news.ErrCursorLost) {
			t.Fatalf("following a log that lost its tail: %v", err)
		}
	}
	epochs := map[string]bool{}
	for i, e := range nodes {
		got := head(t, e)
		epochs[got.Epoch] = true
		if got.Offset != 1 || got.Epoch == was.Epoch {
			t.Errorf("node %d has the head %q, had %q", i, got, was)
		}
		if n := e.Stats().HistoryLost; n != 1 {
			t.Errorf("node %d counts %d losses", i, n)
		}
	}
	if len(epochs) != 1 {
		t.Errorf("the nodes have the epochs %v", epochs)
	}
	if n := said.count("lost history"); n != len(nodes) {
		t.Errorf("%d nodes told their operators:\n%s", n, &said)
	}
}

// TestOtherTail: an entry was lost and its offset given to another before the
// node that had seen it looks again.
func TestOtherTail(t *testing.T) {
	s := redistest.Start(t)
	e := openTest(t, s.URL(), Options{})
	mustAppend(t, e, news.Key{}, testDraft("n1"))
	was := mustAppend(t, e, news.Key{}, testDraft("n2")).Cursor
	mustAppend(t, e, news.Key{}, testDraft("n3"))
	for _, offset := range []uint64{2, 3} {
		e.sight.mu.Lock()
		e.sight.at.offset, e.sight.at.mark = offset, "of another"
		e.sight.mu.Unlock()
		got := head(t, e)
		if got.Epoch == was.Epoch || got.Offset != 3 {
			t.Fatalf("head %q, though entry %d is not the one that was seen", got, offset)
		}
		was = got
	}
}

// TestFlushAll: everything is gone, under living nodes.
func TestFlushAll(t *testing.T) {
	s := redistest.Start(t)
	e, other := openTest(t, s.URL(), Options{}), openTest(t, s.URL(), Options{})
	was := mustAppend(t, e, news.Key{}, testDraft("n1")).Cursor
	if _, err := e.PutSubscription(t.Context(), testSubscription(1)); err != nil {
		t.Fatal(err)
	}
	s.Say(t, "FLUSHALL")
	if _, err := e.Since(t.Context(), was, 1); !errors.Is(err, news.ErrCursorLost) {
		t.Fatalf("after everything was lost: %v", err)
	}
	r := mustAppend(t, other, news.Key{}, testDraft("n1"))
	if r.Cursor.Epoch == was.Epoch || r.Cursor.Offset != 1 || head(t, e) != r.Cursor {
		t.Fatalf("the new log begins with %q, the old one had %q, the other node has %q", r.Cursor, was, head(t, e))
	}
}

// lines is a log that tests look at.
type lines struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func (l *lines) count(s string) int { return strings.Count(l.String(), s) }
