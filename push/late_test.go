package push_test

import (
	"net/http"
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
	again := 0 // a machine that is busy may have more who are late
	for _, s := range append(quick, slow...) {
		again += len(h.sink.Got(s)) - 1
	}
	if again > late {
		t.Errorf("%d messages came again, %d were late", again, late)
	}
	for _, s := range slow {
		if n := len(h.sink.Got(s)); n != 2 {
			t.Errorf("%d messages for one that was late", n)
		}
	}
}
