package push

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"crier/news"
)

// TestEachDayHasOneDigest walks the slots of a year, in zones whose clocks are
// set at all sorts of times.
func TestEachDayHasOneDigest(t *testing.T) {
	begin := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, name := range []string{"UTC", "Europe/Vienna", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe", "Africa/Cairo", "America/Havana", "Pacific/Apia", "Asia/Beirut"} {
		loc := zone(t, name)
		for _, digest := range []int{0, 1, 15, 90, 150, 165, 1080, 1439} {
			s := Subscription{Digest: digest}
			var last time.Time
			n := 0
			for slot := begin; slot.Before(begin.AddDate(1, 0, 0)); slot = slot.Add(digestSlot) {
				from, ok := s.digestSpan(slot, loc, 1)
				if !ok {
					continue
				}
				n++
				if !last.IsZero() && !from.Equal(last) {
					t.Fatalf("%s at %d: the digest of %v tells from %v, and the one before came at %v", name, digest, slot.In(loc), from.In(loc), last.In(loc))
				}
				if d := slot.Sub(from); d < 22*time.Hour || d > 26*time.Hour {
					t.Fatalf("%s at %d: the digest of %v is of %v", name, digest, slot.In(loc), d)
				}
				last = slot
			}
			if n < 364 || n > 366 {
				t.Errorf("%s at %d: %d digests in a year", name, digest, n)
			}
		}
	}
}

// TestWhatIsHeldIsTold: over two days, each campaign is either delivered or in
// exactly one digest, whoever the subscriber is, and though no node was there for
// some time to open digests.
func TestWhatIsHeldIsTold(t *testing.T) {
	for _, away := range [][2]time.Duration{{}, {20 * time.Hour, 30 * time.Hour}, {20 * time.Hour, 50 * time.Hour}, {45 * time.Hour, 93 * time.Hour}} {
		t.Run(away[1].String(), func(t *testing.T) { testWhatIsHeldIsTold(t, away[0], away[1]) })
	}
}

func testWhatIsHeldIsTold(t *testing.T, gone, back time.Duration) {
	begin := time.Date(2026, 3, 27, 23, 0, 0, 0, time.UTC) // the clocks are set on the 29th
	var since []Campaign
	for i := range 120 {
		level := []news.Level{news.Urgent, news.Bulletin, news.Urgent, news.Flash}[i%4]
		kind := news.Posted
		if i%9 == 8 {
			kind = news.Corrected
		}
		c := campaign(kind, level, begin.Add(time.Duration(i)*29*time.Minute))
		c.Entry.Offset = uint64(i + 1)
		since = append(since, c)
	}
	for _, name := range []string{"UTC", "Europe/Vienna", "Asia/Kathmandu"} {
		for _, s := range []Subscription{
			{Level: news.Urgent, DailyMax: 1, Digest: usualDigest},
			{Level: news.Urgent, DailyMax: 5, Digest: 0, FlashAlways: true},
			{Level: news.Bulletin, DailyMax: 2, Digest: 150, Quiet: &Quiet{22 * 60, 7 * 60}},
			{Level: news.Urgent, DailyMax: 3, Digest: 1439, CreatedAt: begin.Add(20 * time.Hour)},
			{Level: news.Urgent, Digest: usualDigest},
		} {
			loc := zone(t, name)
			told := map[int]int{}
			var digests []Campaign
			for slot := begin.Truncate(digestSlot); slot.Before(begin.Add(150 * time.Hour)); slot = slot.Add(digestSlot) {
				if at := slot.Sub(begin); gone <= at && at < back {
					continue
				}
				from := slot.Add(-digestBack) // as the store gives them
				low := slices.IndexFunc(since, func(c Campaign) bool { return !c.OpenedAt.Before(from) })
				if low < 0 {
					break
				}
				high := max(low, slices.IndexFunc(append(slices.Clone(since), Campaign{OpenedAt: slot}), func(c Campaign) bool { return !c.OpenedAt.Before(slot) }))
				all := since[low:high]
				if _, now := s.digestSpan(slot, loc, 1); now { // else they make no difference, and many are slow
					all = append(slices.Clone(all), digests...)
				}
				for _, i := range decideDigest(s, slot, loc, all) {
					told[low+i]++
				}
				digests = append(digests, newDigest(slot, slot.Add(digestGrace)))
			}
			some := 0
			for i, c := range since {
				held := Decide(s, c, c.OpenedAt, loc, since[:i]) == Held && !c.OpenedAt.Before(s.CreatedAt)
				if held {
					some++
				}
				if want := map[bool]int{true: 1}[held]; told[i] != want {
					t.Errorf("%s, %+v: campaign %d (%s, %v) was told %d times, want %d", name, s, i, c.Entry.Item.Level, c.OpenedAt.In(loc), told[i], want)
				}
			}
			if (some > 0) != (s.DailyMax > 0) {
				t.Errorf("%s, %+v: %d were held", name, s, some)
			}
		}
	}
}

func TestDigestSaysHowThingsStand(t *testing.T) {
	slot := time.Date(2026, 3, 2, 18, 0, 0, 0, time.UTC)
	d := &digest{slot: slot, items: map[string]news.Entry{}, texts: map[string][]byte{}}
	item := func(id, story, headline string, withdrawn bool) {
		c := campaign(news.Posted, news.Urgent, slot.Add(time.Duration(len(d.since)-60)*time.Minute))
		c.Entry.Item.ID, c.Entry.Item.Story, c.Entry.Item.Headline = id, story, "as it was alerted"
		d.since = append(d.since, c)
		c.Entry.Item.Headline, c.Entry.Item.Withdrawn, c.Entry.Item.Language = headline, withdrawn, "en"
		d.items[id] = c.Entry
	}
	item("n1", "s1", "The one that came through", false)
	item("n2", "s2", "Bridge closed", false)
	item("n3", "s3", "A mistake", true)
	item("n4", "s2", "Bridge open again", false)
	item("n5", "s4", "Öl über 90 $", false)
	s := Subscription{Level: news.Urgent, DailyMax: 1, Digest: usualDigest}
	c := newDigest(slot, slot.Add(time.Minute))
	text := func(s Subscription) (Voice, notification) {
		t.Helper()
		v, b, err := d.text(c, s, slot.Add(time.Minute), time.UTC, "https://news.example", "")
		if err != nil {
			t.Fatal(err)
		}
		var n notice
		if b != nil {
			if err := json.Unmarshal(b, &n); err != nil {
				t.Fatal(err)
			}
		}
		return v, n.Notification
	}
	v, n := text(s)
	if v != Loud || n.Title != "2 more stories today" || n.Body != "Öl über 90 $\nBridge open again" || n.Navigate != "https://news.example/" || n.Data.Kind != "digest" || n.Data.Receipt != c.Token {
		t.Errorf("%v, %+v", v, n)
	}
	s.Quiet = &Quiet{18 * 60, 19 * 60}
	if v, n := text(s); v != Silent || !n.Silent {
		t.Errorf("in quiet hours: %v, %+v", v, n)
	}
	s.Quiet, s.DailyMax = nil, 4
	if v, n := text(s); v != Loud || n.Title != "1 more story today" {
		t.Errorf("with one held: %v, %+v", v, n)
	}
	s.DailyMax = 5
	if v, _ := text(s); v != Unwanted {
		t.Errorf("with none held: %v", v)
	}
	s.DailyMax, s.Digest = 1, 17*60+45
	if v, _ := text(s); v != Unwanted {
		t.Errorf("at another time: %v", v)
	}
	if len(d.texts) != 3 {
		t.Errorf("%d texts were made", len(d.texts))
	}
	d.items["n5"] = news.Entry{Item: news.Item{Withdrawn: true}}
	clear(d.texts)
	if v, n := text(Subscription{Level: news.Urgent, DailyMax: 4, Digest: usualDigest}); v != Unwanted {
		t.Errorf("with all of it withdrawn: %v, %+v", v, n)
	}
}

func TestTheLongestDigestFits(t *testing.T) {
	var stories []news.Item
	for i := range 50 {
		stories = append(stories, news.Item{Story: fmt.Sprint(i), Headline: strings.Repeat("橋", news.MaxHeadline), Language: "ja"})
	}
	b, err := digestPayload(newDigest(time.Now(), time.Now()), stories, "https://"+strings.Repeat("s", maxSite-8), "", false)
	if err != nil || !strings.Contains(string(b), "50 more stories today") {
		t.Errorf("%s, %v", b, err)
	}
}

// drawer is a store that has campaigns and nothing else.
type drawer struct {
	Store
	mu sync.Mutex
	cs []Campaign
}

func (s *drawer) CampaignsSince(_ context.Context, t time.Time) (out []Campaign, _ error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.cs {
		if !c.OpenedAt.Before(t) {
			out = append(out, c)
		}
	}
	return out, nil
}

func (s *drawer) OpenCampaigns(_ context.Context, _ news.Cursor, cs []Campaign) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range cs {
		if !slices.ContainsFunc(s.cs, func(have Campaign) bool { return have.ID == c.ID }) {
			s.cs = append(s.cs, c)
		}
	}
	return nil
}

// add puts an alert on the drawer that opens now.
func (s *drawer) add(t *testing.T) Campaign {
	c := campaign(news.Posted, news.Urgent, time.Now())
	c.Entry.Offset = uint64(len(s.cs) + 1)
	c.Entry.Item.ID = fmt.Sprint("n", len(s.cs))
	c.Entry.Item.Story, c.Entry.Item.Headline = "s"+c.Entry.Item.ID, "Headline of "+c.Entry.Item.ID
	c.ID, c.Deadline = fmt.Sprint("e.", c.Entry.Offset), time.Now().Add(6*time.Hour)
	if err := s.OpenCampaigns(t.Context(), news.Cursor{}, []Campaign{c}); err != nil {
		t.Fatal(err)
	}
	return c
}

// serve is a service on the drawer.
func (s *drawer) serve(t *testing.T) *Service {
	t.Helper()
	svc, err := New(s, nil, testKeys(t), Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(svc.net.close)
	return svc
}

func testKeys(t *testing.T) VAPID {
	t.Helper()
	keys, err := VAPID{}.Rotated()
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

// TestDigestsAfterAnOutage: a site that was away for some hours sends the digests
// of that time, and one that was away for longer tells in the next one what those
// had to tell.
func TestDigestsAfterAnOutage(t *testing.T) {
	for _, away := range []time.Duration{time.Minute, 4 * time.Hour, 5*time.Hour + 50*time.Minute, 9 * time.Hour, 30 * time.Hour, 53 * time.Hour} {
		t.Run(away.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start := time.Now().UTC() // midnight
				s := &drawer{}
				svc := s.serve(t)
				who := Subscription{Level: news.Urgent, DailyMax: 1, Digest: 60, CreatedAt: start.Add(-24 * time.Hour)}
				s.add(t)
				time.Sleep(10 * time.Minute)
				held := s.add(t)
				time.Sleep(49 * time.Minute) // a minute before its digest
				slot := start.Add(time.Hour)
				time.Sleep(away)
				ctx, cancel := context.WithCancel(t.Context())
				done := make(chan struct{})
				go func() { svc.openDigests(ctx); close(done) }()
				time.Sleep(50 * time.Hour) // of any digest that tells
				cancel()
				<-done
				var told []time.Duration
				for _, c := range s.cs {
					if !c.isDigest() {
						continue
					}
					d, err := svc.newDigestOf(t.Context(), c)
					if err != nil {
						t.Fatal(err)
					}
					v, text, err := d.text(c, who, c.OpenedAt, time.UTC, "https://news.example", "")
					if err != nil {
						t.Fatal(err)
					}
					if v != Unwanted {
						told = append(told, c.Entry.Item.PostedAt.Sub(slot))
						if !strings.Contains(string(text), held.Entry.Item.Headline) || !c.OpenedAt.Before(c.Deadline) {
							t.Errorf("the digest of %v says %s, until %v", c.Entry.Item.PostedAt, text, c.Deadline)
						}
					}
				}
				want := time.Duration(0) // its own, or the first that is not too late
				for away-time.Minute >= want+digestLife {
					want += 24 * time.Hour
				}
				if len(told) != 1 || told[0] != want {
					t.Errorf("it was told in the digests %v after its own, want %v", told, want)
				}
			})
		})
	}
}

// TestALateDeliveryIsStillHeld: what is beyond the day's bound waits for the
// digest, however late a worker comes to it.
func TestALateDeliveryIsStillHeld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &drawer{}
		svc := s.serve(t)
		time.Sleep(10 * time.Minute) // after midnight
		s.add(t)
		time.Sleep(23*time.Hour + 30*time.Minute)
		c := s.add(t)
		for range 2 {
			w := &task{Service: svc, lease: Lease{Campaign: c}}
			if err := w.prepare(t.Context()); err != nil {
				t.Fatal(err)
			}
			who := Subscription{Level: news.Urgent, DailyMax: 1}
			if v, _ := w.voice(c, who, time.Now()); v != Held {
				t.Errorf("%v after it opened its voice is %v", time.Since(c.OpenedAt), v)
			}
			who.DailyMax = 2
			if v, _ := w.voice(c, who, time.Now()); v != Loud {
				t.Errorf("%v after it opened the voice for who has had one of two is %v", time.Since(c.OpenedAt), v)
			}
			time.Sleep(5 * time.Hour)
		}
	})
}
