package redistest

import (
	"bufio"
	"context"
	"crypto/sha1"
	"encoding/hex"
	"io"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// Proxy is the way to a server: it passes commands and answers on, one by one,
// and can be told to do so badly. It speaks what clients of today do, RESP3.
type Proxy struct {
	to   string
	path string

	mu      sync.Mutex
	watch   func(Call, []byte) bool
	delay   time.Duration
	rate    int           // bytes a second; 0 for no bound
	held    chan struct{} // closed when held no longer; nil if not held
	scripts map[string]string
	conns   map[net.Conn]struct{}
}

// Call is a command on its way to the server.
type Call struct {
	Args   []string // the command and its arguments
	Script string   // the text of the script it runs; "" if none, or if it has not come by here
}

// StartProxy puts a proxy before s for the time of the test.
func StartProxy(t testing.TB, s *Server) *Proxy {
	t.Helper()
	p := &Proxy{to: filepath.Join(s.home, "s"), path: filepath.Join(newHome(t), "p"), scripts: map[string]string{}, conns: map[net.Conn]struct{}{}}
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
			running.Go(func() { p.carry(c) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		p.Watch(nil)
		p.Hold()()
		p.Cut()
		running.Wait()
	})
	return p
}

// URL is the proxy's address.
func (p *Proxy) URL() string { return "unix://" + p.path }

// Watch has f called with each command before it goes out, with a nil answer,
// and with each answer before it goes back. Its connection waits for f, and is
// cut there if f returns false. An f of nil watches no more.
func (p *Proxy) Watch(f func(c Call, answer []byte) bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.watch = f
}

// Slow makes everything wait on its way, and lets only so many bytes a second
// through on each connection; zero is no wait and no bound.
func (p *Proxy) Slow(delay time.Duration, rate int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.delay, p.rate = delay, rate
}

// Hold holds everything up, without cutting a connection, until release.
func (p *Proxy) Hold() (release func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.held == nil {
		p.held = make(chan struct{})
	}
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.held != nil {
			close(p.held)
			p.held = nil
		}
	}
}

// Cut cuts every connection that stands.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		_ = c.Close() // its goroutines find out
	}
}

// add registers the connection's two ends.
func (p *Proxy) add(cs ...net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range cs {
		p.conns[c] = struct{}{}
	}
}

func (p *Proxy) drop(cs ...net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range cs {
		delete(p.conns, c)
		_ = c.Close() // to end the other direction too
	}
}

// carry serves a client until either end has gone.
func (p *Proxy) carry(client net.Conn) {
	server, err := (&net.Dialer{}).DialContext(context.Background(), "unix", p.to)
	if err != nil {
		_ = client.Close()
		return
	}
	p.add(client, server)
	defer p.drop(client, server)
	w := &way{proxy: p}
	var both sync.WaitGroup
	both.Go(func() {
		defer p.drop(client, server)
		w.forward(server, client, w.asked)
	})
	w.forward(client, server, w.answered)
	p.drop(client, server)
	both.Wait()
}

// way is one connection: the commands on it that have no answer yet.
type way struct {
	proxy *Proxy
	mu    sync.Mutex
	calls []Call
}

// forward passes values from one end to the other until pass says no or an end
// has gone.
func (w *way) forward(to io.Writer, from io.Reader, pass func([]byte) bool) {
	in, out := bufio.NewReaderSize(from, 1<<16), bufio.NewWriterSize(to, 1<<16)
	for {
		b, err := readValue(in, nil)
		if err != nil || !pass(b) {
			return
		}
		w.proxy.linger(len(b))
		if _, err := out.Write(b); err != nil {
			return
		}
		if in.Buffered() == 0 {
			if err := out.Flush(); err != nil {
				return
			}
		}
	}
}

// asked is a command's leave to go out.
func (w *way) asked(b []byte) bool {
	c := Call{Args: words(b)}
	if len(c.Args) == 0 {
		return false // no command: nothing that a client would send
	}
	name := strings.ToUpper(c.Args[0])
	c.Script = w.proxy.script(name, c.Args)
	if !strings.HasSuffix(name, "SUBSCRIBE") { // those are answered out of band
		w.mu.Lock()
		w.calls = append(w.calls, c)
		w.mu.Unlock()
	}
	return w.proxy.let(c, nil)
}

// answered is an answer's leave to go back.
func (w *way) answered(b []byte) bool {
	if b[0] == '>' { // out of band
		return true
	}
	w.mu.Lock()
	if len(w.calls) == 0 {
		w.mu.Unlock()
		return true
	}
	c := w.calls[0]
	w.calls = slices.Delete(w.calls, 0, 1)
	w.mu.Unlock()
	return w.proxy.let(c, b)
}

func (p *Proxy) let(c Call, answer []byte) bool {
	p.mu.Lock()
	watch := p.watch
	p.mu.Unlock()
	return watch == nil || watch(c, answer)
}

// linger waits as long as so many bytes take.
func (p *Proxy) linger(n int) {
	p.mu.Lock()
	held, wait := p.held, p.delay
	if p.rate > 0 {
		wait += time.Duration(n) * time.Second / time.Duration(p.rate)
	}
	p.mu.Unlock()
	if held != nil {
		<-held
	}
	if wait > 0 {
		<-time.After(wait)
	}
}

// script is the text of what a command runs. Scripts are known by their sums
// once their texts have come by.
func (p *Proxy) script(name string, args []string) string {
	if len(args) < 2 {
		return ""
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	switch name {
	case "EVAL":
		sum := sha1.Sum([]byte(args[1])) // Redis's name for it
		p.scripts[hex.EncodeToString(sum[:])] = args[1]
		return args[1]
	case "EVALSHA":
		return p.scripts[args[1]]
	}
	return ""
}
