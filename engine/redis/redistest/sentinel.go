package redistest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// Sentinel is a master and its replica, and three sentinels that watch them
// and are asked for a password. The replica becomes the master a second or
// two after Fail has killed the master, and never otherwise: a disk that keeps
// a server for a second would be enough.
type Sentinel struct {
	Master, Replica *Server
	ports           []int // the sentinels'
	replicaPort     int
}

// sentinelPassword has a space, which an address must escape.
const sentinelPassword = "of the sentinels"

// StartSentinel starts all five; they end with the test. It returns when the
// sentinels know of each other and of the replica.
func StartSentinel(t testing.TB) *Sentinel {
	t.Helper()
	master := FreePort(t)
	s := &Sentinel{replicaPort: FreePort(t)}
	s.Master = Start(t, "--port", strconv.Itoa(master), "--bind", "127.0.0.1", "--repl-diskless-sync-delay", "0")
	s.Replica = Start(t, "--port", strconv.Itoa(s.replicaPort), "--bind", "127.0.0.1", "--repl-diskless-sync-delay", "0",
		"--replicaof", "127.0.0.1 "+strconv.Itoa(master))
	for range 3 {
		s.ports = append(s.ports, s.watch(t, master))
	}
	for _, port := range s.ports {
		s.know(t, port)
	}
	return s
}

// watch starts a sentinel and returns its port.
func (s *Sentinel) watch(t testing.TB, master int) int {
	t.Helper()
	home, port := newHome(t), FreePort(t)
	conf := filepath.Join(home, "sentinel.conf") // which it writes to
	if err := os.WriteFile(conf, fmt.Appendf(nil, "port %d\nbind 127.0.0.1\ndir %q\nrequirepass %q\nsentinel sentinel-pass %q\n"+
		"sentinel monitor news 127.0.0.1 %d 2\nsentinel down-after-milliseconds news %d\nsentinel failover-timeout news 3000\n",
		port, home, sentinelPassword, sentinelPassword, master, calm.Milliseconds()), 0o600); err != nil {
		t.Fatal(err)
	}
	w := startServer(t, &Server{home: home, args: []string{conf, "--sentinel"}, port: port})
	t.Cleanup(func() {
		if t.Failed() {
			w.Kill(t)
			t.Logf("the sentinel on port %d said:\n%s", port, w.out.String())
		}
	})
	return port
}

// A server is given up when it has not answered for alert while the master
// is to fail, and for calm at other times.
const (
	alert = time.Second
	calm  = time.Minute
)

// giveUp has the sentinels give up who has not answered for so long.
func (s *Sentinel) giveUp(t testing.TB, after time.Duration) {
	t.Helper()
	for _, port := range s.ports {
		c := sentinelClient(port)
		if err := c.Do(context.Background(), "SENTINEL", "SET", "news", "down-after-milliseconds", after.Milliseconds()).Err(); err != nil {
			t.Fatal(err)
		}
		_ = c.Close()
	}
}

func sentinelClient(port int) *redis.Client {
	return redis.NewClient(&redis.Options{Addr: fmt.Sprint("127.0.0.1:", port), Password: sentinelPassword})
}

// know returns when the sentinel on port knows all there is.
func (s *Sentinel) know(t testing.TB, port int) {
	t.Helper()
	c := sentinelClient(port)
	defer func() { _ = c.Close() }()
	for deadline := time.Now().Add(patience); ; {
		info, err := c.Info(context.Background(), "sentinel").Result()
		if err == nil && strings.Contains(info, "slaves=1,sentinels=3") {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("a sentinel does not know all: %s %v", info, err)
		}
		<-time.After(10 * time.Millisecond)
	}
}

// URL names the sentinels, for the database db.
func (s *Sentinel) URL(db int) string {
	return fmt.Sprintf("redis+sentinel://127.0.0.1:%d,127.0.0.1:%d,127.0.0.1:%d/news?db=%d&sentinel_password=%s",
		s.ports[0], s.ports[1], s.ports[2], db, strings.ReplaceAll(sentinelPassword, " ", "%20"))
}

// Part has the master send the replica nothing more.
func (s *Sentinel) Part(t testing.TB) {
	t.Helper()
	s.Master.Say(t, "ACL", "SETUSER", "default", "-psync", "-sync")
	s.Master.Say(t, "CLIENT", "KILL", "TYPE", "replica")
}

// Fail kills the master, and returns when the replica has its place and the
// sentinels are calm again.
func (s *Sentinel) Fail(t testing.TB) {
	t.Helper()
	s.giveUp(t, alert)
	defer s.giveUp(t, calm)
	s.Master.Kill(t)
	c := s.Replica.Client(t)
	for deadline := time.Now().Add(patience); ; {
		info, err := c.Info(context.Background(), "replication").Result() // fails when the sentinels cut its clients
		if err == nil && strings.Contains(info, "role:master") {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("the replica does not become the master: %s %v", info, err)
		}
		<-time.After(10 * time.Millisecond)
	}
}

// Rejoin starts the master, which was killed, as a replica of the one that
// took its place.
func (s *Sentinel) Rejoin(t testing.TB) {
	t.Helper()
	s.Master.Start(t, "--replicaof", "127.0.0.1 "+strconv.Itoa(s.replicaPort))
}
