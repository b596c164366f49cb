package push_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"crier/news"
	"crier/push"
)

// firstThen answers the first request for each path in one way, and later ones with 201.
func firstThen(first http.HandlerFunc) http.HandlerFunc {
	var seen sync.Map
	return func(w http.ResponseWriter, r *http.Request) {
		if _, again := seen.LoadOrStore(r.URL.Path, true); !again {
			first(w, r)
			return
		}
		w.WriteHeader(http.StatusCreated)
	}
}

// mix is the faults of a bad day.
func mix() map[string]http.HandlerFunc {
	return map[string]http.HandlerFunc{
		"404": push.Answer(404), "410": push.Answer(410), "400": push.Answer(400), "401": push.Answer(401), "403": push.Answer(403), "413": push.Answer(413),
		"ok": push.Answer(201), "unwanted": push.Answer(201),
		"429": firstThen(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(http.StatusTooManyRequests)
		}),
		"500":   firstThen(push.Answer(500)),
		"503":   firstThen(push.Answer(503)),
		"reset": firstThen(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }),
	}
}

func TestACampaignEndToEnd(t *testing.T) {
	h := newHouse(t, mix(), func(o *push.Options) { o.PageSize = 64 })
	h.stop()
	all := map[string][]push.Subscription{}
	for answer, n := range map[string]int{"ok": 400, "404": 15, "410": 15, "400": 5, "401": 4, "403": 3, "413": 5, "429": 10, "500": 10, "503": 10, "reset": 10, "unwanted": 20} {
		all[answer] = h.subscribe(n, answer, func(s *push.Subscription) {
			if answer == "unwanted" {
				s.Topics = []string{"sport"}
			}
		})
	}
	h.start(func(o *push.Options) { o.PageSize = 64 })
	e := h.post(news.Post{Topics: []string{"world"}, Level: news.Bulletin})
	r := h.finished(e)

	got := r.Tally
	if got.Audience != 487 || got.Accepted != 440 || got.Gone != 30 || got.Expired != 0 || got.Cancelled != 0 || got.Retried != 40 || got.Throttled != 20 {
		t.Errorf("tally %+v", got)
	}
	want := map[string]int64{push.FailedRequest: 5, push.FailedUnauthorized: 4, push.FailedForbidden: 3, push.FailedTooLarge: 5}
	if fmt.Sprint(got.Failed) != fmt.Sprint(want) {
		t.Errorf("failed %v, want %v", got.Failed, want)
	}
	for answer, subs := range all {
		for _, s := range subs {
			want := map[string]int{"unwanted": 0, "429": 2, "500": 2, "503": 2, "reset": 2}
			n, known := want[answer]
			if !known {
				n = 1
			}
			if len(h.sink.Got(s)) != n {
				t.Errorf("%s: %d attempts, want %d", answer, len(h.sink.Got(s)), n)
			}
			if gone := answer == "404" || answer == "410"; h.stands(s) == gone {
				t.Errorf("%s: stands %v", answer, !gone)
			}
		}
	}
	if _, ok := got.TimeTo(0.5); !ok || len(h.svc.Status().Alarms) != 0 {
		t.Errorf("half by %v, status %+v", ok, h.svc.Status())
	}
	first := h.sink.Got(all["ok"][0])[0]
	if !strings.Contains(first.Text, `"receipt":"`+r.Campaign.Token+`"`) || first.Topic == "" || first.Urgency != "high" {
		t.Errorf("message %+v", first)
	}
	receipt := push.Receipt{Token: r.Campaign.Token, Kind: push.Displayed, Nonce: "0b9c6f1e-3f0a", At: time.Now()}
	for range 3 {
		if err := h.svc.AddReceipt(t.Context(), receipt); err != nil {
			t.Fatal(err)
		}
	}
	if r := h.finished(e); r.Displayed != 1 {
		t.Errorf("displayed %d", r.Displayed)
	}
}

func TestWhatNeverSucceedsExpires(t *testing.T) {
	h := newHouse(t, map[string]http.HandlerFunc{"500": push.Answer(500), "later": func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "3600")
		w.WriteHeader(http.StatusTooManyRequests) // which speaks of one subscription
	}}, func(o *push.Options) { o.Deadlines.Urgent = 4 * time.Second })
	flaky, busy := h.subscribe(3, "500", nil), h.subscribe(5, "later", nil)
	r := h.finished(h.post(news.Post{}))
	if r.Tally.Expired != 8 || r.Tally.Audience != 8 {
		t.Errorf("tally %+v", r.Tally)
	}
	for _, s := range flaky {
		if n := len(h.sink.Got(s)); n < 2 || n > 4 {
			t.Errorf("%d attempts", n)
		}
		for _, m := range h.sink.Got(s) {
			if m.TTL > 4*time.Second || m.At.After(r.Campaign.Deadline.Add(time.Second)) {
				t.Errorf("TTL %v, %v before the deadline", m.TTL, r.Campaign.Deadline.Sub(m.At))
			}
		}
	}
	for _, s := range busy {
		if n := len(h.sink.Got(s)); n != 1 || !h.stands(s) {
			t.Errorf("asked to come back after the deadline: %d attempts, stands %v", n, h.stands(s))
		}
	}
}

func TestGreetings(t *testing.T) {
	h := newHouse(t, map[string]http.HandlerFunc{"410": push.Answer(410), "500": push.Answer(500), "ok": push.Answer(201)}, nil)
	ok, lost, flaky := h.sink.Subscribe("ok"), h.sink.Subscribe("410"), h.sink.Subscribe("500")
	for _, s := range []push.Subscription{ok, lost, flaky} {
		if created, err := h.svc.Subscribe(t.Context(), s); err != nil || !created {
			t.Fatalf("subscribe: %v, %v", created, err)
		}
	}
	h.until("the greeting arrives", func() bool { return len(h.sink.Got(ok)) == 1 })
	if m := h.sink.Got(ok)[0]; !strings.Contains(m.Text, `"kind":"welcome"`) || !strings.Contains(m.Text, `"navigate":"http://127.0.0.1:8080/alerts"`) || strings.Contains(m.Text, "receipt") {
		t.Errorf("greeting %q", m.Text)
	}
	h.until("what is gone is removed", func() bool { return !h.stands(lost) })
	h.until("the other is tried", func() bool { return len(h.sink.Got(flaky)) == 1 })
	if created, err := h.svc.Subscribe(t.Context(), ok); err != nil || created {
		t.Errorf("again: %v, %v", created, err)
	}
	if err := h.svc.SendTest(t.Context(), ok.ID, [16]byte{}); !errors.Is(err, push.ErrNotYours) {
		t.Errorf("another's test: %v", err)
	}
	if err := h.svc.SendTest(t.Context(), lost.ID, lost.Auth); !errors.Is(err, push.ErrNoSubscription) {
		t.Errorf("a test to nobody: %v", err)
	}
	if err := h.svc.SendTest(t.Context(), ok.ID, ok.Auth); err != nil {
		t.Fatal(err)
	}
	h.until("the test arrives", func() bool { return len(h.sink.Got(ok)) == 2 })
	if m := h.sink.Got(ok)[1]; !strings.Contains(m.Text, `"kind":"test"`) {
		t.Errorf("not greeted twice, but tested: %q", m.Text)
	}
	bad := ok
	bad.Endpoint = "https://evil.example/x.google.com/"
	var invalid news.Invalid
	if _, err := h.svc.Subscribe(t.Context(), bad); !errors.As(err, &invalid) {
		t.Errorf("subscribing evil.example: %v", err)
	}
	if !h.stands(flaky) {
		t.Error("500 removed a subscription")
	}
	if err := h.svc.Unsubscribe(t.Context(), flaky.ID, flaky.Auth); err != nil || h.stands(flaky) {
		t.Errorf("unsubscribe: %v", err)
	}
}

func TestABurstOfGoneRemovesNobody(t *testing.T) {
	h := newHouse(t, map[string]http.HandlerFunc{"410": push.Answer(410)}, nil)
	subs := h.subscribe(200, "410", nil)
	if r := h.finished(h.post(news.Post{})); r.Tally.Gone != 200 {
		t.Errorf("tally %+v", r.Tally)
	}
	if a := h.svc.Status().Alarms; len(a) != 1 || !strings.Contains(h.log.String(), "no subscription is removed") {
		t.Errorf("alarms %+v", a)
	}
	for _, s := range subs {
		if !h.stands(s) {
			t.Fatal("a subscription was removed")
		}
	}
	if err := h.svc.ClearAlarms(t.Context()); err != nil {
		t.Fatal(err)
	}
	if r := h.finished(h.post(news.Post{})); r.Tally.Gone != 200 || len(h.svc.Status().Alarms) != 0 {
		t.Errorf("tally %+v, status %+v", r.Tally, h.svc.Status())
	}
	if n, err := h.store.CountSubscriptions(t.Context()); err != nil || n != 0 {
		t.Errorf("%d stand after the operator said they are gone, %v", n, err)
	}
}
