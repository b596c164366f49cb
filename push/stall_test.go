package push

import (
	"crypto/ecdh"
	"crypto/rand"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"crier/news"
)

// streams is what the usual push services take at once on a connection.
const streams = 100

// Of how many requests one is answered in each of these ways.
const (
	oneNever  = 150 // not at all: it is given up
	oneReset  = 100 // its stream is reset
	oneGoAway = 250 // by a connection that is closed then
	oneUnread = 7   // before it has been read
	oneLater  = 5   // some milliseconds later
)

// busy is a push service over HTTP/2 that behaves like one on a busy day.
type busy struct {
	*httptest.Server
	came, open atomic.Int64 // requests; connections
}

func newBusy(t testing.TB) *busy {
	t.Helper()
	b := &busy{}
	b.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := b.came.Add(1)
		switch {
		case n%oneNever == 0:
			<-r.Context().Done()
			return
		case n%oneReset == oneReset/2:
			panic(http.ErrAbortHandler)
		case n%oneGoAway == oneGoAway/3:
			w.Header().Set("Connection", "close") // GOAWAY
		}
		if n%oneUnread > 0 {
			_, _ = io.Copy(io.Discard, r.Body) // what is cut short is answered all the same
		}
		if n%oneLater == 0 {
			wait := time.NewTimer(time.Duration(n%4) * time.Millisecond)
			<-wait.C
		}
		w.WriteHeader(http.StatusCreated)
	}))
	b.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		switch s {
		case http.StateNew:
			b.open.Add(1)
		case http.StateClosed:
			b.open.Add(-1)
		}
	}
	b.EnableHTTP2 = true
	b.Config.HTTP2 = &http.HTTP2Config{MaxConcurrentStreams: streams}
	b.StartTLS()
	t.Cleanup(b.Close)
	return b
}

// subscribers are n browsers of b.
func (b *busy) subscribers(t testing.TB, key, n int) []Subscription {
	t.Helper()
	private, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return times(n, func() Subscription {
		s := Subscription{Endpoint: b.URL + "/" + rand.Text(), Level: news.Urgent, Key: key}
		s.ID = EndpointID(s.Endpoint)
		copy(s.P256dh[:], private.PublicKey().Bytes())
		return s
	})
}

// TestNoConnectionStalls sends over our own connections, with half and with four
// fifths of their streams in use (where runs were seen to hang, on connections
// made by other means than these), until every delivery is accepted; what is
// reset, given up or lost with a connection is sent again, as a worker does.
//
// Ours hung for rests that one lost connection made ever longer, see
// TestManyFailuresAtOnceAreOneReasonToRest. A connection itself may stall for a
// place on it that is not given back, or for a ring that does not come, and that
// can only be at an event: an answer early, late or never, a reset, a connection
// that goes away. At 50 a second an hour has 180,000 requests; of real services
// one of some thousands is given up or reset, and a connection lasts for
// thousands: some 40 of each. Here as many events come in 6,000 requests. Between
// them only counts go up and down, and those are checked to be nought at the end.
// BenchmarkAnHour makes all 180,000.
func TestNoConnectionStalls(t *testing.T) {
	for _, fill := range []int{half, 80} {
		exchange(t, fill, 3_000)
	}
}

// BenchmarkAnHour is TestNoConnectionStalls with as many requests as an hour has.
func BenchmarkAnHour(b *testing.B) {
	for b.Loop() {
		exchange(b, 80, 180_000)
	}
}

// exchange makes so many deliveries on few connections.
func exchange(t testing.TB, fill, deliveries int) {
	const workers, page = 5, 100
	b := newBusy(t)
	keys, err := VAPID{}.Rotated()
	if err != nil {
		t.Fatal(err)
	}
	o := Options{AlertHosts: []string{b.Listener.Addr().String()}, Subject: "desk@news.example", RootCAs: x509.NewCertPool(),
		Conns: 1, RequestTimeout: time.Second / 2}
	o.RootCAs.AddCert(b.Certificate())
	w := newTask(t, keys, o)
	w.net.fill = fill
	subs := b.subscribers(t, keys.Newest(), page)
	var left, again atomic.Int64
	left.Store(int64(deliveries))
	var all sync.WaitGroup
	for range workers {
		all.Go(func() {
			worker := *w
			for left.Add(-page) >= 0 {
				for todo := subs; len(todo) > 0; {
					var next []Subscription
					for i, r := range sendAll(t, &worker, todo...) {
						switch r.fate {
						case accepted:
						case retry, unsent:
							next = append(next, todo[i])
						default:
							t.Errorf("%+v", r)
						}
					}
					again.Add(int64(len(next)))
					if len(next) == len(todo) {
						pauseFor(t.Context(), leastPutOff) // as the store has them due then
					}
					todo = next
				}
			}
		})
	}
	all.Wait()
	w.net.tasks.Wait()
	origin := w.net.origins[b.URL]
	origin.mu.Lock()
	defer origin.mu.Unlock()
	t.Logf("%d of 100 streams in use: %d requests for %d deliveries, %d again, %d naps", fill, b.came.Load(), deliveries, again.Load(), origin.naps)
	if origin.inflight != 0 || len(origin.queue) != 0 || origin.pace.line.ahead(0) != 0 {
		t.Errorf("%d in flight, %d queued, %d in line when all is over", origin.inflight, len(origin.queue), origin.pace.line.ahead(0))
	}
	for _, c := range origin.conns {
		if c.inflight != 0 || c.cc.InFlight() != 0 {
			t.Errorf("%d places of a connection were not given back, %d of its streams are in use", c.inflight, c.cc.InFlight())
		}
	}
	// Without rings, it would sleep whenever all places are taken, and they always are.
	if most := int(b.came.Load()) / fill / 3; origin.naps > most {
		t.Errorf("%d waits were ended by time alone, want at most %d", origin.naps, most)
	}
	for end := time.Now().Add(30 * time.Second); b.open.Load() > int64(len(origin.conns)); time.Sleep(time.Millisecond) { // until the news has come
		if time.Now().After(end) {
			t.Fatalf("%d connections are open, of which %d are known", b.open.Load(), len(origin.conns))
		}
	}
}
