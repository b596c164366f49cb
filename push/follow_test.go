package push_test

import (
	"strings"
	"testing"
	"time"

	"crier/news"
	"crier/push"
)

func TestFollowing(t *testing.T) {
	h := newHouse(t, nil, func(o *push.Options) { o.Deadlines.Urgent = time.Hour })
	h.stop()
	s := h.subscribe(1, "ok", nil)[0]

	// The first start ever: what is fresh still alerts, what is old does not.
	old, err := news.Post{Headline: "Old", Level: news.Urgent, Alert: true}.Draft(news.NewID(), "k1", time.Now().Add(-2*time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	h.append(old)
	fresh := h.post(news.Post{Headline: "Fresh"})
	h.start(func(o *push.Options) { o.Deadlines.Urgent = time.Hour })
	h.finished(fresh)
	if got := h.sink.Got(s); len(got) != 1 || !strings.Contains(got[0].Text, "Fresh") {
		t.Errorf("after the first start: %+v", got)
	}

	// A restart sends nothing twice; what was posted meanwhile is sent.
	h.stop()
	meanwhile := h.post(news.Post{Headline: "Meanwhile"})
	h.start(nil)
	h.finished(meanwhile)
	if got := h.sink.Got(s); len(got) != 2 {
		t.Errorf("after a restart: %d messages", len(got))
	}
}

func TestALostHistoryIsNotSentLate(t *testing.T) {
	h := newHouse(t, nil, nil)
	h.stop()
	s := h.subscribe(1, "ok", nil)[0]
	if err := h.store.OpenCampaigns(t.Context(), news.Cursor{Epoch: "elost", Offset: 7}, nil); err != nil {
		t.Fatal(err)
	}
	h.post(news.Post{Headline: "Before"})
	h.start(nil)
	h.until("it goes on from the head", func() bool {
		cur, err := h.store.Followed(t.Context())
		return err == nil && cur.Epoch == h.epoch() && cur.Offset == 1
	})
	h.finished(h.post(news.Post{Headline: "After"}))
	if got := h.sink.Got(s); len(got) != 1 || !strings.Contains(got[0].Text, "After") {
		t.Errorf("got %+v", got)
	}
	if !strings.Contains(h.log.String(), "entries were lost") {
		t.Error("the operator is not told")
	}
}
