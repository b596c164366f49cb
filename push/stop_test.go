package push_test

import (
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"crier/news"
	"crier/push"
)

// paced answers n requests a millisecond or so, so that a campaign lasts.
func paced() http.HandlerFunc {
	gate := make(chan struct{}, 4)
	return func(w http.ResponseWriter, _ *http.Request) {
		gate <- struct{}{}
		time.Sleep(2 * time.Millisecond) // what a slow push service takes
		<-gate
		w.WriteHeader(http.StatusCreated)
	}
}

func TestStopAndResume(t *testing.T) {
	h := newHouse(t, map[string]http.HandlerFunc{"slow": paced()}, func(o *push.Options) { o.PageSize = 500 })
	subs := h.subscribe(1000, "slow", nil)
	e := h.post(news.Post{})
	h.until("a hundred are sent", func() bool { return len(h.sink.Order()) >= 100 })
	if err := h.svc.Stop(t.Context(), push.Stop{By: "k1", Reason: "wrong photo", At: time.Now()}); err != nil {
		t.Fatal(err)
	}
	id := news.Cursor{Epoch: h.epoch(), Offset: e.Offset}.String()
	var sent int
	h.until("what was under way has ended", func() bool {
		sent = len(h.sink.Order())
		return int(h.spy.tally(id).Accepted) == sent
	})
	if sent >= 900 {
		t.Fatalf("%d were sent before it stopped", sent)
	}
	if err := h.svc.Resume(t.Context()); err != nil {
		t.Fatal(err)
	}
	if r := h.finished(e); r.Tally.Accepted != 1000 || r.Tally.Retried != 0 {
		t.Errorf("tally %+v", r.Tally)
	}
	for _, s := range subs {
		if n := len(h.sink.Got(s)); n != 1 {
			t.Errorf("%d messages for one subscription", n)
		}
	}
}

func TestAWithdrawalCancelsWhatIsUnsent(t *testing.T) {
	h := newHouse(t, map[string]http.HandlerFunc{"slow": paced()}, nil)
	subs := h.subscribe(1000, "slow", nil)
	e := h.post(news.Post{Level: news.Bulletin})
	h.until("a hundred are sent", func() bool { return len(h.sink.Order()) >= 100 })
	w := h.revise(e, news.Revision{Kind: news.Withdrawn, Reason: "It was an exercise."})
	r := h.finished(w)
	if r.Tally.Accepted != 1000 || r.Tally.Audience != 1000 {
		t.Errorf("the withdrawal's tally %+v", r.Tally)
	}
	id := news.Cursor{Epoch: h.epoch(), Offset: e.Offset}.String()
	h.until("the error's account closes", func() bool { old := h.spy.tally(id); return old.Audience == 1000 && old.Queued() == 0 })
	old := h.spy.tally(id)
	told := 0
	for _, s := range subs {
		got := h.sink.Got(s)
		if n := len(got); n == 2 {
			told++
		}
		if last := got[len(got)-1]; !strings.Contains(last.Text, "Withdrawn: ") || strings.Contains(last.Text, "bridge closed") {
			t.Errorf("the last word is %q", last.Text)
		}
	}
	if old.Accepted != int64(told) || old.Cancelled != int64(1000-told) || told >= 900 {
		t.Errorf("%d were told the error; its tally is %+v", told, old)
	}
	if c := r.Campaign; c.Lane <= 2*news.Bulletin.Rank() || c.Deadline.Before(e.Item.PostedAt.Add(4*time.Hour)) {
		t.Errorf("lane %d, deadline %v", c.Lane, c.Deadline)
	}
}

// A push service that takes its time over the error must not get it after the
// correction: the device would show what came last.
func TestTheCorrectionIsTheLastWord(t *testing.T) {
	var arrived atomic.Int64
	h := newHouse(t, map[string]http.HandlerFunc{"slow": firstThen(func(w http.ResponseWriter, _ *http.Request) {
		arrived.Add(1)
		time.Sleep(300 * time.Millisecond) // what it takes over the error
		w.WriteHeader(http.StatusCreated)
	})}, nil)
	subs := h.subscribe(120, "slow", nil)
	e := h.post(news.Post{Level: news.Bulletin})
	h.until("some are on their way", func() bool { return arrived.Load() >= 50 })
	headline := "Harbour bridge open"
	c := h.revise(e, news.Revision{Kind: news.Corrected, Headline: &headline, Reason: "It was another bridge."})
	if r := h.finished(c); r.Tally.Accepted != 120 {
		t.Errorf("tally %+v", r.Tally)
	}
	for _, s := range subs {
		got := h.sink.Got(s)
		if last := got[len(got)-1]; !strings.Contains(last.Text, "Correction: ") {
			t.Errorf("of %d the last word is %q", len(got), last.Text)
		}
	}
}

func TestACrashRepeatsAtMostOnePageAWorker(t *testing.T) {
	const page, workers = 32, 3
	tune := func(o *push.Options) {
		o.PageSize, o.Workers = page, workers
		o.RequestTimeout, o.Lease, o.Grace = time.Second, 3*time.Second, 300*time.Millisecond
	}
	h := newHouse(t, map[string]http.HandlerFunc{"slow": paced()}, tune)
	h.stop()
	subs := h.subscribe(2500, "slow", nil) // more than one range's worth
	h.start(tune)
	h.spy.mu.Lock()
	h.spy.crashAt = 20
	h.spy.mu.Unlock()
	e := h.post(news.Post{})
	h.until("the power is lost", func() bool { h.spy.mu.Lock(); defer h.spy.mu.Unlock(); return h.spy.n > h.spy.crashAt })
	h.stop()
	before := len(h.sink.Order())
	if before >= 2000 {
		t.Fatalf("%d were sent before the crash", before)
	}
	h.start(tune)
	r := h.finished(e)
	if r.Tally.Accepted != 2500 || r.Tally.Audience != 2500 {
		t.Errorf("tally %+v", r.Tally)
	}
	repeats := -int(r.Tally.Retried) // on a machine that is busy a request may time out
	for _, s := range subs {
		n := len(h.sink.Got(s))
		if n == 0 {
			t.Error("one is missed")
		}
		repeats += n - 1
	}
	if repeats > page*workers {
		t.Errorf("%d repeats after %d were sent", repeats, before)
	}
}

func TestStoppingDoesNotWaitForWhoNeverAnswers(t *testing.T) {
	mute, err := net.Listen("tcp", "127.0.0.1:0") // connects, and never shakes hands
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = mute.Close() }()
	h := newHouse(t, nil, func(o *push.Options) {
		o.Grace = 200 * time.Millisecond
		o.AlertHosts = append(o.AlertHosts, mute.Addr().String())
	})
	h.subscribe(5, "ok", func(s *push.Subscription) {
		s.Endpoint = "https://" + mute.Addr().String() + "/" + s.ID.String()
		s.ID = push.EndpointID(s.Endpoint)
	})
	h.post(news.Post{})
	c, err := mute.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	start := time.Now()
	h.stop()
	if d := time.Since(start); d > 4*time.Second { // a handshake that is waited for takes five
		t.Errorf("it took %v", d)
	}
}
