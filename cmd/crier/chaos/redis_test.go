package chaos

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"crier/engine/redis/redistest"
)

// TestChaosRedis does to the server what happens to servers.
func TestChaosRedis(t *testing.T) {
	server := redistest.Start(t)
	s := play(t, server.URL()+sized("", "?read_timeout=1s"), sized(3000, 300))
	lasts := func(d time.Duration) { <-time.After(d) } // a fault, for as long
	s.flow(some())
	s.fault("Redis stopped", func() time.Time {
		server.Stop(t)
		lasts(sized(10*time.Second, 2*time.Second))
		server.Continue(t)
		return time.Now()
	})
	s.fault("Redis killed -9, restarted from its file", func() time.Time {
		server.Kill(t)
		lasts(sized(5*time.Second, time.Second))
		server.Start(t)
		return time.Now()
	})
	for range sized(10, 3) {
		s.fault("CLIENT KILL TYPE pubsub", func() time.Time {
			server.Say(t, "CLIENT", "KILL", "TYPE", "pubsub")
			return time.Now()
		})
	}
	s.fault("CLIENT PAUSE", func() time.Time {
		pause := sized(5*time.Second, time.Second)
		server.Say(t, "CLIENT", "PAUSE", pause.Milliseconds(), "ALL")
		lasts(pause)
		return time.Now()
	})
	s.flow(some())
	s.finish()
	if s.refused == 0 {
		t.Error("no post was refused while there was no Redis")
	}
}

// TestChaosNetwork has a bad network between the nodes and Redis.
func TestChaosNetwork(t *testing.T) {
	server := redistest.Start(t)
	proxy := redistest.StartProxy(t, server)
	s := play(t, proxy.URL(), sized(3000, 300))
	s.redis = server.URL()
	s.flow(some())
	for _, f := range []struct {
		name      string
		begin     func()
		end       func()
		full, few time.Duration
	}{
		{"slow network", func() { proxy.Slow(20*time.Millisecond, 1<<20) }, func() { proxy.Slow(0, 0) }, 10 * time.Second, 2 * time.Second},
		{"network that loses answers", func() { proxy.Watch(loseSome) }, func() { proxy.Watch(nil) }, 10 * time.Second, time.Second},
		{"network cut", proxy.Cut, func() {}, 0, 0},
	} {
		s.fault(f.name, func() time.Time {
			f.begin()
			<-time.After(sized(f.full, f.few))
			f.end()
			return time.Now()
		})
	}
	s.flow(some())
	s.finish()
}

// loseSome loses one in ten of the answers to scripts.
func loseSome(c redistest.Call, answer []byte) bool {
	return answer == nil || !strings.EqualFold(c.Args[0], "evalsha") || rand.IntN(10) > 0
}

// TestChaosLostHistory restores an older state of Redis under the nodes.
func TestChaosLostHistory(t *testing.T) {
	server := redistest.Start(t)
	s := play(t, server.URL(), sized(3000, 300))
	s.told, s.loses = true, true
	s.flow(some())
	restore := server.Save(t)
	s.fault("a backup restored, history lost", func() time.Time {
		c, _ := s.room.after(time.Now()) // there is something to lose
		s.crowd.await(s.crowd.texts.place(c))
		restore(t)
		return time.Now()
	})
	s.flow(some())
	s.finish()
	if n := len(s.crowd.texts.epochs); n != 2 {
		t.Errorf("the epoch changed %d times", n-1)
	}
}
