package chaos

import (
	"context"
	"crypto/ecdh"
	"crypto/rand"
	"fmt"
	"sync"
	"testing"
	"time"

	"crier/engine/redis"
	"crier/engine/redis/redistest"
	"crier/news"
	"crier/push"
)

// TestChaosFailover kills the master. An append waits for the replica, so
// nothing that was acknowledged is lost with it. What was not, readers may have
// seen: then the epoch changes.
func TestChaosFailover(t *testing.T) {
	beside(t)
	sentinel := redistest.StartSentinel(t)
	s := play(t, sentinel.URL(0), sized(3000, 300), "--redis-replicas", "1")
	s.told = true
	s.flow(some())
	s.fault("Sentinel failover", func() time.Time {
		killed := time.Now()
		sentinel.Fail(t)
		sentinel.Rejoin(t)
		return killed
	})
	s.flow(some())
	s.finish()
}

// TestChaosLostTail kills the master when its replica is behind. What was
// acknowledged is kept; what readers have seen of the rest is lost, and they
// are told.
func TestChaosLostTail(t *testing.T) {
	beside(t)
	sentinel := redistest.StartSentinel(t)
	s := play(t, sentinel.URL(0), sized(3000, 300), "--redis-replicas", "1")
	s.told = true
	s.flow(some())
	s.fault("Sentinel failover, the replica behind", func() time.Time {
		sentinel.Part(t)
		if !until(func() bool { return headOn(t, sentinel.Master) >= s.room.taken()+editors/2 }) {
			t.Fatal("nobody waits for the replica")
		}
		killed := time.Now()
		sentinel.Fail(t)
		sentinel.Rejoin(t)
		return killed
	})
	s.flow(some())
	s.finish()
	if n := len(s.crowd.texts.epochs); n != 2 {
		t.Errorf("the epoch changed %d times", n-1)
	}
}

// TestChaosReshard moves the log's slot and that of a shard between the
// masters of a Cluster.
func TestChaosReshard(t *testing.T) {
	cluster := redistest.StartCluster(t)
	s := play(t, cluster.URL(), sized(3000, 300))
	subs := subscribe(t, s.redis, sized(2000, 200), func(n int) string { return fmt.Sprint("https://updates.push.services.mozilla.com/wpush/v2/", n) })
	shard := fmt.Sprintf("{crier:s%d}", subs[0].ID.Shard())
	s.flow(some())
	for _, f := range []struct{ name, key string }{{"Cluster: the log's slot moves", "{crier:log}"}, {"Cluster: a shard's slot moves", shard}} {
		s.fault(f.name, func() time.Time {
			if n := cluster.Move(t, f.key); n == 0 {
				t.Errorf("%s: it had no keys", f.name)
			}
			return time.Now()
		})
	}
	s.flow(some())
	s.finish()
	e, err := redis.Open(t.Context(), s.redis, redis.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = e.Close() }()
	if n, err := e.CountSubscriptions(t.Context()); err != nil || n != int64(len(subs)) {
		t.Errorf("%d subscriptions of %d stand: %v", n, len(subs), err)
	}
}

// headOn is the offset of the last entry that a server has.
func headOn(t testing.TB, s *redistest.Server) (n int) {
	t.Helper()
	if _, err := fmt.Sscan(fmt.Sprint(s.Say(t, "HGET", "{crier:log}", "head")), &n); err != nil {
		t.Fatal(err)
	}
	return n
}

// subscribe puts n subscriptions with keys of their own straight into the
// Redis at url: through the API one address may put 30 at once.
func subscribe(t testing.TB, url string, n int, endpoint func(n int) string) []push.Subscription {
	t.Helper()
	e, err := redis.Open(context.Background(), url, redis.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = e.Close() }()
	out := make([]push.Subscription, n)
	var all sync.WaitGroup
	for k := range 16 {
		all.Go(func() {
			for i := k; i < n; i += 16 {
				key, err := ecdh.P256().GenerateKey(rand.Reader)
				if err != nil {
					t.Error(err)
					return
				}
				now := time.Now()
				s := push.Subscription{Endpoint: endpoint(i), Level: news.Urgent, CreatedAt: now, SeenAt: now}
				s.ID, s.P256dh = push.EndpointID(s.Endpoint), [65]byte(key.PublicKey().Bytes())
				_, _ = rand.Read(s.Auth[:])
				if _, err := e.PutSubscription(context.Background(), s); err != nil {
					t.Error(err)
					return
				}
				out[i] = s
			}
		})
	}
	all.Wait()
	return out
}
