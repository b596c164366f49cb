package push

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"crier/push/seal"
)

// streams is what the usual push services take at once on a connection.
const streams = 100

// newBusy is a push service over HTTP/2 that behaves like one on a busy day: it
// answers some at once and some after a while, some before it has read them and
// some never, and tells the client to go away now and then.
func newBusy(t *testing.T) *httptest.Server {
	t.Helper()
	var n atomic.Int64
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/never" {
			<-r.Context().Done()
			return
		}
		n := n.Add(1)
		if n%7 > 0 { // else it is answered unread
			_, _ = io.Copy(io.Discard, r.Body) // what is cut short is answered all the same
		}
		if n%5 == 0 {
			wait := time.NewTimer(time.Duration(n%4) * time.Millisecond)
			<-wait.C
		}
		if n%5000 == 0 {
			w.Header().Set("Connection", "close") // GOAWAY
		}
		w.WriteHeader(http.StatusCreated)
	}))
	s.EnableHTTP2 = true
	s.Config.HTTP2 = &http.HTTP2Config{MaxConcurrentStreams: streams}
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}

// TestNoConnectionStalls makes as many requests as an hour has at 50 a second,
// with half, most and all of the streams of a connection in use. Runs were seen
// to hang with four fifths in use, on connections made by other means than
// these. Here every request is answered, in time, however many share a
// connection. (That we use about half is for the lanes' sake: what waits for a
// stream inside a connection cannot be overtaken.)
func TestNoConnectionStalls(t *testing.T) {
	const hour = 50 * 3600
	for _, inUse := range []int{streams / 2, 4 * streams / 5, streams} {
		s := newBusy(t)
		u, err := url.Parse(s.URL)
		if err != nil {
			t.Fatal(err)
		}
		hosts, err := ParseHosts([]string{u.Host})
		if err != nil {
			t.Fatal(err)
		}
		roots := x509.NewCertPool()
		roots.AddCert(s.Certificate())
		transport := newTransport(hosts, roots)
		c := &carousel{t: t, transport: transport, url: u}
		var all sync.WaitGroup
		began := time.Now()
		for range inUse {
			all.Go(func() {
				for n := c.sent.Add(1); n <= hour/3; n = c.sent.Add(1) {
					if n%200 == 0 {
						c.abandon()
					}
					c.send()
				}
			})
		}
		all.Wait()
		t.Logf("%d streams in use: %d answered in %v, the slowest after %v, %d again, on %d connections", inUse, c.answered.Load(), time.Since(began).Round(time.Millisecond),
			time.Duration(c.slowest.Load()).Round(time.Millisecond), c.again.Load(), c.dialled.Load())
		if n := c.answered.Load(); n != hour/3 {
			t.Errorf("%d streams in use: %d of %d were answered", inUse, n, hour/3)
		}
		if d := time.Duration(c.slowest.Load()); d > 5*time.Second {
			t.Errorf("%d streams in use: one was answered after %v", inUse, d)
		}
	}
}

// carousel makes requests over one connection, and over a new one where the
// service has closed it.
type carousel struct {
	t         *testing.T
	transport *http.Transport
	url       *url.URL

	mu sync.Mutex
	cc *http.ClientConn

	sent, answered, again, dialled, slowest atomic.Int64
}

// conn is the connection that takes requests.
func (c *carousel) conn() (*http.ClientConn, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cc == nil {
		cc, err := c.transport.NewClientConn(c.t.Context(), c.url.Scheme, c.url.Host)
		if err != nil {
			return nil, err
		}
		c.dialled.Add(1)
		c.cc = cc
	}
	return c.cc, nil
}

// drop has a new connection be made in place of one that has failed. What is
// under way on it may end.
func (c *carousel) drop(cc *http.ClientConn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cc == cc {
		c.cc = nil
	}
}

// abandon makes one request that is not answered, and gives it up.
func (c *carousel) abandon() {
	cc, err := c.conn()
	if err != nil {
		c.t.Error(err)
		return
	}
	ctx, cancel := context.WithTimeout(c.t.Context(), 10*time.Millisecond)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url.String()+"/never", strings.NewReader("x"))
	if err != nil {
		c.t.Error(err)
		return
	}
	resp, err := cc.RoundTrip(req)
	if err == nil {
		discard(resp)
		c.t.Errorf("what is never answered was: %s", resp.Status)
	} else if !errors.Is(err, context.DeadlineExceeded) {
		c.drop(cc)
	}
}

// send makes one request, again where the connection was closed before it.
func (c *carousel) send() {
	body := bytes.Repeat([]byte("x"), seal.Size)
	var last error
	for range 20 {
		cc, err := c.conn()
		if err != nil {
			c.t.Error(err)
			return
		}
		ctx, cancel := context.WithTimeout(c.t.Context(), 10*time.Second)
		began := time.Now()
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url.String()+"/"+strings.Repeat("p", 180), bytes.NewReader(body))
		if err != nil {
			c.t.Error(err)
		}
		resp, err := cc.RoundTrip(req)
		if err == nil {
			discard(resp)
			cancel()
			c.answered.Add(1)
			for took := int64(time.Since(began)); ; {
				most := c.slowest.Load()
				if took <= most || c.slowest.CompareAndSwap(most, took) {
					return
				}
			}
		}
		cancel()
		if errors.Is(err, context.DeadlineExceeded) {
			c.t.Errorf("no answer after %v: %v", time.Since(began), err)
			return
		}
		last = err
		c.drop(cc)
		c.again.Add(1)
	}
	c.t.Errorf("given up after 20 attempts: %v", last)
}
