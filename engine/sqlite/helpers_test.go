package sqlite

import (
	"context"
	"fmt"
	"testing"
	"time"

	"crier/news"
	"crier/push"

	driver "modernc.org/sqlite"
)

var testTime = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)

// openTest opens dir and closes it when t ends.
func openTest(t testing.TB, dir string, o Options) *Engine {
	t.Helper()
	e, err := Open(t.Context(), dir, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return e
}

func testDraft(id string) news.Draft {
	return news.Draft{Kind: news.Posted, By: "keditor", Item: news.Item{
		ID: id, Version: 1, Story: "s" + id, Level: news.Urgent, Headline: "Flood reaches the old town",
		Topics: []string{"world"}, Language: "en", PostedAt: testTime, RevisedAt: testTime,
	}}
}

func mustAppend(t testing.TB, e *Engine, key news.Key, d news.Draft) news.Receipt {
	t.Helper()
	r, err := e.Append(context.Background(), key, d)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func offsetOf(t testing.TB, e *Engine) uint64 {
	t.Helper()
	head, err := e.Head(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return head.Offset
}

// number is what a query says, on the connection that writes.
func number(t testing.TB, e *Engine, query string, args ...any) (n int64) {
	t.Helper()
	err := e.writer.write(context.Background(), func(ctx context.Context, c *conn) error {
		return c.row(ctx, query, args, &n)
	}, nil)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return n
}

// onWriter runs a statement on the connection that writes, in no transaction.
func onWriter(t testing.TB, e *Engine, query string) {
	t.Helper()
	if _, err := e.writer.c.sql.ExecContext(context.Background(), query); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
}

// onCommit has hook asked before each commit; it refuses one by not returning 0.
func onCommit(t testing.TB, e *Engine, hook func() int32) {
	t.Helper()
	err := e.writer.c.sql.Raw(func(c any) error {
		c.(driver.HookRegisterer).RegisterCommitHook(hook)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// testSubscription is the nth of as many as are wanted, of a usual size.
func testSubscription(n int) push.Subscription {
	endpoint := fmt.Sprintf("https://fcm.googleapis.com/fcm/send/%0152d", n)
	s := push.Subscription{
		ID: push.EndpointID(endpoint), Endpoint: endpoint, Topics: []string{"politics", "world"},
		Level: news.Urgent, Language: "en", CreatedAt: testTime, SeenAt: testTime,
	}
	s.P256dh[0] = 4
	return s
}
