package push_test

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"crier/news"
	"crier/push"
)

// shows is the message that a device shows under the topic: the one that came
// last.
func (h *house) shows(s push.Subscription, topic string) (text string) {
	for _, m := range h.sink.Got(s) {
		if m.Topic == topic {
			text = m.Text
		}
	}
	return text
}

// TestTheNewestOfAStoryIsTheLastWord has a flash come into a story whose bulletin
// is at 30 %: who wants both is not sent the bulletin after it, who wants one of
// them gets that, and both accounts close. The nodes are two.
func TestTheNewestOfAStoryIsTheLastWord(t *testing.T) {
	const each = 800
	tune := func(o *push.Options) { o.PageSize, o.Workers = 64, 2 }
	h := newHouse(t, map[string]http.HandlerFunc{"both": paced(), "old": paced(), "new": paced()}, nil)
	h.stop()
	subs := map[string][]push.Subscription{
		"both": h.subscribe(each, "both", func(s *push.Subscription) { s.Topics = []string{"world", "floods"} }),
		"old":  h.subscribe(each, "old", func(s *push.Subscription) { s.Topics = []string{"floods"} }),
		"new":  h.subscribe(each, "new", func(s *push.Subscription) { s.Topics, s.Level = []string{"world", "floods"}, news.Flash }),
	}
	h.start(tune)
	h.node(tune)
	older := h.post(news.Post{Level: news.Bulletin, Headline: "Dam is leaking", Topics: []string{"floods"}, Story: "dam"})
	h.until("30 % are reached", func() bool { return len(h.sink.Order()) >= 2*each*3/10 })
	newer := h.post(news.Post{Level: news.Flash, Headline: "Dam has burst", Topics: []string{"world"}, Story: "dam"})
	r := h.finished(newer)
	if r.Tally.Accepted != 2*each || r.Tally.Cancelled != 0 {
		t.Errorf("the flash came to %+v", r.Tally)
	}
	old := h.finished(older)
	spared := int64(0)
	for name, of := range subs {
		for _, s := range of {
			got := h.sink.Got(s)
			last := got[len(got)-1].Text
			if want := map[string]string{"both": "Dam has burst", "old": "Dam is leaking", "new": "Dam has burst"}[name]; !strings.Contains(last, want) {
				t.Errorf("%s: of %d messages the last is %q", name, len(got), last)
			}
			if name == "both" && len(got) == 1 {
				spared++
			}
			if len(got) > 1 && got[0].Topic != got[1].Topic {
				t.Errorf("a story has the topics %q and %q", got[0].Topic, got[1].Topic)
			}
		}
	}
	if old.Cancelled || old.Tally.Audience != 2*each || old.Tally.Cancelled != spared || old.Tally.Accepted != 2*each-spared || spared < each/10 {
		t.Errorf("%d were spared the bulletin, which came to %+v", spared, old.Tally)
	}
}

// TestALateRetryDoesNotOverwriteTheStory: what failed at first is not tried again
// once something newer of the story goes to the device, be it of a lower level.
func TestALateRetryDoesNotOverwriteTheStory(t *testing.T) {
	h := newHouse(t, map[string]http.HandlerFunc{"both": firstThen(push.Answer(500)), "high": firstThen(push.Answer(500))}, nil)
	both := h.subscribe(20, "both", nil)
	high := h.subscribe(20, "high", func(s *push.Subscription) { s.Level = news.Flash })
	older := h.post(news.Post{Level: news.Flash, Headline: "Dam has burst", Story: "dam"})
	h.until("all have failed once", func() bool { return len(h.sink.Order()) == 40 })
	newer := h.post(news.Post{Level: news.Urgent, Headline: "Rescuers at the dam", Story: "dam"})
	if r := h.finished(newer); r.Tally.Accepted != 20 || r.Tally.Audience != 20 {
		t.Errorf("the newer one came to %+v", r.Tally)
	}
	if r := h.finished(older); r.Tally.Accepted != 20 || r.Tally.Cancelled != 20 || r.Tally.Audience != 40 {
		t.Errorf("the older one came to %+v", r.Tally)
	}
	for _, s := range both {
		if got := h.sink.Got(s); len(got) != 2 || !strings.Contains(got[1].Text, "Rescuers") {
			t.Errorf("who wants both had %d messages", len(got))
		}
	}
	for _, s := range high {
		if got := h.sink.Got(s); len(got) != 2 || !strings.Contains(got[1].Text, "burst") {
			t.Errorf("who wants flashes only had %d messages", len(got))
		}
	}
}

// TestAFlashIsNotLostToWhatFollowsIt: those whom a flash has not reached when
// something lower comes into its story get it first.
func TestAFlashIsNotLostToWhatFollowsIt(t *testing.T) {
	h := newHouse(t, map[string]http.HandlerFunc{"slow": paced()}, nil)
	h.stop()
	subs := h.subscribe(600, "slow", nil)
	h.start(func(o *push.Options) { o.PageSize = 64 })
	older := h.post(news.Post{Level: news.Flash, Headline: "Dam has burst", Story: "dam"})
	h.until("some are reached", func() bool { return len(h.sink.Order()) >= 100 })
	newer := h.post(news.Post{Level: news.Bulletin, Headline: "Rescuers at the dam", Story: "dam"})
	if r := h.finished(older); r.Tally.Accepted != 600 {
		t.Errorf("the flash came to %+v", r.Tally)
	}
	if r := h.finished(newer); r.Tally.Accepted != 600 {
		t.Errorf("what followed came to %+v", r.Tally)
	}
	for _, s := range subs {
		if got := h.sink.Got(s); len(got) != 2 || !strings.Contains(got[0].Text, "burst") || !strings.Contains(got[1].Text, "Rescuers") {
			t.Errorf("%d messages, of which the last is %q", len(got), got[len(got)-1].Text)
		}
	}
}

// TestOlderIsAnsweredBeforeNewer: while the push service takes its time over the
// older item the newer one of the story waits for the device, on the same node
// and on another one.
func TestOlderIsAnsweredBeforeNewer(t *testing.T) {
	for _, nodes := range []int{1, 2} {
		var arrived atomic.Int64
		h := newHouse(t, map[string]http.HandlerFunc{"slow": firstThen(func(w http.ResponseWriter, _ *http.Request) {
			arrived.Add(1)
			time.Sleep(300 * time.Millisecond) // what it takes over the older one
			w.WriteHeader(http.StatusCreated)
		})}, nil)
		subs := h.subscribe(120, "slow", nil)
		if nodes == 2 {
			h.node(nil)
		}
		older := h.post(news.Post{Level: news.Bulletin, Headline: "Dam is leaking", Story: "dam"})
		h.until("some are on their way", func() bool { return arrived.Load() >= 50 })
		newer := h.post(news.Post{Level: news.Flash, Headline: "Dam has burst", Story: "dam"})
		if r := h.finished(newer); r.Tally.Accepted != 120 {
			t.Errorf("%d nodes: the flash came to %+v", nodes, r.Tally)
		}
		if r := h.finished(older); r.Tally.Accepted+r.Tally.Cancelled != 120 || r.Tally.Accepted < 50 {
			t.Errorf("%d nodes: the bulletin came to %+v", nodes, r.Tally)
		}
		for _, s := range subs {
			got := h.sink.Got(s)
			if last := got[len(got)-1]; !strings.Contains(last.Text, "burst") {
				t.Errorf("%d nodes: of %d the last word is %q", nodes, len(got), last.Text)
			}
		}
		h.stop()
	}
}

// TestACorrectionLeavesNewerNewsStanding: who was sent the error gets the
// correction, and keeps what has come into the story since.
func TestACorrectionLeavesNewerNewsStanding(t *testing.T) {
	h := newHouse(t, nil, nil)
	both := h.subscribe(5, "ok", func(s *push.Subscription) { s.Topics = []string{"floods", "world"} })
	one := h.subscribe(5, "ok", func(s *push.Subscription) { s.Topics = []string{"floods"} })
	wrong := h.post(news.Post{Headline: "Dam is leaking", Story: "dam", Topics: []string{"floods"}})
	h.finished(wrong)
	h.finished(h.post(news.Post{Headline: "Villages are being cleared", Story: "dam", Topics: []string{"world"}}))
	headline := "Sluice is leaking"
	if r := h.finished(h.revise(wrong, news.Revision{Kind: news.Corrected, Headline: &headline, Reason: "It was the sluice."})); r.Tally.Accepted != 10 {
		t.Errorf("the correction came to %+v", r.Tally)
	}
	of := h.sink.Got(one[0])[0].Topic
	for _, s := range both {
		if got := h.sink.Got(s); len(got) != 3 || !strings.Contains(h.shows(s, of), "Villages") || got[2].Topic == of || !strings.Contains(got[2].Text, "Correction: ") ||
			strings.Contains(got[2].Text, `"tag":"dam"`) {
			t.Errorf("who wants both has %+v", got)
		}
	}
	for _, s := range one {
		if got := h.sink.Got(s); len(got) != 2 || !strings.Contains(h.shows(s, of), "Correction: ") || !strings.Contains(got[1].Text, `"tag":"dam"`) {
			t.Errorf("who wants the one has %+v", got)
		}
	}
}

// TestADrillLeavesTheStoryStanding: it replaces no live alert.
func TestADrillLeavesTheStoryStanding(t *testing.T) {
	h := newHouse(t, nil, nil)
	s := h.subscribe(1, "ok", func(s *push.Subscription) { s.Topics = []string{"world", "drill"} })[0]
	h.finished(h.post(news.Post{Story: "dam", Topics: []string{"world"}}))
	h.finished(h.post(news.Post{Story: "dam", Drill: true, Topics: []string{"drill"}}))
	got := h.sink.Got(s)
	if len(got) != 2 || got[0].Topic == got[1].Topic || strings.Contains(got[1].Text, `"tag":"dam"`) || !strings.Contains(got[1].Text, `"story":"dam"`) {
		t.Errorf("it had %+v", got)
	}
}
