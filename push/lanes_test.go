package push_test

import (
	"net/http"
	"slices"
	"testing"
	"time"

	"crier/news"
	"crier/push"
)

// TestAHigherLevelOvertakes: what is posted while a campaign of a lower level
// is at 30 % does not wait for what the workers have in hand of that, and is
// through before it.
func TestAHigherLevelOvertakes(t *testing.T) {
	const workers, page, low, high = 8, 128, 2400, 300
	for _, levels := range [][2]news.Level{{news.Bulletin, news.Flash}, {news.Urgent, news.Bulletin}} {
		t.Run(string(levels[1]), func(t *testing.T) {
			slow := func(w http.ResponseWriter, r *http.Request) {
				select { // a push service that takes its time, over one connection: 400 a second
				case <-time.After(250 * time.Millisecond):
				case <-r.Context().Done():
				}
				w.WriteHeader(http.StatusCreated)
			}
			h := newHouse(t, map[string]http.HandlerFunc{"low": slow, "high": slow}, nil)
			h.stop()
			for answer, n := range map[string]int{"low": low, "high": high} {
				h.subscribe(n, answer, func(s *push.Subscription) { s.Topics = []string{answer} })
			}
			h.start(func(o *push.Options) { o.PageSize, o.Workers, o.Conns = page, workers, 1 })
			first := h.post(news.Post{Level: levels[0], Topics: []string{"low"}})
			h.until("30 % are reached", func() bool { return len(h.sink.Order()) >= 3*low/10 })
			second := h.post(news.Post{Level: levels[1], Topics: []string{"high"}})
			at := len(h.sink.Order())
			h.finished(second)
			if r, err := h.svc.Report(t.Context(), first.Item.ID); err != nil || r.Done {
				t.Errorf("the lower one was done first: %+v, %v", r.Tally, err)
			}
			r := h.finished(first)
			order := h.sink.Order()
			if n := slices.Index(order, "high") - at; n > workers*page/2 {
				t.Errorf("%d of the lower level came before the first of the higher, of %d that the workers had in hand", n, workers*page)
			}
			slices.Reverse(order)
			if n := slices.Index(order, "high"); n < 100 {
				t.Errorf("only %d of the lower level came after the last of the higher", n)
			}
			if r.Tally.Accepted != low {
				t.Errorf("the lower one came to %+v", r.Tally)
			}
		})
	}
}
