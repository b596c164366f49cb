package push

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestSilenceIsBoundedAndTheConnectionReplaced(t *testing.T) {
	hang := make(chan struct{})
	defer close(hang)
	k := NewSink(t, true, map[string]http.HandlerFunc{"never": func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-hang:
		case <-r.Context().Done():
		}
	}})
	o := k.Options()
	o.RequestTimeout = 2 * time.Second
	w := newTask(t, k.Keys, o)
	if r := sendAll(t, w, k.Subscribe("ok"))[0]; r.fate != accepted {
		t.Fatalf("%+v", r)
	}
	start := time.Now()
	for i, r := range sendAll(t, w, times(5, func() Subscription { return k.Subscribe("never") })...) {
		if r.fate != retry || r.answered {
			t.Errorf("delivery %d: %+v", i, r)
		}
	}
	if d := time.Since(start); d < o.RequestTimeout || d > 10*o.RequestTimeout {
		t.Errorf("it took %v", d)
	}
	if r := sendAll(t, w, k.Subscribe("ok"))[0]; r.fate != accepted {
		t.Errorf("afterwards: %+v", r)
	}
	if k.dialled != 2 {
		t.Errorf("%d connections were made, want the first and its replacement", k.dialled)
	}
}

func TestConnectionsAndStreamsAreBounded(t *testing.T) {
	for _, tt := range []struct {
		tls            bool
		takes, streams int // what a connection takes, and what it may get
	}{{true, 40, 20}, {true, 250, 100}, {false, 0, 1}} {
		k := newSink(t, tt.tls, map[string]http.HandlerFunc{"slow": func(w http.ResponseWriter, _ *http.Request) {
			time.Sleep(5 * time.Millisecond) // what a push service takes
			w.WriteHeader(http.StatusCreated)
		}}, &http.HTTP2Config{MaxConcurrentStreams: tt.takes})
		o := k.Options()
		o.Conns = 3
		w := newTask(t, k.Keys, o)
		for i, r := range sendAll(t, w, times(600, func() Subscription { return k.Subscribe("slow") })...) {
			if r.fate != accepted && r.fate != unsent { // on a busy machine the line is too long for some
				t.Errorf("%+v: delivery %d: %+v", tt, i, r)
			}
		}
		if k.dialled > o.Conns {
			t.Errorf("%+v: %d connections", tt, k.dialled)
		}
		if k.mostAt > tt.streams {
			t.Errorf("%+v: %d requests at once on one connection", tt, k.mostAt)
		}
	}
}

func TestAnOriginThatIsDownHoldsUpNobody(t *testing.T) {
	down, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = down.Close()
	k := NewSink(t, true, nil)
	o := k.Options()
	o.AlertHosts = append(o.AlertHosts, down.Addr().String())
	w := newTask(t, k.Keys, o)
	dead := func() Subscription {
		s := k.Subscribe("ok")
		s.Endpoint = strings.Replace(s.Endpoint, k.Server.Listener.Addr().String(), down.Addr().String(), 1)
		return s
	}
	start := time.Now()
	for range 3 {
		results := sendAll(t, w, append(times(200, dead), times(5, func() Subscription { return k.Subscribe("ok") })...)...)
		for i, r := range results {
			want := unsent
			if i >= 200 {
				want = accepted
			}
			if r.fate != want || want == unsent && r.after <= 0 {
				t.Fatalf("delivery %d: %+v", i, r)
			}
		}
	}
	if d := time.Since(start); d > 15*time.Second {
		t.Errorf("three pages took %v", d)
	}
}

func TestAnAddressThatIsNotPublicIsRefusedWhenDialled(t *testing.T) {
	k := NewSink(t, true, nil)
	w := newTask(t, k.Keys, k.Options())
	w.net.transport = newTransport(Hosts{}, nil) // the name was allowed; where it leads is not
	for range 2 {
		for i, r := range sendAll(t, w, times(20, func() Subscription { return k.Subscribe("ok") })...) {
			if r.fate != unsent || r.after <= 0 { // it may lead elsewhere tomorrow: nobody is given up for it
				t.Errorf("delivery %d: %+v", i, r)
			}
		}
	}
	if k.dialled != 0 {
		t.Errorf("%d connections were made", k.dialled)
	}
	var log strings.Builder
	o := w.net.origins[k.Server.URL]
	w.net.logger = slog.New(slog.NewTextHandler(&log, nil))
	o.mu.Lock()
	o.unreachable(bare(errNotPublic), time.Now())
	o.mu.Unlock()
	if !strings.Contains(log.String(), errNotPublic.Error()) {
		t.Errorf("why is not told: %s", &log)
	}
	w.greets.client.Transport = w.net.transport
	if _, err := w.greets.post(t.Context(), greetJob{k.Subscribe("ok"), welcome}); !errors.Is(bare(err), errNotPublic) {
		t.Errorf("a greeting: %v", err)
	}
}

func TestConnectionsTheServiceClosesAreReplaced(t *testing.T) {
	k := NewSink(t, true, nil)
	w := newTask(t, k.Keys, k.Options())
	for range 3 {
		for i, r := range sendAll(t, w, times(100, func() Subscription { return k.Subscribe("ok") })...) {
			if r.fate != accepted {
				t.Fatalf("delivery %d: %+v", i, r)
			}
		}
		k.Server.CloseClientConnections()
		o := w.net.origins[k.Server.URL]
		for gone := false; !gone; { // until the news has come
			o.mu.Lock()
			gone = !slices.ContainsFunc(o.conns, func(c *conn) bool { return c.cc.Err() == nil })
			o.mu.Unlock()
			time.Sleep(time.Millisecond)
		}
	}
}

func TestManyFailuresAtOnceAreOneReasonToRest(t *testing.T) {
	o := &origin{}
	now := time.Now()
	for range 100 { // all that was under way when a connection broke
		o.failed(now.Add(-time.Second), now)
	}
	if d := o.rest.Sub(now); d != firstRest {
		t.Errorf("a broken connection: rests %v", d)
	}
	for range 100 { // and what had its turn after that
		now = now.Add(time.Millisecond)
		o.failed(now, now)
	}
	if o.rests != 1 || o.rest.Sub(now) > firstRest {
		t.Errorf("after what had its turn late: %d rests, %v", o.rests, o.rest.Sub(now))
	}
	for want := 2 * firstRest; want < lastRest; want *= 2 {
		now = o.rest
		o.failed(now, now)
		if d := o.rest.Sub(now); d != want {
			t.Errorf("rests %v, want %v", d, want)
		}
	}
	for range 20 {
		now = o.rest
		o.failed(now, now)
	}
	if d := o.rest.Sub(now); d != lastRest {
		t.Errorf("at last it rests %v", d)
	}
}

// TestALostConnectionIsOneFailure: all that is on a connection is lost with it. The
// service is well, as the next connection shows at once.
func TestALostConnectionIsOneFailure(t *testing.T) {
	const many = 4 * patience
	var k *Sink
	var came atomic.Int64
	k = NewSink(t, true, map[string]http.HandlerFunc{"lost": func(_ http.ResponseWriter, r *http.Request) {
		if came.Add(1) == many {
			go k.Server.CloseClientConnections()
		}
		<-r.Context().Done()
	}})
	o := k.Options()
	o.Conns = 1
	w := newTask(t, k.Keys, o)
	ok := func() Subscription { return k.Subscribe("ok") }
	sendAll(t, w, ok()) // so that the connection is given more than a few
	for i, r := range sendAll(t, w, times(many, func() Subscription { return k.Subscribe("lost") })...) {
		if r.fate != retry || r.timedOut {
			t.Fatalf("delivery %d: %+v", i, r)
		}
	}
	origin := w.net.origins[k.Server.URL]
	origin.mu.Lock()
	failures, rests := origin.failures, origin.rests
	origin.mu.Unlock()
	if failures >= patience || rests != 0 {
		t.Errorf("one connection made for %d failures and %d rests", failures, rests)
	}
	if r := sendAll(t, w, ok())[0]; r.fate != accepted {
		t.Errorf("afterwards: %+v", r)
	}
}

// TestWhatADeviceSaysAgainSlowsNobodyDown: only who had not been refused before
// tells of the rate.
func TestWhatADeviceSaysAgainSlowsNobodyDown(t *testing.T) {
	for attempts, slower := range map[int]bool{0: true, 1: true, 2: false, 5: false} {
		k := NewSink(t, true, map[string]http.HandlerFunc{"429": Answer(http.StatusTooManyRequests)})
		w := newTask(t, k.Keys, k.Options())
		ds := deliveries(times(20, func() Subscription { return k.Subscribe("429") }))
		for i := range ds {
			ds[i].Attempts = attempts
		}
		p, _, err := w.send(t.Context(), t.Context(), ds, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		<-p.done
		for _, rate := range w.net.rates() {
			if rate < firstRate != slower {
				t.Errorf("refused after %d attempts: the rate is %v", attempts, rate)
			}
		}
	}
}

// patientStore takes its time over a checkpoint.
type patientStore struct {
	Store
	takes time.Duration
	calls int
}

func (s *patientStore) Checkpoint(ctx context.Context, _ Lease, _ Progress) (State, error) {
	s.calls++
	select {
	case <-time.After(s.takes):
		return State{}, nil
	case <-ctx.Done():
		return State{}, ctx.Err()
	}
}

// TestACheckpointHasAsLongAsItsLease, and as long as there is grace when we are
// stopping.
func TestACheckpointHasAsLongAsItsLease(t *testing.T) {
	keys := testKeys(t)
	for _, c := range []struct {
		takes, stopsAfter, ends time.Duration
		written                 bool
	}{
		{50 * time.Second, time.Hour, 50 * time.Second, true},
		{50 * time.Second, 10 * time.Second, 13 * time.Second, false},
		{12 * time.Second, 10 * time.Second, 12 * time.Second, true},
	} {
		synctest.Test(t, func(t *testing.T) {
			w := newTask(t, keys, Options{Lease: time.Minute, Grace: 3 * time.Second})
			s := &patientStore{takes: c.takes}
			w.store, w.lease.Ends = s, time.Now().Add(time.Minute)
			ctx, cancel := context.WithTimeout(t.Context(), c.stopsAfter)
			defer cancel()
			start := time.Now()
			_, err := w.checkpoint(ctx, Progress{})
			if d := time.Since(start); d != c.ends || (err == nil) != c.written || s.calls != 1 {
				t.Errorf("%+v: over after %v and %d calls: %v", c, d, s.calls, err)
			}
		})
	}
}
