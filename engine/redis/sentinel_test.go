package redis

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"crier/news"

	"github.com/redis/go-redis/v9"
)

// TestSentinel names the master by its sentinel, and appends across a
// failover to its replica.
func TestSentinel(t *testing.T) {
	const password = "of the servers"
	mport, rport, sport := freePort(t), freePort(t), freePort(t)
	master := startServer(t, "--port", strconv.Itoa(mport), "--bind", "127.0.0.1", "--repl-diskless-sync-delay", "0")
	startServer(t, "--port", strconv.Itoa(rport), "--bind", "127.0.0.1", "--replicaof", "127.0.0.1 "+strconv.Itoa(mport))
	conf := filepath.Join(t.TempDir(), "sentinel.conf")
	if err := os.WriteFile(conf, fmt.Appendf(nil, "port %d\nbind 127.0.0.1\nrequirepass %q\nsentinel monitor news 127.0.0.1 %d 1\n"+
		"sentinel down-after-milliseconds news 500\nsentinel failover-timeout news 3000\n", sport, password, mport), 0o600); err != nil {
		t.Fatal(err)
	}
	watch := &testServer{home: t.TempDir(), bare: []string{conf, "--sentinel"}, port: sport}
	watch.start(t)
	t.Cleanup(func() { watch.kill(t) })
	c := redis.NewClient(&redis.Options{Addr: fmt.Sprint("127.0.0.1:", sport), Password: password})
	t.Cleanup(func() { _ = c.Close() })
	for deadline := time.Now().Add(20 * time.Second); ; { // until it knows of the replica
		info, err := c.Info(t.Context(), "sentinel").Result()
		if err == nil && strings.Contains(info, "slaves=1") {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("the sentinel knows of no replica: %s %v", info, err)
		}
		<-time.After(10 * time.Millisecond)
	}
	e := openTest(t, fmt.Sprintf("redis+sentinel://127.0.0.1:%d/news?db=1&sentinel_password=%s", sport, strings.ReplaceAll(password, " ", "%20")), Options{Replicas: 1})
	first := mustAppend(t, e, news.Key{}, testDraft("n1"))
	master.kill(t)
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
