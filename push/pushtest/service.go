package pushtest

import (
	"context"
	"crypto/rand"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// endpointPath is where endpoints are, as at Mozilla's service.
const endpointPath = "/wpush/v2/"

// Kept is how many of the last requests and acks a Service remembers, so that
// a load test does not fill the memory.
const Kept = 1000

// Service is a push service: an [http.Handler] with browsers' WebSockets at /
// and senders' endpoints below.
type Service struct {
	origin string
	mux    *http.ServeMux
	tokens sync.Map       // VAPID credentials found good, to when they expire
	serves sync.WaitGroup // browsers' connections

	mu       sync.Mutex
	changed  chan struct{} // closed and made anew at every change
	closed   bool
	browsers map[string]*browser // by UAID
	channels map[string]*channel // by the token in the endpoint
	conns    map[*websocket.Conn]struct{}
	failures []failure
	seen     Seen
}

// channel is a subscription.
type channel struct {
	id      string
	browser *browser // nil for one that Subscribe made
	key     []byte   // the application server's public key it is restricted to; nil for any
	gone    bool     // dropped or unregistered: remembered, as a sender is to hear 410 and not 404
}

// failure is an answer to come.
type failure struct {
	times      int
	status     int
	retryAfter time.Duration
}

// Seen is what a service has seen. It shares no memory with the service.
type Seen struct {
	Connected     int           // browsers with a connection now
	Subscriptions int           // standing now
	Statuses      map[int]int64 // how many requests got each answer
	Requests      []Request     // the last ones, at most Kept
	Acks          []Ack         // the last ones, at most Kept
}

// Request is a sender's request and what it was answered.
type Request struct {
	Endpoint string
	Header   http.Header
	Body     []byte
	Status   int
	Problem  string // why it was refused; "" if it was accepted
}

// Ack is a browser's word on a message.
type Ack struct {
	Endpoint string
	Code     int // 100 delivered, 101 decryption failed, 102 not delivered, 301–303 the service worker failed
}

// Delivered is the [Ack] code of a message that the service worker took.
const Delivered = 100

// New makes a service that is reached at origin, such as
// "http://127.0.0.1:8081".
func New(origin string) *Service {
	s := &Service{
		origin:   origin,
		mux:      http.NewServeMux(),
		changed:  make(chan struct{}),
		browsers: map[string]*browser{},
		channels: map[string]*channel{},
		conns:    map[*websocket.Conn]struct{}{},
		seen:     Seen{Statuses: map[int]int64{}},
	}
	s.mux.HandleFunc("GET /{$}", s.serveBrowser)
	s.mux.HandleFunc("POST "+endpointPath+"{token}", s.servePost)
	return s
}

// Start runs a service on loopback for the time of the test.
func Start(t testing.TB) *Service {
	t.Helper()
	server := httptest.NewUnstartedServer(nil)
	s := New("http://" + server.Listener.Addr().String())
	server.Config.Handler = s
	server.Start()
	t.Cleanup(server.Close)
	t.Cleanup(s.Close)
	return s
}

// Close ends all browsers' connections and waits until they are. What it has
// seen stays readable.
func (s *Service) Close() {
	s.mu.Lock()
	s.closed = true
	conns := slices.Collect(maps.Keys(s.conns))
	s.mu.Unlock()
	for _, c := range conns {
		_ = c.CloseNow() // it may have ended by itself
	}
	s.serves.Wait()
}

// ServeHTTP serves browsers and senders.
func (s *Service) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

// Host is the service's host and port.
func (s *Service) Host() string { return s.origin[strings.Index(s.origin, "//")+2:] }

// BrowserURL is what browsers connect to.
func (s *Service) BrowserURL() string { return "ws" + strings.TrimPrefix(s.origin, "http") + "/" }

// Subscribe makes a subscription that nobody listens to and returns its
// endpoint. If key is not nil, only the application server with that public
// key, an uncompressed point on P-256, may send to it.
func (s *Service) Subscribe(key []byte) (endpoint string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.endpoint(s.addChannel(&channel{key: key}))
}

// Drop forgets a subscription, as a push service does when a browser was
// uninstalled: senders get 410 from now on, and the browser is not told.
func (s *Service) Drop(endpoint string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if token, ok := strings.CutPrefix(endpoint, s.origin+endpointPath); ok && s.channels[token] != nil {
		s.dropChannel(s.channels[token])
	}
}

// Fail answers the next times requests with status, and with Retry-After if
// retryAfter is not 0. Calls add up in order.
func (s *Service) Fail(times, status int, retryAfter time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failures = append(s.failures, failure{times, status, retryAfter})
}

// Seen is what the service has seen so far.
func (s *Service) Seen() Seen {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.snapshot()
}

// Wait waits until cond holds for what the service has seen and returns that.
// The error is ctx's.
func (s *Service) Wait(ctx context.Context, cond func(Seen) bool) (Seen, error) {
	for {
		s.mu.Lock()
		seen, changed := s.snapshot(), s.changed
		s.mu.Unlock()
		if cond(seen) {
			return seen, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return seen, ctx.Err()
		}
	}
}

// snapshot is s.seen for others. The lock is held.
func (s *Service) snapshot() Seen {
	seen := s.seen
	seen.Statuses = maps.Clone(seen.Statuses)
	seen.Requests = slices.Clone(seen.Requests)
	for i := range seen.Requests {
		seen.Requests[i].Header = seen.Requests[i].Header.Clone()
		seen.Requests[i].Body = slices.Clone(seen.Requests[i].Body)
	}
	seen.Acks = slices.Clone(seen.Acks)
	return seen
}

// change wakes those who Wait. The lock is held.
func (s *Service) change() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// addChannel makes c standing and returns the token of its endpoint. The lock
// is held.
func (s *Service) addChannel(c *channel) (token string) {
	token = rand.Text()
	s.channels[token] = c
	s.seen.Subscriptions++
	s.change()
	return token
}

// dropChannel makes c gone. The lock is held.
func (s *Service) dropChannel(c *channel) {
	if c.gone {
		return
	}
	c.gone = true
	if c.browser != nil {
		c.browser.forget(c)
	}
	s.seen.Subscriptions--
	s.change()
}

func (s *Service) endpoint(token string) string { return s.origin + endpointPath + token }

// keep appends to a list of the last Kept.
func keep[T any](list []T, v T) []T {
	if len(list) == Kept {
		list = slices.Delete(list, 0, 1)
	}
	return append(list, v)
}
