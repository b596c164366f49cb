package push_test

import (
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"crier/news"
	"crier/push"
)

// TestSlowAnswersHoldUpNobody: of every page one is not answered at first. All
// others are sent at once all the same, and those are sent again and no other.
func TestSlowAnswersHoldUpNobody(t *testing.T) {
	never := firstThen(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	h := newHouse(t, map[string]http.HandlerFunc{"never": never}, nil)
	h.stop()
	quick := h.subscribe(350, "ok", nil)
	slow := h.subscribe(10, "never", nil)
	h.start(func(o *push.Options) { o.PageSize, o.Workers, o.RequestTimeout = 32, 1, 3*time.Second })
	e := h.post(news.Post{})
	posted := time.Now()
	r := h.finished(e)
	if r.Tally.Audience != 360 || r.Tally.Accepted != 360 || r.Tally.Retried != 10 {
		t.Errorf("tally %+v", r.Tally)
	}
	for _, s := range quick {
		got := h.sink.Got(s)
		if len(got) != 1 {
			t.Errorf("%d messages for one that was answered", len(got))
		} else if d := got[0].At.Sub(posted); d > 12*time.Second { // 12 pages, most with a slow one, would take 36 s
			t.Errorf("one waited for %v", d)
		}
	}
	for _, s := range slow {
		if n := len(h.sink.Got(s)); n != 2 {
			t.Errorf("%d messages for one that was not answered at first", n)
		}
	}
}

// TestACrashRepeatsWhatIsLateOnly: who had no answer when the power went gets
// one more message when it must have come, and who had one gets none.
func TestACrashRepeatsWhatIsLateOnly(t *testing.T) {
	never := firstThen(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	tune := func(o *push.Options) {
		o.RequestTimeout, o.Lease, o.Grace = 2*time.Second, 6*time.Second, 100*time.Millisecond
	}
	h := newHouse(t, map[string]http.HandlerFunc{"never": never}, nil)
	h.stop()
	quick, slow := h.subscribe(100, "ok", nil), h.subscribe(5, "never", nil)
	h.start(tune)
	h.spy.mu.Lock()
	h.spy.crashAt = 1 // after the first page is written, in which five are late
	h.spy.mu.Unlock()
	e := h.post(news.Post{})
	h.until("the power is lost", func() bool { h.spy.mu.Lock(); defer h.spy.mu.Unlock(); return h.spy.n > 1 })
	h.spy.mu.Lock()
	late := h.spy.putOff
	h.spy.mu.Unlock()
	h.stop()
	h.start(tune)
	r := h.finished(e)
	if r.Tally.Audience != 105 || r.Tally.Accepted != 105 {
		t.Errorf("tally %+v", r.Tally)
	}
	for _, s := range quick { // a machine that is busy may have more who are late
		if n := len(h.sink.Got(s)); n != 1 && !late[s.ID] {
			t.Errorf("%d messages for one that was not late", n)
		}
	}
	for _, s := range slow {
		if n := len(h.sink.Got(s)); n != 2 {
			t.Errorf("%d messages for one that was late", n)
		}
	}
}

// gated answers the first request for each path when open is closed, and later
// ones at once.
func gated(open <-chan struct{}) http.HandlerFunc {
	return firstThen(func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-open:
			w.WriteHeader(http.StatusCreated)
		case <-r.Context().Done():
		}
	})
}

// TestASlowStoreRepeatsNobody: a checkpoint takes so long that those who were
// late by it are due in the store, and they were answered meanwhile. Nobody is
// sent the same twice, or counted twice.
func TestASlowStoreRepeatsNobody(t *testing.T) {
	open := make(chan struct{})
	h := newHouse(t, map[string]http.HandlerFunc{"late": gated(open)}, nil)
	h.stop()
	subs := append(h.subscribe(100, "ok", nil), h.subscribe(5, "late", nil)...)
	h.start(func(o *push.Options) { o.RequestTimeout, o.PageSize, o.Workers = 4*time.Second, 200, 1 })
	first := sync.OnceFunc(func() { close(open) })
	h.spy.mu.Lock()
	h.spy.before = func(p push.Progress) {
		first()
		for _, r := range p.Retries {
			<-time.After(time.Until(r.Due)) // what the store takes
		}
	}
	h.spy.mu.Unlock()
	r := h.finished(h.post(news.Post{}))
	if r.Tally.Audience != 105 || r.Tally.Accepted != 105 || r.Tally.Retried != 0 {
		t.Errorf("tally %+v", r.Tally)
	}
	for _, s := range subs {
		if n := len(h.sink.Got(s)); n != 1 {
			t.Errorf("%d messages for one", n)
		}
	}
	if n := len(h.spy.putOff); n < 5 {
		t.Errorf("%d were late, want the five", n)
	}
}

// TestWhatIsLateIsNotCancelledToo: news moves on while the answers for some are
// still to come. They were sent what there was before, and are not counted as
// cancelled as well. (What has a higher lane, as a withdrawal has, ends the
// worker's turn; this has the same.)
func TestWhatIsLateIsNotCancelledToo(t *testing.T) {
	open, moved := make(chan struct{}), make(chan struct{})
	goOn := sync.OnceFunc(func() { close(moved) })
	defer goOn() // or a failure would leave the store waiting
	h := newHouse(t, map[string]http.HandlerFunc{"late": gated(open)}, nil)
	h.stop()
	h.subscribe(300, "ok", nil)
	late := h.subscribe(5, "late", nil)
	h.start(func(o *push.Options) {
		o.RequestTimeout, o.Lease, o.PageSize, o.Workers = time.Minute, 3*time.Minute, 310, 1
	})
	var written atomic.Bool
	h.spy.mu.Lock()
	h.spy.before = func(push.Progress) { written.Store(true); <-moved }
	h.spy.mu.Unlock()
	e := h.post(news.Post{})
	h.until("the first checkpoint is written", written.Load)
	headline, alert := "Harbour bridge open again", true
	update := h.revise(e, news.Revision{Kind: news.Updated, Headline: &headline, Alert: &alert})
	h.until("the update's campaign is open", func() bool {
		r, err := h.svc.Report(t.Context(), e.Item.ID)
		return err == nil && r.Campaign.Entry.Offset == update.Offset
	})
	goOn()
	h.until("the range was looked at again", func() bool { h.spy.mu.Lock(); defer h.spy.mu.Unlock(); return h.spy.n > 1 })
	close(open)
	h.finished(update)
	id := news.Cursor{Epoch: h.epoch(), Offset: e.Offset}.String()
	h.until("the older account closes", func() bool { old := h.spy.tally(id); return old.Audience > 0 && old.Queued() <= 0 })
	if old := h.spy.tally(id); old.Accepted != 305 || old.Cancelled != 0 || old.Queued() != 0 {
		t.Errorf("tally %+v", old)
	}
	for _, s := range late {
		if n := len(h.sink.Got(s)); n != 2 {
			t.Errorf("%d messages for one, want both", n)
		}
	}
}
