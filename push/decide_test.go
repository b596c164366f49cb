package push

import (
	"testing"
	"time"

	"crier/news"
)

func campaign(kind news.Kind, level news.Level, opened time.Time, topics ...string) Campaign {
	return Campaign{
		Entry:    news.Entry{Kind: kind, Alert: true, Item: news.Item{Level: level, Topics: topics}},
		Reach:    news.Reach{Level: level, Topics: topics},
		OpenedAt: opened,
	}
}

func zone(t testing.TB, name string) *time.Location {
	t.Helper()
	loc, err := loadZone(name)
	if err != nil {
		t.Fatal(err)
	}
	return loc
}

func TestDecide(t *testing.T) {
	vienna := zone(t, "Europe/Vienna")
	noon := time.Date(2026, 3, 2, 12, 0, 0, 0, vienna)
	night := time.Date(2026, 3, 2, 23, 0, 0, 0, vienna)
	quiet := &Quiet{22 * 60, 7 * 60}
	ago := func(d time.Duration) time.Time { return noon.Add(-d) }
	three := []Campaign{
		campaign(news.Posted, news.Urgent, ago(3*time.Hour), "world"),
		campaign(news.Updated, news.Bulletin, ago(2*time.Hour), "world"),
		campaign(news.Posted, news.Flash, ago(time.Hour), "world"),
	}
	for _, tt := range []struct {
		name  string
		sub   Subscription
		c     Campaign
		now   time.Time
		today []Campaign
		want  Voice
	}{
		{"everything live", Subscription{Level: news.Urgent}, campaign(news.Posted, news.Urgent, noon, "world"), noon, nil, Loud},
		{"an item without topics", Subscription{Level: news.Urgent}, campaign(news.Posted, news.Urgent, noon), noon, nil, Loud},
		{"a topic asked for", Subscription{Level: news.Urgent, Topics: []string{"sport", "world"}}, campaign(news.Posted, news.Urgent, noon, "world"), noon, nil, Loud},
		{"another topic", Subscription{Level: news.Urgent, Topics: []string{"sport"}}, campaign(news.Posted, news.Flash, noon, "world"), noon, nil, Unwanted},
		{"level too low", Subscription{Level: news.Bulletin}, campaign(news.Posted, news.Urgent, noon, "world"), noon, nil, Unwanted},
		{"level enough", Subscription{Level: news.Bulletin}, campaign(news.Posted, news.Flash, noon, "world"), noon, nil, Loud},
		{"a drill, not asked for", Subscription{Level: news.Urgent}, campaign(news.Posted, news.Flash, noon, "drill"), noon, nil, Unwanted},
		{"a drill, asked for", Subscription{Level: news.Urgent, Topics: []string{"drill"}}, campaign(news.Posted, news.Flash, noon, "drill"), noon, nil, Loud},

		{"at night", Subscription{Level: news.Urgent, Quiet: quiet}, campaign(news.Posted, news.Urgent, night), night, nil, Silent},
		{"a flash at night", Subscription{Level: news.Urgent, Quiet: quiet}, campaign(news.Posted, news.Flash, night), night, nil, Silent},
		{"a flash at night, ticked", Subscription{Level: news.Urgent, Quiet: quiet, FlashAlways: true}, campaign(news.Posted, news.Flash, night), night, nil, Loud},
		{"another one at night, ticked", Subscription{Level: news.Urgent, Quiet: quiet, FlashAlways: true}, campaign(news.Posted, news.Bulletin, night), night, nil, Silent},
		{"a withdrawal at night", Subscription{Level: news.Urgent, Quiet: quiet}, campaign(news.Withdrawn, news.Flash, night), night, nil, Silent},
		{"after the night", Subscription{Level: news.Urgent, Quiet: quiet}, campaign(news.Posted, news.Urgent, noon), noon, nil, Loud},
		{"opened at night, sent by day", Subscription{Level: news.Urgent, Quiet: quiet}, campaign(news.Posted, news.Urgent, night.AddDate(0, 0, -1)), noon, nil, Loud},

		{"the third of three", Subscription{Level: news.Urgent, DailyMax: 3}, campaign(news.Posted, news.Urgent, noon), noon, three[:2], Loud},
		{"the fourth of three", Subscription{Level: news.Urgent, DailyMax: 3}, campaign(news.Posted, news.Urgent, noon), noon, three, Held},
		{"a flash beyond", Subscription{Level: news.Urgent, DailyMax: 3}, campaign(news.Posted, news.Flash, noon), noon, three, Held},
		{"a flash beyond, ticked", Subscription{Level: news.Urgent, DailyMax: 3, FlashAlways: true}, campaign(news.Posted, news.Flash, noon), noon, three, Loud},
		{"beyond, but a flash was ticked", Subscription{Level: news.Urgent, DailyMax: 3, FlashAlways: true}, campaign(news.Posted, news.Urgent, noon), noon, three, Held},
		{"what came before the subscription", Subscription{Level: news.Urgent, DailyMax: 1, CreatedAt: ago(30 * time.Minute)}, campaign(news.Posted, news.Urgent, noon), noon, three, Loud},
		{"beyond, and sent at night", Subscription{Level: news.Urgent, DailyMax: 3, Quiet: quiet}, campaign(news.Posted, news.Urgent, noon), night, three, Held},
		{"at night beyond", Subscription{Level: news.Urgent, DailyMax: 1, Quiet: quiet}, campaign(news.Posted, news.Urgent, night), night, three, Silent},
		{"unconfirmed", Subscription{Level: news.Urgent, Unconfirmed: true}, campaign(news.Posted, news.Flash, noon), noon, nil, Unwanted},
		{"a digest is none of these", Subscription{Level: news.Urgent}, newDigest(noon, noon), noon, nil, Unwanted},
		{"a correction beyond", Subscription{Level: news.Urgent, DailyMax: 3}, campaign(news.Corrected, news.Urgent, noon), noon, three, Loud},
		{"unwanted ones do not count", Subscription{Level: news.Bulletin, DailyMax: 3}, campaign(news.Posted, news.Bulletin, noon), noon, three, Loud},
		{"corrections do not count", Subscription{Level: news.Urgent, DailyMax: 1}, campaign(news.Posted, news.Urgent, noon), noon,
			[]Campaign{campaign(news.Corrected, news.Flash, ago(time.Hour)), campaign(news.Withdrawn, news.Flash, ago(time.Hour))}, Loud},
		{"silent ones do not count", Subscription{Level: news.Urgent, DailyMax: 1, Quiet: quiet}, campaign(news.Posted, news.Urgent, noon), noon,
			[]Campaign{campaign(news.Posted, news.Urgent, ago(6*time.Hour))}, Loud},
		{"yesterday's do not count", Subscription{Level: news.Urgent, DailyMax: 1}, campaign(news.Posted, news.Urgent, noon), noon,
			[]Campaign{campaign(news.Posted, news.Urgent, ago(12*time.Hour+time.Minute))}, Loud},
		{"since midnight they do", Subscription{Level: news.Urgent, DailyMax: 1}, campaign(news.Posted, news.Urgent, noon), noon,
			[]Campaign{campaign(news.Posted, news.Urgent, ago(12*time.Hour))}, Held},
	} {
		if got := Decide(tt.sub, tt.c, tt.now.UTC(), vienna, tt.today); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}

func TestQuietHours(t *testing.T) {
	at := func(h, m int) time.Time { return time.Date(2026, 3, 2, h, m, 30, 0, time.UTC) }
	night, day := &Quiet{From: 22 * 60, To: 7 * 60}, &Quiet{From: 9 * 60, To: 17 * 60}
	for _, tt := range []struct {
		q    *Quiet
		at   time.Time
		want bool
	}{
		{night, at(21, 59), false}, {night, at(22, 0), true}, {night, at(0, 0), true}, {night, at(6, 59), true}, {night, at(7, 0), false},
		{day, at(8, 59), false}, {day, at(9, 0), true}, {day, at(16, 59), true}, {day, at(17, 0), false}, {nil, at(3, 0), false},
	} {
		if got := tt.q.covers(tt.at); got != tt.want {
			t.Errorf("%+v covers %v: %v", tt.q, tt.at, got)
		}
	}
	// When clocks are set forward, 02:30 never comes; the wall goes from quiet to not.
	vienna := zone(t, "Europe/Vienna")
	early := &Quiet{From: 60, To: 150}
	before := time.Date(2026, 3, 29, 0, 59, 59, 0, time.UTC)
	if !early.covers(before.In(vienna)) || early.covers(before.Add(time.Second).In(vienna)) {
		t.Error("the night clocks are set forward")
	}
}

func TestZones(t *testing.T) {
	var z zones
	s := Subscription{Zone: "Asia/Kathmandu"}
	first := z.of(s)
	if first.String() != "Asia/Kathmandu" || z.of(s) != first {
		t.Errorf("zone %v", first)
	}
	if z.of(Subscription{}) != time.UTC || z.of(Subscription{Zone: "Mars/Olympus"}) != time.UTC {
		t.Error("without a zone the day is not UTC's")
	}
}
