package push_test

import (
	"net/http"
	"testing"
	"time"

	"crier/news"
	"crier/push"
)

// TestExactCountsWhileStopped: while all is stopped every node tells how many of
// each campaign were sent and how many were not, to the last one, whether they
// have been scanned or not; and after that each is sent once.
func TestExactCountsWhileStopped(t *testing.T) {
	const wanted, all = 4000, 6000
	h := newHouse(t, map[string]http.HandlerFunc{"slow": paced(), "413": push.Answer(413), "410": push.Answer(410)}, nil)
	h.stop()
	for answer, n := range map[string]int{"slow": wanted - 60, "413": 40, "410": 20} {
		h.subscribe(n, answer, func(s *push.Subscription) { s.Topics = []string{"world"} })
	}
	h.subscribe(all-wanted, "slow", func(s *push.Subscription) { s.Topics = []string{"sport"} })
	tune := func(o *push.Options) { o.PageSize, o.Workers = 200, 2 }
	h.start(tune)
	h.node(tune)
	desk, _ := h.node(elsewhere)
	e := h.post(news.Post{Topics: []string{"world"}})
	h.until("some are sent", func() bool { return len(h.sink.Order()) >= 500 })
	if err := desk.Stop(t.Context(), push.Stop{By: "k1", At: time.Now()}); err != nil {
		t.Fatal(err)
	}
	waits := h.post(news.Post{Topics: []string{"world", "sport"}}) // while all is stopped
	gone := func() (n int64) {
		have, err := h.svc.CountSubscriptions(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return all - have
	}
	var got []push.Unsent
	for _, svc := range []*push.Service{desk, h.svc} {
		h.until("the counts are exact", func() bool {
			var err error
			if got, err = svc.Unsent(t.Context()); err != nil {
				t.Fatal(err)
			}
			exact := len(got) == 2
			for _, u := range got {
				exact = exact && u.Exact
			}
			return exact
		})
		sent := len(h.sink.Order())
		for i, want := range []push.Unsent{{Sent: int64(sent), Unsent: int64(wanted - sent)}, {Unsent: all - gone()}} {
			if got[i].Sent != want.Sent || got[i].Unsent != want.Unsent {
				t.Errorf("campaign %d: %d sent and %d unsent, want %d and %d", i, got[i].Sent, got[i].Unsent, want.Sent, want.Unsent)
			}
		}
		if got[0].Campaign.Entry.Offset != e.Offset || got[1].Campaign.Entry.Offset != waits.Offset || sent < 500 || sent > 3000 {
			t.Errorf("%d were sent, campaigns %s and %s", sent, got[0].Campaign.ID, got[1].Campaign.ID)
		}
	}
	if err := desk.Resume(t.Context()); err != nil {
		t.Fatal(err)
	}
	r := h.finished(e)
	if r.Tally.Audience != wanted || r.Tally.Accepted != wanted-60 || r.Tally.Gone != 20 || r.Tally.Failed[push.FailedTooLarge] != 40 || r.Tally.Retried != 0 {
		t.Errorf("tally %+v", r.Tally)
	}
	h.finished(waits)
	if got, err := desk.Unsent(t.Context()); err != nil || len(got) != 0 {
		t.Errorf("when all is done: %+v, %v", got, err)
	}
}
