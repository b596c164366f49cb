package push

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"crier/news"
)

// newTask is a worker of a service without a store, at work on a campaign
// whose deadline is in an hour.
func newTask(t testing.TB, keys VAPID, o Options) *task {
	t.Helper()
	s, err := New(nil, nil, keys, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.net.close)
	c := payloadCampaign(news.Posted)
	c.Reach, c.Lane = news.Reach{Level: news.Bulletin}, 6
	c.OpenedAt = time.Now()
	c.Deadline = c.OpenedAt.Add(time.Hour)
	k := &task{Service: s, lease: Lease{Campaign: c}, turn: s.pages.begin(c), makeRoom: func() {}}
	if k.loud, err = payload(c, s.o.PublicURL, s.o.Icon, false); err != nil {
		t.Fatal(err)
	}
	if k.silent, err = payload(c, s.o.PublicURL, s.o.Icon, true); err != nil {
		t.Fatal(err)
	}
	return k
}

// sendAll makes an attempt for each and returns the results.
func sendAll(t testing.TB, k *task, subs ...Subscription) []outcome {
	t.Helper()
	p, _, err := k.send(t.Context(), t.Context(), deliveries(subs), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	<-p.done
	k.pages.leave(p)
	return p.results
}

func deliveries(subs []Subscription) []Delivery {
	ds := make([]Delivery, len(subs))
	for i, s := range subs {
		ds[i] = Delivery{Subscription: s}
	}
	return ds
}

func times(n int, f func() Subscription) []Subscription {
	subs := make([]Subscription, n)
	for i := range subs {
		subs[i] = f()
	}
	return subs
}

func TestAMessageArrivesAsItShould(t *testing.T) {
	for _, tls := range []bool{true, false} {
		k := NewSink(t, tls, nil)
		w := newTask(t, k.Keys, k.Options())
		loud, silent := k.Subscribe("ok"), k.Subscribe("ok")
		now := time.Now().UTC()
		from := now.Hour()*60 + now.Minute() + 24*60
		silent.Quiet = &Quiet{From: (from - 60) % (24 * 60), To: (from + 60) % (24 * 60)}
		for i, r := range sendAll(t, w, loud, silent) {
			if r.fate != accepted {
				t.Fatalf("TLS %v: delivery %d: %+v", tls, i, r)
			}
		}
		got := k.Got(loud)
		if len(got) != 1 || got[0].Text != string(w.loud) {
			t.Fatalf("TLS %v: got %+v", tls, got)
		}
		if got[0].TTL < 59*time.Minute || got[0].TTL > time.Hour || got[0].Topic != topic("harbour-bridge") || got[0].Urgency != "high" {
			t.Errorf("TLS %v: headers %+v", tls, got[0])
		}
		if got := k.Got(silent); len(got) != 1 || got[0].Text != string(w.silent) {
			t.Errorf("TLS %v: in quiet hours %+v", tls, got)
		}
	}
}

func TestAnswersBecomeOutcomes(t *testing.T) {
	codes := []int{200, 201, 204, 301, 307, 400, 401, 403, 404, 406, 410, 413, 429, 500, 503}
	answers := map[string]http.HandlerFunc{}
	for _, c := range codes {
		answers[fmt.Sprint(c)] = Answer(c)
	}
	answers["later"] = func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "17")
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	answers["reset"] = func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }
	for _, tls := range []bool{true, false} {
		k := NewSink(t, tls, answers)
		w := newTask(t, k.Keys, k.Options())
		var subs []Subscription
		for _, c := range codes {
			subs = append(subs, k.Subscribe(fmt.Sprint(c)))
		}
		results := sendAll(t, w, subs...)
		for i, c := range codes {
			want := judge(c, http.Header{}, results[i].at)
			if results[i] != want {
				t.Errorf("TLS %v: %d: %+v, want %+v", tls, c, results[i], want)
			}
		}
		if r := sendAll(t, w, k.Subscribe("reset"))[0]; r.fate != retry || r.answered {
			t.Errorf("TLS %v: reset: %+v", tls, r)
		}
		if r := sendAll(t, w, k.Subscribe("ok"))[0]; r.fate != accepted {
			t.Errorf("TLS %v: after a reset: %+v", tls, r)
		}
		if r := sendAll(t, w, k.Subscribe("later"))[0]; r.fate != throttled || r.after != 17*time.Second {
			t.Errorf("TLS %v: Retry-After: %+v", tls, r)
		}
	}
}

func TestARedirectIsNotFollowed(t *testing.T) {
	var visits atomic.Int64
	inside := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { visits.Add(1) }))
	defer inside.Close()
	k := NewSink(t, true, map[string]http.HandlerFunc{"away": func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, inside.URL, http.StatusTemporaryRedirect)
	}})
	w := newTask(t, k.Keys, k.Options())
	if r := sendAll(t, w, k.Subscribe("away"))[0]; r.fate != failed || r.reason != FailedRedirected {
		t.Errorf("outcome %+v", r)
	}
	status, err := w.greets.post(t.Context(), greetJob{k.Subscribe("away"), welcome})
	if err != nil || status != http.StatusTemporaryRedirect {
		t.Errorf("a greeting: %d, %v", status, err)
	}
	if n := visits.Load(); n != 0 {
		t.Errorf("it was followed %d times", n)
	}
}

func TestAnEndlessBodyIsCutOff(t *testing.T) {
	var wrote atomic.Int64
	k := NewSink(t, true, map[string]http.HandlerFunc{"flood": func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusCreated)
		chunk := make([]byte, 64<<10)
		for range 1 << 30 / len(chunk) {
			n, err := w.Write(chunk)
			wrote.Add(int64(n))
			if err != nil {
				return
			}
		}
	}})
	for _, plain := range []bool{false, true} {
		k, n := k, 256
		if plain { // what it sends is bounded by the kernel's buffers, and each costs a connection
			k, n = NewSink(t, false, k.Answers), 5
		}
		wrote.Store(0)
		w := newTask(t, k.Keys, k.Options())
		for i, r := range sendAll(t, w, times(n, func() Subscription { return k.Subscribe("flood") })...) {
			if r.fate != accepted {
				t.Errorf("plain %v: delivery %d: %+v", plain, i, r)
			}
		}
		w.net.tasks.Wait() // until the last is cut off
		// What a sink gets rid of is at most what we take: a window each, and what it
		// gathers itself. A full page of Go's own windows would be 1 GB.
		most := int64(n) * (streamWindow + maxAnswer + 64<<10)
		if plain {
			most = 64 << 20
		}
		if n := wrote.Load(); n > most {
			t.Errorf("plain %v: it got rid of %d bytes, want at most %d", plain, n, most)
		}
	}
}

// TestAnAnswerIsItsStatus: what comes slowly after it, or never, is not waited
// for, and keeps no stream from the others.
func TestAnAnswerIsItsStatus(t *testing.T) {
	for _, tls := range []bool{true, false} {
		n := 4 // where each is on a connection that is of no more use
		if tls {
			n = 40
		}
		var ended sync.WaitGroup
		k := NewSink(t, tls, map[string]http.HandlerFunc{"trickle": func(w http.ResponseWriter, r *http.Request) {
			ended.Add(1)
			defer ended.Done()
			w.WriteHeader(http.StatusCreated)
			for r.Context().Err() == nil {
				if _, err := w.Write([]byte("x")); err != nil || http.NewResponseController(w).Flush() != nil {
					return
				}
				time.Sleep(10 * time.Millisecond) // so slow is it
			}
		}})
		o := k.Options()
		o.RequestTimeout, o.Lease, o.Conns = time.Hour, 3*time.Hour, 2
		w := newTask(t, k.Keys, o)
		for i, r := range sendAll(t, w, times(n, func() Subscription { return k.Subscribe("trickle") })...) {
			if r.fate != accepted {
				t.Errorf("TLS %v: delivery %d: %+v", tls, i, r)
			}
		}
		ended.Wait() // all were cut off, though their time is not up
	}
}

func TestAPageIsCalledBack(t *testing.T) {
	for name, end := range map[string]func(w *task, p *page, cancel context.CancelFunc){
		"by a stop":     func(w *task, _ *page, cancel context.CancelFunc) { cancel() },
		"by correction": func(w *task, p *page, _ context.CancelFunc) { w.net.recall(p) },
	} {
		begun, finish := make(chan struct{}, 1000), make(chan struct{})
		k := NewSink(t, false, map[string]http.HandlerFunc{"slow": func(w http.ResponseWriter, _ *http.Request) {
			begun <- struct{}{}
			<-finish
			w.WriteHeader(http.StatusCreated)
		}})
		o := k.Options()
		o.Conns = 2
		w := newTask(t, k.Keys, o)
		ctx, cancel := context.WithCancel(t.Context())
		pages := make(chan *page)
		go func() {
			p, _, err := w.send(ctx, t.Context(), deliveries(times(50, func() Subscription { return k.Subscribe("slow") })), time.Now())
			if err != nil {
				t.Error(err)
			}
			pages <- p
		}()
		<-begun
		<-begun
		w.pages.mu.Lock()
		var p *page
		for p = range w.pages.pages {
		}
		w.pages.mu.Unlock()
		end(w, p, cancel)
		for p.pending.Load() > 2 { // what has not begun is settled at once
			time.Sleep(time.Millisecond)
		}
		close(finish)
		p = <-pages
		cancel()
		n := map[fate]int{}
		for _, r := range p.results {
			n[r.fate]++
		}
		if n[accepted] != 2 || n[unsent] != 48 {
			t.Errorf("%s: fates %v", name, n)
		}
		progress := p.count(slices.Repeat([]Voice{Loud}, 50), true, time.Now())
		if len(progress.Retries) != 48 || progress.Tally.Audience != 50 || progress.Tally.Accepted != 2 || progress.Tally.Retried != 0 {
			t.Errorf("%s: %d retries, tally %+v", name, len(progress.Retries), progress.Tally)
		}
		for _, r := range progress.Retries {
			if r.Attempts != 1 || r.Due.After(time.Now().Add(time.Second)) {
				t.Errorf("%s: %+v", name, r)
			}
		}
	}
}

func TestTheHigherLaneGoesFirst(t *testing.T) {
	begun, finish := make(chan struct{}, 1000), make(chan struct{})
	k := NewSink(t, false, map[string]http.HandlerFunc{"first": func(w http.ResponseWriter, _ *http.Request) {
		begun <- struct{}{}
		<-finish
		w.WriteHeader(http.StatusCreated)
	}})
	o := k.Options()
	o.Conns = 1
	w := newTask(t, k.Keys, o)
	sendPage := func(lane int, answer string, n int) chan []outcome {
		high := *w
		high.lease.Campaign.Lane = lane
		done := make(chan []outcome, 1)
		subs := times(n, func() Subscription { return k.Subscribe(answer) })
		go func() { done <- sendAll(t, &high, subs...) }()
		return done
	}
	queued := func(n int) {
		for {
			w.net.mu.Lock()
			o := w.net.origins[k.Server.URL]
			w.net.mu.Unlock()
			if o != nil {
				o.mu.Lock()
				have := len(o.queue)
				o.mu.Unlock()
				if have == n {
					return
				}
			}
			time.Sleep(time.Millisecond)
		}
	}
	first := sendPage(4, "first", 1)
	<-begun
	low := sendPage(4, "low", 20)
	queued(20)
	high := sendPage(9, "high", 20)
	queued(40)
	close(finish)
	<-first
	<-low
	<-high
	want := slices.Concat([]string{"first"}, slices.Repeat([]string{"high"}, 20), slices.Repeat([]string{"low"}, 20))
	if got := k.Order(); !slices.Equal(got, want) {
		t.Errorf("order %v", got)
	}
}
