package push_test

import (
	"errors"
	"maps"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"crier/news"
	"crier/push"
)

// TestDeadLetters: what a push service refuses is kept, told without endpoints,
// and attempted again when a chief asks for it, at most once each time.
func TestDeadLetters(t *testing.T) {
	var mended atomic.Bool
	refuse := func(w http.ResponseWriter, _ *http.Request) {
		if mended.Load() {
			w.WriteHeader(http.StatusCreated)
			return
		}
		w.WriteHeader(http.StatusRequestEntityTooLarge)
	}
	h := newHouse(t, map[string]http.HandlerFunc{"413": refuse, "400": push.Answer(400), "410": push.Answer(410)}, func(o *push.Options) { o.PageSize = 16 })
	h.stop()
	refused := h.subscribe(40, "413", nil)
	h.subscribe(10, "400", nil)
	h.subscribe(3, "410", nil)
	h.subscribe(200, "ok", nil)
	elsewhere := h.subscribe(1, "ok", func(s *push.Subscription) {
		s.Endpoint = strings.Replace(s.Endpoint, "https://127", "https://128", 1) // was named once
		s.ID = push.EndpointID(s.Endpoint)
	})
	h.start(func(o *push.Options) { o.PageSize = 16 })
	e := h.post(news.Post{})
	h.finished(e)
	item := e.Item.ID
	letters := func() push.Letters {
		t.Helper()
		l, err := h.svc.Letters(t.Context(), item, "", 1000)
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	l := letters()
	if want := map[string]int64{push.FailedTooLarge: 40, push.FailedRequest: 10, push.FailedAddress: 1}; !maps.Equal(l.Kept, want) || len(l.First) != 51 {
		t.Fatalf("%v are kept, and %d told; want %v", l.Kept, len(l.First), want)
	}
	host := h.sink.Server.Listener.Addr().String()
	for _, d := range l.First {
		status := map[string]int{push.FailedTooLarge: 413, push.FailedRequest: 400}[d.Reason]
		service := host
		if d.ID == elsewhere[0].ID {
			service = "other" // its host is not one we know
		}
		if d.Status != status || d.Service != service || time.Since(d.At) > time.Minute {
			t.Errorf("a dead letter: %+v", d)
		}
	}

	mended.Store(true)
	n, err := h.svc.Replay(t.Context(), item, push.FailedTooLarge)
	if err != nil || n != 40 {
		t.Fatalf("%d were replayed: %v", n, err)
	}
	if n, err := h.svc.Replay(t.Context(), item, push.FailedTooLarge); n != 0 || err != nil {
		t.Errorf("%d were replayed while they are under way: %v", n, err)
	}
	r := h.finished(e)
	if r.Tally.Accepted != 240 || r.Tally.Gone != 3 || r.Tally.Failed[push.FailedTooLarge] != 0 || r.Tally.Failed[push.FailedRequest] != 10 || r.Tally.Audience != 254 {
		t.Errorf("tally %+v", r.Tally)
	}
	for _, s := range refused {
		if got := h.sink.Got(s); len(got) != 2 || got[0].Topic != got[1].Topic || got[1].TTL > got[0].TTL {
			t.Errorf("for one that was refused came %+v", got)
		}
	}

	// All of the rest, which are refused again and are letters again.
	if n, err := h.svc.Replay(t.Context(), item, ""); n != 11 || err != nil {
		t.Errorf("%d of the rest were replayed: %v", n, err)
	}
	r = h.finished(e)
	if l := letters(); l.Kept[push.FailedRequest] != 10 || l.Kept[push.FailedAddress] != 1 || r.Tally.Failed[push.FailedRequest] != 10 {
		t.Errorf("refused again: %v kept, %v failed", l.Kept, r.Tally.Failed)
	}
	if _, err := h.svc.Replay(t.Context(), "nobody", ""); !errors.Is(err, push.ErrNoCampaign) {
		t.Errorf("a replay of no campaign: %v", err)
	}
}

// TestACorrectionGoesFirstToThoseReached: with a worker at a time, all whom the
// error had reached have the correction before the others have.
func TestACorrectionGoesFirstToThoseReached(t *testing.T) {
	const n = 6000 // four ranges
	h := newHouse(t, map[string]http.HandlerFunc{"slow": paced()}, nil)
	h.stop()
	subs := h.subscribe(n, "slow", nil)
	h.start(func(o *push.Options) { o.PageSize, o.Workers = 50, 4 })
	e := h.post(news.Post{Level: news.Bulletin})
	h.until("a third is sent", func() bool { return len(h.sink.Order()) >= n/3 })
	h.stop() // so that one worker at a time does the rest
	reached := map[push.ID]bool{}
	for _, s := range subs {
		if len(h.sink.Got(s)) > 0 {
			reached[s.ID] = true
		}
	}
	fix := h.revise(e, news.Revision{Kind: news.Withdrawn, Reason: "It did not happen."})
	h.start(func(o *push.Options) { o.PageSize, o.Workers = 50, 1 })
	r := h.finished(fix)
	if r.Tally.Accepted != n || len(reached) < n/3 || len(reached) > n*2/3 {
		t.Fatalf("the error reached %d, the correction %+v", len(reached), r.Tally)
	}
	var last time.Time // that one of them had it
	at := map[push.ID]time.Time{}
	for _, s := range subs {
		got := h.sink.Got(s)
		at[s.ID] = got[len(got)-1].At
		if reached[s.ID] && at[s.ID].After(last) {
			last = at[s.ID]
		}
	}
	early := 0
	for _, s := range subs {
		if !reached[s.ID] && at[s.ID].Before(last) {
			early++
		}
	}
	if early > 4*50 { // the pages that were under way may have been called back
		t.Errorf("%d whom the error had not reached had the correction before all whom it had", early)
	}
}

// TestEachAttemptSaysWhatRemains: the TTL of a retry is what remains of the
// deadline then, not what remained at first.
func TestEachAttemptSaysWhatRemains(t *testing.T) {
	h := newHouse(t, map[string]http.HandlerFunc{"later": firstThen(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", time.Now().Add(3*time.Second).UTC().Format(http.TimeFormat))
		w.WriteHeader(http.StatusServiceUnavailable)
	})}, nil)
	h.stop()
	s := h.subscribe(1, "later", nil)[0]
	h.start(nil)
	h.finished(h.post(news.Post{Level: news.Urgent}))
	got := h.sink.Got(s)
	if len(got) != 2 {
		t.Fatalf("got %+v", got)
	}
	passed := got[1].At.Sub(got[0].At)
	if less := got[0].TTL - got[1].TTL; passed < time.Second || less < passed-time.Second || less > passed+time.Second || got[0].TTL > 2*time.Hour {
		t.Errorf("%v after the first attempt the TTL is %v less: %v and %v", passed, less, got[0].TTL, got[1].TTL)
	}
}
