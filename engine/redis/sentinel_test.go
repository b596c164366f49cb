package redis

import (
	"context"
	"errors"
	"testing"
	"time"

	"crier/engine/redis/redistest"
	"crier/news"
)

// TestSentinel names the master by its sentinels, and appends across a
// failover to its replica.
func TestSentinel(t *testing.T) {
	s := redistest.StartSentinel(t)
	e := openTest(t, s.URL(1), Options{Replicas: 1})
	first := mustAppend(t, e, news.Key{}, testDraft("n1"))
	s.Fail(t)
	e.waits = waits{} // there is no replica any more
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for {
		r, err := e.Append(ctx, news.Key{Value: "k"}, testDraft("n2"))
		if errors.Is(err, news.ErrUnavailable) {
			<-time.After(20 * time.Millisecond)
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if r.Cursor != (news.Cursor{Epoch: first.Cursor.Epoch, Offset: 2}) {
			t.Fatalf("after a failover that lost nothing: %+v, before it %q", r, first.Cursor)
		}
		return
	}
}
