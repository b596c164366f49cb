package push_test

import (
	"fmt"
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

// unsent waits until the counts are exact and as they should be, in the order of
// the service.
func (h *house) unsent(what string, want ...int64) {
	h.t.Helper()
	var got []push.Unsent
	h.until(what, func() bool {
		var err error
		if got, err = h.svc.Unsent(h.t.Context()); err != nil {
			h.t.Fatal(err)
		}
		exact := true
		for _, u := range got {
			exact = exact && u.Exact
		}
		return exact
	})
	for i, u := range got {
		if len(got) != len(want) || u.Unsent != want[i] || u.Sent != 0 {
			h.t.Errorf("%s: campaign %d of %d has %d sent and %d unsent, want %d", what, i, len(got), u.Sent, u.Unsent, want)
		}
	}
}

// TestExactCountsAreOfWhoWillGetIt: who has had enough for the day is counted
// where the digest will tell them and nowhere else, and who departs or wants
// something else is counted no more, though another comes.
func TestExactCountsAreOfWhoWillGetIt(t *testing.T) {
	h := newHouse(t, nil, nil)
	h.stop()
	if err := h.store.Stop(t.Context(), push.Stop{By: "k1", At: time.Now()}); err != nil {
		t.Fatal(err)
	}
	slot := time.Now().UTC().Add(-time.Minute).Truncate(15 * time.Minute)
	wish := func(most int) func(s *push.Subscription) {
		return func(s *push.Subscription) {
			s.CreatedAt = slot.Add(-48 * time.Hour)
			s.DailyMax, s.Digest = most, slot.Hour()*60+slot.Minute()
		}
	}
	all := h.subscribe(10, "ok", wish(0))
	h.subscribe(20, "ok", wish(1))
	var cs []push.Campaign
	for i := range 2 {
		e := h.post(news.Post{Headline: fmt.Sprint("Story ", i)})
		c := push.Campaign{ID: news.Cursor{Epoch: h.epoch(), Offset: e.Offset}.String(), Entry: e, Reach: news.Reach{Level: news.Urgent}, Lane: 4,
			Token: fmt.Sprintf("%022d", i), OpenedAt: slot.Add(time.Duration(i-2) * time.Minute), Deadline: time.Now().Add(time.Hour)}
		cs = append(cs, c)
	}
	if err := h.store.OpenCampaigns(t.Context(), news.Cursor{Epoch: h.epoch(), Offset: cs[1].Entry.Offset}, cs); err != nil {
		t.Fatal(err)
	}
	h.start(nil)
	h.until("the digest is open", func() bool {
		_, err := h.svc.Report(t.Context(), fmt.Sprint("digest-", slot.Unix()))
		return err == nil
	})
	h.unsent("with a bound of one a day", 30, 10, 20)

	gone := all[0]
	if err := h.store.DeleteSubscription(t.Context(), gone.ID, gone.Auth); err != nil {
		t.Fatal(err)
	}
	h.subscribe(1, "ok", wish(0))
	h.unsent("one departs and another comes", 29, 9, 20)

	other := all[1]
	other.Level = news.Flash
	if _, err := h.store.PutSubscription(t.Context(), other); err != nil {
		t.Fatal(err)
	}
	h.unsent("one wants flashes only", 28, 8, 20)
	if err := h.svc.Resume(t.Context()); err != nil {
		t.Fatal(err)
	}
	for i, want := range []int64{28, 8} {
		if r := h.finished(cs[i].Entry); r.Tally.Audience != want || r.Tally.Accepted != want {
			t.Errorf("campaign %d came to %+v", i, r.Tally)
		}
	}
}
