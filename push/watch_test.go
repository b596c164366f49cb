package push_test

import (
	"errors"
	"testing"
	"time"

	"crier/news"
	"crier/push"
)

// TestWatch: each campaign is reported while it is under way, once when it has
// ended, and then no more; of those of an item it is the newest.
func TestWatch(t *testing.T) {
	h := newHouse(t, nil, nil)
	h.subscribe(3, "ok", nil)
	watch := h.svc.Watch()
	reports := func() map[string]push.Report {
		t.Helper()
		all, err := watch.Reports(t.Context(), time.Now())
		if err != nil {
			t.Fatal(err)
		}
		by := map[string]push.Report{}
		for _, r := range all {
			by[r.Campaign.Entry.Item.ID] = r
		}
		return by
	}
	if got := reports(); len(got) != 0 {
		t.Fatalf("before there is any: %v", got)
	}
	if err := h.svc.Stop(t.Context(), push.Stop{By: "k", At: time.Now()}); err != nil {
		t.Fatal(err)
	}
	a, b := h.post(news.Post{}), h.post(news.Post{})
	for range 2 { // again and again while they last
		h.until("both are under way", func() bool { return len(reports()) == 2 })
	}
	if err := h.svc.Resume(t.Context()); err != nil {
		t.Fatal(err)
	}
	ends := map[string]int{}
	h.until("both have ended", func() bool {
		for item, r := range reports() {
			if r.Done {
				ends[item]++
			}
		}
		return len(ends) == 2
	})
	if got := reports(); len(got) != 0 || ends[a.Item.ID] != 1 || ends[b.Item.ID] != 1 {
		t.Errorf("after their end %v are reported, whose ends were %v", got, ends)
	}
	if got, err := h.svc.Watch().Reports(t.Context(), time.Now().Add(2*time.Minute)); err != nil || len(got) != 0 {
		t.Errorf("who looks first long after: %v, %v", got, err)
	}
}

// TestTheCanaryRaisesItsAlarm: when it fails or is late, and lowers it when it
// is well again; and it leaves nothing behind.
func TestTheCanaryRaisesItsAlarm(t *testing.T) {
	h := newHouse(t, nil, nil)
	h.subscribe(2, "ok", nil)
	standing := func() []push.Alarm {
		a, err := h.store.Alarms(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return a.Standing
	}
	for _, c := range []struct {
		name string
		fly  func() error
		want int
	}{
		{"well", func() error { return h.svc.SendCanary(t.Context()) }, 0},
		{"not taken", func() error { return h.svc.JudgeCanary(t.Context(), time.Millisecond, errors.New("it was not taken")) }, 1},
		{"late", func() error { return h.svc.JudgeCanary(t.Context(), time.Minute, nil) }, 1},
		{"well again", func() error { return h.svc.SendCanary(t.Context()) }, 0},
	} {
		if err := c.fly(); err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		if got := standing(); len(got) != c.want || c.want == 1 && got[0].Service != push.CanaryService {
			t.Errorf("%s: %+v", c.name, got)
		}
	}
	if got := h.svc.Status().Canary; got.Runs != 4 || got.Failures != 2 || got.Took <= 0 {
		t.Errorf("counted: %+v", got)
	}
	if cs, err := h.store.CampaignsSince(t.Context(), time.Time{}); err != nil || len(cs) != 0 {
		t.Errorf("the canary left the campaigns %v, %v", cs, err)
	}
	if n, err := h.store.CountSubscriptions(t.Context()); err != nil || n != 2 {
		t.Errorf("%d subscriptions stand, %v", n, err)
	}
	if got := h.sink.Order(); len(got) > 2 { // the greetings
		t.Errorf("subscribers got %q", got)
	}
}
