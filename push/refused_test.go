package push_test

import (
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"crier/news"
	"crier/push"
)

// TestRefusalsGiveFewUp: a push service that refuses everybody with 401 gets an
// alarm and is left in peace. When that is mended, all but the first few get the
// notification after all.
func TestRefusalsGiveFewUp(t *testing.T) {
	const all = 300
	var mended atomic.Bool
	var asked atomic.Int64
	h := newHouse(t, map[string]http.HandlerFunc{"refuses": func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		if mended.Load() {
			w.WriteHeader(http.StatusCreated)
		} else {
			w.WriteHeader(http.StatusUnauthorized)
		}
	}}, func(o *push.Options) { o.Conns = 1 })
	h.subscribe(all, "refuses", nil)
	e := h.post(news.Post{})
	h.until("the alarm stands", func() bool { return len(h.svc.Status().Alarms) == 1 })
	alarm := h.svc.Status().Alarms[0]
	if !strings.Contains(alarm.Problem, "401") {
		t.Errorf("the alarm says %q", alarm.Problem)
	}
	h.until("all have been looked at", func() bool { r, err := h.svc.Report(t.Context(), e.Item.ID); return err == nil && r.Scanned })
	if n := asked.Load(); n > all*2/3 {
		t.Errorf("it was asked %d times, for %d subscriptions", n, all)
	}
	mended.Store(true)
	if err := h.svc.ClearAlarm(t.Context(), alarm.Service); err != nil {
		t.Fatal(err)
	}
	r := h.finished(e)
	if failed := r.Tally.Failed[push.FailedUnauthorized]; failed == 0 || failed > 10 || r.Tally.Accepted != all-failed {
		t.Errorf("tally %+v", r.Tally)
	}
}

// TestAWrongGoneRemovesNobodyOfASmallSite: 49 subscribers, and all are said to be
// gone.
func TestAWrongGoneRemovesNobodyOfASmallSite(t *testing.T) {
	h := newHouse(t, map[string]http.HandlerFunc{"410": push.Answer(http.StatusGone)}, nil)
	h.stop()
	h.subscribe(49, "410", nil)
	h.start(func(o *push.Options) { o.Workers = 1 })
	h.finished(h.post(news.Post{}))
	if n, err := h.store.CountSubscriptions(t.Context()); err != nil || n < 40 {
		t.Errorf("%d of 49 stand, %v", n, err)
	}
	if a := h.svc.Status().Alarms; len(a) != 1 {
		t.Errorf("alarms %+v", a)
	}
}

// TestGreetingsAreWatched: what a push service says of confirmed subscriptions
// when they are greeted counts as any other answer.
func TestGreetingsAreWatched(t *testing.T) {
	h := newHouse(t, map[string]http.HandlerFunc{"410": push.Answer(http.StatusGone)}, nil)
	subs := h.subscribe(20, "410", nil)
	for i, s := range subs {
		if err := h.svc.SendTest(t.Context(), s.ID, s.Auth); err != nil {
			t.Fatal(err)
		}
		h.until("it is answered", func() bool { return len(h.sink.Got(s)) == 1 })
		if i < 9 {
			h.until("it is removed", func() bool { return !h.stands(s) })
		}
	}
	h.until("the alarm stands", func() bool { return len(h.svc.Status().Alarms) == 1 })
	if s := subs[len(subs)-1]; !h.stands(s) {
		t.Error("one is removed while the alarm stands")
	}
}

// TestStrangersAreBounded: sign-ups that each cost a greeting are bounded in all,
// and who has signed up is not kept out.
func TestStrangersAreBounded(t *testing.T) {
	h := newHouse(t, nil, func(o *push.Options) { o.Confirm = push.ConfirmAll })
	first, busy := h.sink.Subscribe("ok"), 0
	if _, err := h.svc.Subscribe(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	for range 5000 {
		_, err := h.svc.Subscribe(t.Context(), h.sink.Subscribe("ok"))
		if errors.Is(err, push.ErrBusy) {
			if busy++; busy == 100 {
				break
			}
		} else if err != nil {
			t.Fatal(err)
		}
	}
	if _, err := h.svc.Subscribe(t.Context(), first); err != nil || busy == 0 {
		t.Errorf("%d were told to come back, and one who has signed up: %v", busy, err)
	}
	n, err := h.store.CountSubscriptions(t.Context())
	if err != nil || n < 256 {
		t.Errorf("%d were taken, %v", n, err)
	}
}
