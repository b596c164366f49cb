package push_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"crier/news"
	"crier/push"
)

// TestBeyondTheDailyBoundAlertsWaitForTheDigest sends three alerts to readers of
// whom one wants one a day, and then the digest, which two nodes open.
func TestBeyondTheDailyBoundAlertsWaitForTheDigest(t *testing.T) {
	h := newHouse(t, map[string]http.HandlerFunc{"flaky": firstThen(push.Answer(500))}, nil)
	h.stop()
	slot := time.Now().UTC().Add(-time.Minute).Truncate(15 * time.Minute)
	wish := func(most int) func(s *push.Subscription) {
		return func(s *push.Subscription) {
			s.CreatedAt = slot.Add(-48 * time.Hour)
			s.DailyMax, s.Digest = most, slot.Hour()*60+slot.Minute()
		}
	}
	all, one := h.subscribe(1, "ok", wish(0))[0], h.subscribe(2, "ok", wish(1))
	one = append(one, h.subscribe(1, "flaky", wish(1))...)
	later := h.subscribe(1, "ok", func(s *push.Subscription) {
		wish(1)(s)
		s.Digest = (s.Digest + 300) % (24 * 60)
	})[0]
	var cs []push.Campaign
	var upto news.Cursor
	for i := range 3 {
		e := h.post(news.Post{Headline: fmt.Sprint("Story ", i), Topics: []string{"world"}})
		upto = news.Cursor{Epoch: h.epoch(), Offset: e.Offset}
		cs = append(cs, push.Campaign{ID: upto.String(), Entry: e, Reach: news.Reach{Level: news.Urgent, Topics: e.Item.Topics}, Lane: 4,
			Token: fmt.Sprintf("%022d", i), OpenedAt: slot.Add(time.Duration(i-3) * time.Minute), Deadline: time.Now().Add(time.Hour)})
	}
	if err := h.store.OpenCampaigns(t.Context(), upto, cs); err != nil {
		t.Fatal(err)
	}
	h.start(func(o *push.Options) { o.Items = h.store })
	second, _ := h.node(func(o *push.Options) { o.Items = h.store })

	for i, c := range cs {
		r := h.finished(c.Entry)
		if held := int64(4 * min(i, 1)); r.Tally.Held != held || r.Tally.Audience != 5-held || r.Tally.Accepted != 5-held {
			t.Errorf("campaign %d: %+v", i, r.Tally)
		}
	}
	item := fmt.Sprint("digest-", slot.Unix())
	var r push.Report
	h.until("the digest is sent", func() bool {
		var err error
		r, err = second.Report(t.Context(), item)
		return err == nil && r.Done
	})
	if r.Tally.Audience != 3 || r.Tally.Accepted != 3 || r.Tally.Queued() != 0 || r.Campaign.Lane != 0 {
		t.Errorf("the digest: %+v", r.Tally)
	}
	for _, s := range one {
		told := 0
		for _, m := range h.sink.Got(s) {
			if strings.Contains(m.Text, "2 more stories today") && strings.Contains(m.Text, `Story 2\nStory 1`) {
				told++
			}
		}
		if told == 0 {
			t.Errorf("got %+v", h.sink.Got(s))
		}
	}
	if n := len(h.sink.Got(all)); n != 3 {
		t.Errorf("who has no bound got %d", n)
	}
	if n := len(h.sink.Got(later)); n != 1 {
		t.Errorf("whose digest is later got %d", n)
	}
	digests := map[string]int{}
	since, err := h.store.CampaignsSince(t.Context(), time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range since {
		if c.Entry.Kind == push.Digested {
			digests[c.ID]++
		}
	}
	if digests[item] != 1 || len(digests) > 2 { // no earlier one, as nobody can have had anything held before
		t.Errorf("digests were opened: %v", digests)
	}
}
