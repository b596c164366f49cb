package redis

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"crier/engine"
	"crier/engine/enginetest"
	"crier/engine/redis/redistest"
	"crier/engine/sqlite"
	"crier/news"
	"crier/push"
)

// sites are prefixes on one server, or Cluster, as places to move from and to.
func sites(url string) enginetest.Place {
	n := 0
	at := func(address string) (string, Options) {
		url, prefix, _ := strings.Cut(address, " ")
		return url, Options{Prefix: prefix}
	}
	return enginetest.Place{
		Create: func(testing.TB) string {
			n++
			return fmt.Sprintf("%s site%d", url, n)
		},
		Open: func(ctx context.Context, address string) (enginetest.Engine, error) {
			url, o := at(address)
			return Open(ctx, url, o)
		},
		Source: func(ctx context.Context, address string) (enginetest.Source, error) {
			url, o := at(address)
			return OpenSource(ctx, url, o)
		},
		Target: func(ctx context.Context, address string) (enginetest.Target, error) {
			url, o := at(address)
			return OpenTarget(ctx, url, o)
		},
	}
}

// directories are data directories of the embedded engine.
func directories() enginetest.Place {
	return enginetest.Place{
		Create: func(t testing.TB) string { return filepath.Join(t.TempDir(), "data") },
		Open: func(ctx context.Context, dir string) (enginetest.Engine, error) {
			return sqlite.Open(ctx, dir, sqlite.Options{})
		},
		Source: func(ctx context.Context, dir string) (enginetest.Source, error) { return sqlite.OpenSource(ctx, dir) },
		Target: func(ctx context.Context, dir string) (enginetest.Target, error) { return sqlite.OpenTarget(ctx, dir) },
	}
}

func TestMove(t *testing.T) {
	single := sites(redistest.Start(t).URL())
	t.Run("ToRedis", func(t *testing.T) { enginetest.RunMove(t, directories(), single) })
	t.Run("FromRedis", func(t *testing.T) { enginetest.RunMove(t, single, directories()) })
	t.Run("Between", func(t *testing.T) { enginetest.RunMove(t, single, single) })
}

func TestMoveToSentinel(t *testing.T) {
	enginetest.RunMove(t, directories(), sites(redistest.StartSentinel(t).URL(1)))
}

func TestMoveToCluster(t *testing.T) {
	cluster := sites(redistest.StartCluster(t).URL())
	t.Run("To", func(t *testing.T) { enginetest.RunMove(t, directories(), cluster) })
	t.Run("From", func(t *testing.T) { enginetest.RunMove(t, cluster, directories()) })
}

// moveTo moves a Redis to a new data directory.
func moveTo(t *testing.T, url string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	from, err := OpenSource(t.Context(), url, Options{})
	if err != nil {
		t.Fatal(err)
	}
	to, err := sqlite.OpenTarget(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	_, err = engine.Move(t.Context(), from, to, engine.Options{})
	if err := errors.Join(err, from.Close(), to.Close()); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestMoveLeftovers moves what crashes and trimming leave on a Redis only: a
// removal that was written down and not made, a retry whose subscription went
// unmarked, and a key whose entry has been trimmed.
func TestMoveLeftovers(t *testing.T) {
	ctx := t.Context()
	s := redistest.Start(t)
	e := openTest(t, s.URL(), Options{})
	key := news.Key{Value: "k*[a]", Sum: [32]byte{1}}
	kept := mustAppend(t, e, key, testDraft("n1"))
	subs := make([]push.Subscription, 4)
	for i := range subs {
		subs[i] = testSubscription(i)
		if _, err := e.PutSubscription(ctx, subs[i]); err != nil {
			t.Fatal(err)
		}
	}
	slices.SortFunc(subs, func(a, b push.Subscription) int { return strings.Compare(string(a.ID[:]), string(b.ID[:])) })
	c := push.Campaign{ID: kept.Cursor.String(), Entry: kept.Entry, Lane: 2, Token: "t", OpenedAt: testTime, Deadline: testTime.Add(time.Hour)}
	if err := e.OpenCampaigns(ctx, kept.Cursor, []push.Campaign{c}); err != nil {
		t.Fatal(err)
	}
	l, _, err := e.Claim(ctx, push.Worker{Name: "w"}, testTime, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	p := push.Progress{Cursor: subs[3].ID, Scanned: true, Ends: testTime, Tally: push.Tally{Audience: 4}}
	for _, sub := range subs {
		p.Retries = append(p.Retries, push.Retry{ID: sub.ID, Attempts: 1, Due: testTime.Add(time.Second)})
	}
	if _, err := e.Checkpoint(ctx, l, p); err != nil {
		t.Fatal(err)
	}
	seq, err := e.lastCampaign(ctx)
	if err != nil {
		t.Fatal(err)
	}
	s.Say(t, "SADD", e.keys.removals(), removal{seq, subs[0].ID}.text())
	s.Say(t, "DEL", e.keys.shardOf(subs[1].ID)) // all of one, as there are but four
	if n, err := e.Trim(ctx, 0, 0); n != 1 || err != nil {
		t.Fatalf("%d trimmed, %v", n, err)
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}

	moved, err := sqlite.Open(ctx, moveTo(t, s.URL()), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := moved.Close(); err != nil {
			t.Error(err)
		}
	}()
	kept.Replayed = true
	if r, err := moved.Append(ctx, key, testDraft("n1")); err != nil || r.Cursor != kept.Cursor || !r.Replayed {
		t.Errorf("the key of a trimmed entry answers %+v, %v", r, err)
	}
	if _, err := moved.Since(ctx, news.Cursor{}, 1); !errors.Is(err, news.ErrCursorLost) {
		t.Errorf("the trimmed entry can be read: %v", err)
	}
	backup := filepath.Join(t.TempDir(), "backup.db")
	if err := errors.Join(moved.Backup(ctx, backup), sqlite.Check(ctx, backup)); err != nil {
		t.Errorf("its backup: %v", err)
	}
	if n, err := moved.CountSubscriptions(ctx); n != 2 || err != nil {
		t.Errorf("%d stand, %v", n, err)
	}
	l, _, err = moved.Claim(ctx, push.Worker{Name: "w"}, testTime.Add(time.Minute), time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	page, err := moved.Deliveries(ctx, l, testTime.Add(time.Minute), 9)
	if err != nil || len(page.Deliveries) != 2 || page.Deliveries[0].Subscription.ID != subs[2].ID || page.Deliveries[1].Subscription.ID != subs[3].ID {
		t.Errorf("delivered to %+v, %v", page.Deliveries, err)
	}
	if r, err := moved.Report(ctx, "n1"); err != nil || r.Tally.Gone != 2 || r.Tally.Queued() != 2 {
		t.Errorf("report %+v, %v", r.Tally, err)
	}
}

// TestMoveAfterRestart: nobody can say that nothing is missing, so nothing is
// moved under the old epoch.
func TestMoveAfterRestart(t *testing.T) {
	s := redistest.Start(t)
	e := openTest(t, s.URL(), Options{})
	mustAppend(t, e, news.Key{}, testDraft("n1"))
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	s.Kill(t)
	s.Start(t)
	if _, err := OpenSource(t.Context(), s.URL(), Options{}); !errors.Is(err, ErrRestarted) {
		t.Fatalf("moving from a server that has restarted: %v", err)
	}
	if err := openTest(t, s.URL(), Options{}).Close(); err != nil { // gives it a new epoch
		t.Fatal(err)
	}
	moveTo(t, s.URL())
}

// TestMovedHistory: the nodes of a log that was moved are its witnesses as of
// any other, and the log does not count as lost.
func TestMovedHistory(t *testing.T) {
	s := redistest.Start(t)
	e := openTest(t, s.URL(), Options{Prefix: "old"})
	mustAppend(t, e, news.Key{}, testDraft("n1"))
	was := mustAppend(t, e, news.Key{}, testDraft("n2")).Cursor
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	from, err := OpenSource(t.Context(), s.URL(), Options{Prefix: "old"})
	if err != nil {
		t.Fatal(err)
	}
	to, err := OpenTarget(t.Context(), s.URL(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = engine.Move(t.Context(), from, to, engine.Options{})
	if err := errors.Join(err, from.Close(), to.Close()); err != nil {
		t.Fatal(err)
	}
	n := openTest(t, s.URL(), Options{})
	if got := head(t, n); got != was {
		t.Fatalf("head %q, it was %q", got, was)
	}
	restore := s.Save(t)
	next := mustAppend(t, n, news.Key{}, testDraft("n3"))
	if next.Cursor.Epoch != was.Epoch || next.Cursor.Offset != 3 || n.Stats().HistoryLost != 0 {
		t.Fatalf("the next entry is %q, %+v", next.Cursor, n.Stats())
	}
	restore(t)
	if got := head(t, n); got.Epoch == was.Epoch || got.Offset != 2 || n.Stats().HistoryLost != 1 {
		t.Fatalf("head %q when the tail was lost, %+v", got, n.Stats())
	}
}

// TestTwoMoves: of two to one place the later one wins.
func TestTwoMoves(t *testing.T) {
	s := redistest.Start(t)
	if err := openTest(t, s.URL(), Options{Prefix: "old"}).Close(); err != nil {
		t.Fatal(err)
	}
	from, err := OpenSource(t.Context(), s.URL(), Options{Prefix: "old"})
	if err != nil {
		t.Fatal(err)
	}
	first, err := OpenTarget(t.Context(), s.URL(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	second, err := OpenTarget(t.Context(), s.URL(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := engine.Move(t.Context(), from, second, engine.Options{}); err != nil {
		t.Errorf("the later move: %v", err)
	}
	if err := first.Finish(t.Context()); err == nil {
		t.Error("the earlier move finished too")
	}
	if err := errors.Join(from.Close(), first.Close(), second.Close()); err != nil {
		t.Error(err)
	}
}

// TestMovePermissions has a user who may touch our keys and channel only.
func TestMovePermissions(t *testing.T) {
	s := redistest.Start(t)
	s.Say(t, "ACL", "SETUSER", "crier", "on", ">secret", "resetkeys", "resetchannels", "-@all",
		"~{crier:*", "&{crier:*", "+@read", "+@write", "+@pubsub", "+@connection", "+@scripting", "+info", "+time", "+wait", "-flushall", "-flushdb")
	url := strings.Replace(s.URL(), "unix://", "unix://crier:secret@", 1)
	e := openTest(t, url, Options{})
	mustAppend(t, e, news.Key{Value: "k"}, testDraft("n1"))
	was := head(t, e)
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	dir := moveTo(t, url)
	s.Say(t, "FLUSHALL")
	half, err := OpenTarget(t.Context(), url, Options{})
	if err != nil {
		t.Fatal(err)
	}
	to, err := OpenTarget(t.Context(), url, Options{})
	if err != nil {
		t.Fatal(err)
	}
	from, err := sqlite.OpenSource(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	_, err = engine.Move(t.Context(), from, to, engine.Options{})
	if err := errors.Join(err, from.Close(), to.Close(), half.Close()); err != nil {
		t.Fatal(err)
	}
	if got := head(t, openTest(t, url, Options{})); got != was {
		t.Fatalf("head %q, it was %q", got, was)
	}
}
