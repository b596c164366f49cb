package redis

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"crier/news"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
)

// testServer is a real redis-server on a socket of its own.
type testServer struct {
	home string // its directory; its name is short, as names of sockets must be
	args []string
	bare []string // in place of args, for a server that is none of ours
	port int      // of such a one
	cmd  *exec.Cmd
	out  bytes.Buffer
	done chan struct{} // closed when it has ended
}

// startServer starts a redis-server that ends with the test. It keeps an
// append-only file and syncs it always; args come after that and may differ.
func startServer(t testing.TB, args ...string) *testServer {
	t.Helper()
	if _, err := exec.LookPath("redis-server"); err != nil {
		t.Fatalf("these tests need a real Redis 7 or later: install one with\n\tapt-get install redis-server    (or: brew install redis)\n%v", err)
	}
	logging.Disable() // of attempts to reach it before it listens
	home, err := os.MkdirTemp("", "crier-redis-")
	if err != nil {
		t.Fatal(err)
	}
	s := &testServer{home: home, args: append([]string{"--port", "0", "--unixsocket", filepath.Join(home, "s"), "--dir", home,
		"--save", "", "--appendonly", "yes", "--appendfsync", "always"}, args...)}
	t.Cleanup(func() {
		s.kill(t)
		if err := os.RemoveAll(home); err != nil {
			t.Error(err)
		}
	})
	s.start(t)
	return s
}

func (s *testServer) url() string { return "unix://" + filepath.Join(s.home, "s") }

// start runs the server and returns when it answers.
func (s *testServer) start(t testing.TB) {
	t.Helper()
	s.cmd = exec.Command("redis-server", append(s.bare, s.args...)...)
	s.cmd.Stdout, s.cmd.Stderr = &s.out, &s.out
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	cmd, done := s.cmd, make(chan struct{})
	s.done = done
	go func() {
		_ = cmd.Wait() // "signal: killed"
		close(done)
	}()
	c := s.client(t)
	for deadline := time.Now().Add(20 * time.Second); ; {
		err := c.Ping(context.Background()).Err()
		if err == nil || redis.HasErrorPrefix(err, "NOAUTH") {
			return
		}
		select {
		case <-s.done:
			t.Fatalf("redis-server ended:\n%s", s.out.String())
		case <-time.After(5 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			t.Fatalf("redis-server does not answer: %v", err)
		}
	}
}

// kill ends the server as a crash would.
func (s *testServer) kill(t testing.TB) {
	t.Helper()
	if s.cmd == nil {
		return
	}
	if err := s.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		t.Error(err)
	}
	<-s.done
	s.cmd = nil
}

// client is a plain client of the server.
func (s *testServer) client(t testing.TB) *redis.Client {
	t.Helper()
	o := &redis.Options{Network: "unix", Addr: filepath.Join(s.home, "s"), MaxRetries: -1, DialerRetries: 1}
	if s.port != 0 {
		o.Network, o.Addr = "tcp", fmt.Sprint("127.0.0.1:", s.port)
	}
	c := redis.NewClient(o)
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// save copies what is on the server's disk; nobody is writing. To restore it
// the server is ended and its data put in place, as an operator would.
func (s *testServer) save(t testing.TB) (restore func(testing.TB)) {
	t.Helper()
	const name = "appendonlydir"
	data, copied := filepath.Join(s.home, name), filepath.Join(t.TempDir(), name)
	if err := os.CopyFS(copied, os.DirFS(data)); err != nil {
		t.Fatal(err)
	}
	return func(t testing.TB) {
		t.Helper()
		s.kill(t)
		if err := errors.Join(os.RemoveAll(data), os.CopyFS(data, os.DirFS(copied))); err != nil {
			t.Fatal(err)
		}
		s.start(t)
	}
}

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

// say runs a command on the server.
func (s *testServer) say(t testing.TB, args ...any) any {
	t.Helper()
	v, err := s.client(t).Do(context.Background(), args...).Result()
	if err != nil && !errors.Is(err, redis.Nil) {
		t.Fatalf("%s: %v", fmt.Sprint(args...), err)
	}
	return v
}
