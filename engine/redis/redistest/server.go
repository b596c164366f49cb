package redistest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
)

// patience is how long a server may take to do what it is told.
const patience = time.Minute

// Server is a real redis-server on a socket of its own.
type Server struct {
	home string // its directory; its name is short, as names of sockets must be
	args []string
	port int // of one that has no socket
	cmd  *exec.Cmd
	out  bytes.Buffer
	done chan struct{} // closed when it has ended
}

// Start starts a redis-server that ends with the test. It listens on a socket
// only; args are those of the command, come after ours and may differ.
func Start(t testing.TB, args ...string) *Server {
	t.Helper()
	home := newHome(t)
	return startServer(t, &Server{home: home, args: append([]string{"--port", "0", "--unixsocket", filepath.Join(home, "s"), "--dir", home,
		"--save", "", "--appendonly", "yes", "--appendfsync", "always"}, args...)})
}

// newHome is a directory that goes with the test. t.TempDir's name may be too
// long for a socket's.
func newHome(t testing.TB) string {
	t.Helper()
	home, err := os.MkdirTemp("", "crier-redis-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(home); err != nil {
			t.Error(err)
		}
	})
	return home
}

func startServer(t testing.TB, s *Server) *Server {
	t.Helper()
	if _, err := exec.LookPath("redis-server"); err != nil {
		t.Fatalf("these tests need a real Redis 7 or later: install one with\n\tapt-get install redis-server    (or: brew install redis)\n%v", err)
	}
	logging.Disable() // of attempts to reach it before it listens
	t.Cleanup(func() { s.Kill(t) })
	s.Start(t)
	return s
}

// URL is the address of the server's socket.
func (s *Server) URL() string { return "unix://" + filepath.Join(s.home, "s") }

// Start runs a server that was killed again, on the files it left, and returns
// when it answers. The args are added to those it was first started with.
func (s *Server) Start(t testing.TB, args ...string) {
	t.Helper()
	s.args = append(s.args, args...)
	s.cmd = exec.Command("redis-server", s.args...)
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
	c := s.client()
	defer func() { _ = c.Close() }()
	for deadline := time.Now().Add(patience); ; {
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

// Kill ends the server as a crash would.
func (s *Server) Kill(t testing.TB) {
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

// Stop stops the server where it is: connections stand and nothing answers.
func (s *Server) Stop(t testing.TB) { s.signal(t, syscall.SIGSTOP) }

// Continue lets a stopped server go on.
func (s *Server) Continue(t testing.TB) { s.signal(t, syscall.SIGCONT) }

func (s *Server) signal(t testing.TB, sig os.Signal) {
	t.Helper()
	if err := s.cmd.Process.Signal(sig); err != nil {
		t.Fatal(err)
	}
}

// Client is a plain client of the server, closed with the test.
func (s *Server) Client(t testing.TB) *redis.Client {
	t.Helper()
	c := s.client()
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func (s *Server) client() *redis.Client {
	o := &redis.Options{Network: "unix", Addr: filepath.Join(s.home, "s"), MaxRetries: -1, DialerRetries: 1}
	if s.port != 0 {
		o.Network, o.Addr = "tcp", fmt.Sprint("127.0.0.1:", s.port)
	}
	return redis.NewClient(o)
}

// Say runs a command on the server and returns its answer, nil for none.
func (s *Server) Say(t testing.TB, args ...any) any {
	t.Helper()
	c := s.client()
	defer func() { _ = c.Close() }()
	return say(t, c, args...)
}

func say(t testing.TB, c *redis.Client, args ...any) any {
	t.Helper()
	v, err := c.Do(context.Background(), args...).Result()
	if err != nil && !errors.Is(err, redis.Nil) {
		t.Fatalf("%s: %v", fmt.Sprint(args...), err)
	}
	return v
}

// Save copies what is on the server's disk; nobody is writing. To restore it
// the server is ended and its data put in place, as an operator would.
func (s *Server) Save(t testing.TB) (restore func(testing.TB)) {
	t.Helper()
	const name = "appendonlydir"
	data, copied := filepath.Join(s.home, name), filepath.Join(t.TempDir(), name)
	if err := os.CopyFS(copied, os.DirFS(data)); err != nil {
		t.Fatal(err)
	}
	return func(t testing.TB) {
		t.Helper()
		s.Kill(t)
		if err := errors.Join(os.RemoveAll(data), os.CopyFS(data, os.DirFS(copied))); err != nil {
			t.Fatal(err)
		}
		s.Start(t)
	}
}

// FreePort is a port of the loopback that nobody listens on.
func FreePort(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().(*net.TCPAddr).Port
}
