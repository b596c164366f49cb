package browsertest

import (
	"io"
	"log"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"sync"
	"testing"
)

// Proxy is the network between a page and a server: a reverse proxy that can
// be cut like a cable and that can refuse requests like a firewall.
type Proxy struct {
	// URL is where the server is reached through the proxy.
	URL string

	mu     sync.Mutex
	cut    bool
	refuse func(*http.Request) bool
	last   string // method and path of the request whose answer is the last thing that does not get through
	conns  map[net.Conn]struct{}
	seen   []string
}

// StartProxy puts a proxy before the server at target for the time of the test.
func StartProxy(t testing.TB, target string) *Proxy {
	t.Helper()
	to, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	p := &Proxy{conns: map[net.Conn]struct{}{}}
	forward := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(to)
			r.Out.Host = r.In.Host // the server sees the origin that the page sees
		},
		ModifyResponse: func(r *http.Response) error {
			if p.isLast(r.Request) {
				p.Cut()
			}
			return nil
		},
		// That connections break is what this proxy is for.
		ErrorLog: log.New(io.Discard, "", 0),
	}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if p.admit(r) {
			forward.ServeHTTP(w, r)
			return
		}
		http.Error(w, "refused by the proxy", http.StatusForbidden)
	}))
	server.Config.ErrorLog = forward.ErrorLog
	server.Listener = &listener{server.Listener, p}
	server.Start()
	p.URL = server.URL
	t.Cleanup(server.Close)
	t.Cleanup(p.Cut) // an open stream would keep the server from closing
	return p
}

// Cut breaks every connection and every new one, until Mend.
func (p *Proxy) Cut() {
	p.mu.Lock()
	p.cut = true
	conns := slices.Collect(maps.Keys(p.conns))
	p.mu.Unlock()
	for _, c := range conns {
		reset(c)
	}
}

// CutAfter cuts when the server has answered the next request of the method
// and path, before the answer gets through: the server has done what was
// asked, and the page cannot know.
func (p *Proxy) CutAfter(method, path string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.last = method + " " + path
}

func (p *Proxy) isLast(r *http.Request) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	is := p.last == r.Method+" "+r.URL.Path
	if is {
		p.last = ""
	}
	return is
}

// Mend lets connections through again.
func (p *Proxy) Mend() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cut = false
}

// Refuse answers requests that f names with 403 and breaks the connections
// that stand. An f of nil refuses none.
func (p *Proxy) Refuse(f func(*http.Request) bool) {
	p.mu.Lock()
	p.refuse = f
	conns := slices.Collect(maps.Keys(p.conns))
	p.mu.Unlock()
	for _, c := range conns {
		reset(c)
	}
}

// Requests is the method and path of every request so far, refused ones too.
func (p *Proxy) Requests() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.seen)
}

func (p *Proxy) admit(r *http.Request) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.seen = append(p.seen, r.Method+" "+r.URL.Path)
	return p.refuse == nil || !p.refuse(r)
}

// listener hands its connections to the proxy.
type listener struct {
	net.Listener
	proxy *Proxy
}

// Accept is a connection that the proxy can break.
func (l *listener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if l.proxy.add(c) {
			return &conn{c, l.proxy}, nil
		}
		reset(c)
	}
}

// add keeps c, unless the proxy is cut.
func (p *Proxy) add(c net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.cut {
		p.conns[c] = struct{}{}
	}
	return !p.cut
}

type conn struct {
	net.Conn
	proxy *Proxy
}

// Close forgets the connection.
func (c *conn) Close() error {
	c.proxy.mu.Lock()
	delete(c.proxy.conns, c.Conn)
	c.proxy.mu.Unlock()
	return c.Conn.Close()
}

// reset breaks a connection without a goodbye.
func reset(c net.Conn) {
	if tcp, ok := c.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // it may have been closed by the other side
	}
	_ = c.Close()
}
