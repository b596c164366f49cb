package redis

import (
	"context"
	"testing"
	"time"

	"crier/news"
)

// openTest opens an engine on the server and closes it when t ends.
func openTest(t testing.TB, url string, o Options) *Engine {
	t.Helper()
	e, err := Open(t.Context(), url, o)
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

var testTime = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)

func mustAppend(t testing.TB, e *Engine, key news.Key, d news.Draft) news.Receipt {
	t.Helper()
	r, err := e.Append(context.Background(), key, d)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func head(t testing.TB, e *Engine) news.Cursor {
	t.Helper()
	cur, err := e.Head(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return cur
}
