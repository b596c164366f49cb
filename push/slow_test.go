package push_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"crier/news"
	"crier/push"
)

// twoServices is a house whose subscribers are spread over two push services,
// of which the second answers as told.
func twoServices(t *testing.T, healthy, ailing int, answer http.HandlerFunc, tune func(o *push.Options)) (h *house, other *push.Sink) {
	t.Helper()
	h = newHouse(t, nil, nil)
	h.stop()
	other = push.NewSink(t, true, map[string]http.HandlerFunc{"ailing": answer})
	other.Rotate(h.sink.Keys)
	h.subscribe(healthy, "ok", nil)
	for range ailing {
		if _, err := h.store.PutSubscription(t.Context(), other.Subscribe("ailing")); err != nil {
			t.Fatal(err)
		}
	}
	h.start(func(o *push.Options) {
		o.AlertHosts = slices.Concat(o.AlertHosts, other.Options().AlertHosts)
		if tune != nil {
			tune(o)
		}
	})
	return h, other
}

// TestAThrottledServiceHoldsUpNobody: a service that refuses everything with 429
// is in every page. The others' share goes out all the same before it takes one,
// and when it does all of its own are accounted for.
func TestAThrottledServiceHoldsUpNobody(t *testing.T) {
	const healthy, ailing = 3000, 300
	for _, refuse := range []int{http.StatusTooManyRequests, http.StatusNotAcceptable} {
		t.Run(fmt.Sprint(refuse), func(t *testing.T) {
			var well atomic.Bool
			var refused atomic.Int64
			answer := func(w http.ResponseWriter, _ *http.Request) {
				if well.Load() {
					w.WriteHeader(http.StatusCreated)
					return
				}
				refused.Add(1)
				w.WriteHeader(refuse)
			}
			h, other := twoServices(t, healthy, ailing, answer, func(o *push.Options) { o.PageSize = 64 })
			name := strings.TrimPrefix(other.Server.URL, "https://")
			if err := h.store.KeepRate(t.Context(), push.Rate{Service: name, PerSecond: 1, At: time.Now()}); err != nil {
				t.Fatal(err)
			}
			e := h.post(news.Post{Level: news.Flash})
			h.until("all others have theirs", func() bool { return len(h.sink.Order()) == healthy })
			n := refused.Load()
			well.Store(true)
			if n > ailing {
				t.Errorf("%d were refused: they are tried again and again", n)
			}
			r := h.finished(e)
			if s := r.Services()[name]; r.Tally.Audience != healthy+ailing || r.Tally.Accepted != healthy+ailing || s.Accepted != ailing {
				t.Errorf("tally %+v", r.Tally)
			}
			if got := len(h.sink.Order()); got != healthy {
				t.Errorf("%d messages for %d", got, healthy)
			}
		})
	}
}

// TestSlowAnswersOfOneServiceHoldUpNobody: one that takes seconds for each answer
// over few connections is not throttled and makes a line all the same.
func TestSlowAnswersOfOneServiceHoldUpNobody(t *testing.T) {
	const healthy, ailing = 3000, 300
	well := make(chan struct{})
	answer := func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-well:
		case <-time.After(3 * time.Second):
		case <-r.Context().Done():
		}
		w.WriteHeader(http.StatusCreated)
	}
	h, other := twoServices(t, healthy, ailing, answer, func(o *push.Options) { o.PageSize, o.Conns = 64, 1 })
	e := h.post(news.Post{Level: news.Flash})
	h.until("all others have theirs", func() bool { return len(h.sink.Order()) == healthy })
	if n := len(other.Order()); n >= ailing {
		t.Errorf("the slow one has answered %d of %d before the others had theirs", n, ailing)
	}
	close(well)
	if r := h.finished(e); r.Tally.Audience != healthy+ailing || r.Tally.Accepted != healthy+ailing {
		t.Errorf("tally %+v", r.Tally)
	}
}

// TestAFlashOvertakesWhatIsPutOff: behind the line of a slow service a whole
// campaign is put off. A flash does not wait for it.
func TestAFlashOvertakesWhatIsPutOff(t *testing.T) {
	const ailing = 400
	h, other := twoServices(t, 0, ailing, push.Answer(http.StatusCreated), func(o *push.Options) { o.PageSize = 64 })
	name := strings.TrimPrefix(other.Server.URL, "https://")
	slow := func() {
		if err := h.store.KeepRate(t.Context(), push.Rate{Service: name, PerSecond: 100, At: time.Now()}); err != nil {
			t.Fatal(err)
		}
	}
	slow()
	first := h.post(news.Post{Level: news.Urgent})
	h.until("it has begun", func() bool { return len(other.Order()) >= 5 })
	second := h.post(news.Post{Level: news.Flash})
	var r push.Report
	h.until("the flash is through", func() bool {
		slow() // or it would become faster while it takes all
		var err error
		r, err = h.svc.Report(t.Context(), second.Item.ID)
		return err == nil && r.Done
	})
	if r.Tally.Accepted != ailing {
		t.Errorf("the flash came to %+v", r.Tally)
	}
	low, err := h.svc.Report(t.Context(), first.Item.ID)
	if err != nil || low.Tally.Accepted > ailing/2 {
		t.Errorf("meanwhile the lower one came to %+v, %v", low.Tally, err)
	}
	if r := h.finished(first); r.Tally.Accepted != ailing {
		t.Errorf("the lower one came to %+v", r.Tally)
	}
}
