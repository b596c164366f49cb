package redis

import (
	"errors"
	"io"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// proxy passes bytes on, but loses answers: it drops the connection instead.
type proxy struct {
	path string
	cut  atomic.Int64 // how many answers are to be lost yet
}

func startProxy(t testing.TB, to string) *proxy {
	t.Helper()
	p := &proxy{path: filepath.Join(filepath.Dir(to), "p")}
	l, err := net.Listen("unix", p.path)
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			running.Go(func() { p.carry(c, to) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		running.Wait()
	})
	return p
}

func (p *proxy) carry(c net.Conn, to string) {
	defer func() { _ = c.Close() }()
	s, err := net.Dial("unix", to)
	if err != nil {
		return
	}
	var asked atomic.Bool // for a script: other answers are not lost
	go func() {
		defer func() { _ = s.Close() }()
		b := make([]byte, 1<<16)
		for {
			n, err := c.Read(b)
			asked.Store(strings.Contains(strings.ToLower(string(b[:n])), "evalsha"))
			if _, err2 := s.Write(b[:n]); err != nil || err2 != nil {
				return
			}
		}
	}()
	b := make([]byte, 1<<16)
	for {
		n, err := s.Read(b)
		if err != nil || asked.Load() && !strings.Contains(string(b[:n]), "NOSCRIPT") && p.cut.Add(-1) >= 0 {
			return
		}
		if _, err := c.Write(b[:n]); err != nil && !errors.Is(err, io.EOF) {
			return
		}
	}
}
