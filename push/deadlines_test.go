package push

import (
	"testing"
	"time"

	"crier/news"
)

// TestDeadlines: how long an alert is sent and kept for devices that are off, by
// its level; a correction as long as the longest, whatever its own.
func TestDeadlines(t *testing.T) {
	var usual Options
	if err := usual.complete(); err != nil {
		t.Fatal(err)
	}
	posted := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	own := Deadlines{Flash: time.Hour, Bulletin: 2 * time.Hour, Urgent: 3 * time.Hour}
	for _, c := range []struct {
		deadlines Deadlines
		level     news.Level
		kind      news.Kind
		want      time.Duration
	}{
		{usual.Deadlines, news.Flash, news.Posted, 6 * time.Hour},
		{usual.Deadlines, news.Bulletin, news.Posted, 4 * time.Hour},
		{usual.Deadlines, news.Urgent, news.Posted, 2 * time.Hour},
		{usual.Deadlines, news.Urgent, news.Updated, 2 * time.Hour},
		{usual.Deadlines, news.Urgent, news.Corrected, 6 * time.Hour},
		{usual.Deadlines, news.Bulletin, news.Withdrawn, 6 * time.Hour},
		{own, news.Flash, news.Posted, time.Hour},
		{own, news.Urgent, news.Posted, 3 * time.Hour},
		{own, news.Flash, news.Corrected, 3 * time.Hour},
	} {
		e := news.Entry{Offset: 1, Kind: c.kind, Alert: true, Item: news.Item{ID: "n1", Level: c.level, PostedAt: posted, RevisedAt: posted}}
		got := newCampaign("e", e, posted.Add(time.Minute), c.deadlines)
		if d := got.Deadline.Sub(posted); d != c.want {
			t.Errorf("%s at %s, of %+v: %v, want %v", c.kind, c.level, c.deadlines, d, c.want)
		}
	}
}
