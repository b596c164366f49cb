package enginetest

import (
	"context"
	"crypto/sha256"
	"fmt"
	"testing"
	"time"

	"crier/news"
	"crier/push"
)

// base is the time at which fixtures happen. Engines are told the time
// wherever the suite depends on it.
var base = time.Date(2026, 3, 4, 5, 6, 7, 89e6, time.UTC)

// posted is the first entry of the item id, with every field of a new item.
func posted(id string) news.Draft {
	return news.Draft{Kind: news.Posted, Alert: true, By: "keditor", Item: news.Item{
		ID: id, Version: 1, Story: "s-" + id, Level: news.Bulletin,
		Headline: "Flood reaches the old town of <" + id + "> — “at noon” & after",
		Summary:  "Two lines\nof summary.", URL: "https://example.org/" + id + "?a=1&b=2",
		Topics: []string{"floods", "world"}, Language: "pt-BR", PostedAt: base, RevisedAt: base,
		NewStory: true, Alerted: &news.Reach{Level: news.Bulletin, Topics: []string{"floods", "world"}},
	}}
}

// drill is the first entry of an exercise.
func drill(id string) news.Draft {
	d := posted(id)
	d.Alert = false
	d.Item.Drill, d.Item.Topics, d.Item.Alerted = true, []string{news.DrillTopic}, nil
	return d
}

// revised is the entry after it of an item that stands at version.
func revised(id string, version int, kind news.Kind) news.Draft {
	d := posted(id)
	at := base.Add(time.Duration(version) * time.Minute)
	d.Kind, d.Item.Version, d.Item.RevisedAt, d.Item.Formerly = kind, version+1, at, []string{"sport", "towns"}
	d.Item.Headline = fmt.Sprintf("%s (%d)", d.Item.Headline, version+1)
	switch kind {
	case news.Corrected:
		d.Item.CorrectedAt, d.Item.Reason = &at, "The river was misnamed."
	case news.Withdrawn:
		d.Item.Withdrawn, d.Item.Reason = true, "It did not happen."
	}
	return d
}

// keyed is an idempotency key for a request with the body.
func keyed(value, body string) news.Key {
	return news.Key{Value: value, Sum: sha256.Sum256([]byte(body))}
}

// add appends d without a key and returns its entry.
func add(t testing.TB, e Engine, d news.Draft) news.Entry {
	t.Helper()
	return must(e.Append(t.Context(), news.Key{}, d))(t).Entry
}

// addItems appends n new items named prefix0, prefix1 ….
func addItems(t testing.TB, e Engine, prefix string, n int) (out []news.Entry) {
	t.Helper()
	for i := range n {
		out = append(out, add(t, e, posted(fmt.Sprintf("%s%d", prefix, i))))
	}
	return out
}

// entry is what appending d at the offset makes.
func entry(d news.Draft, offset, first uint64) news.Entry {
	return news.Entry{Offset: offset, First: first, Kind: d.Kind, Alert: d.Alert, Item: d.Item.Clone()}
}

// wholeLog is every entry there is.
func wholeLog(t testing.TB, e Engine) []news.Entry {
	t.Helper()
	return must(e.Since(t.Context(), news.Cursor{}, 1e6))(t)
}

// fold is the front that the entries make, done the slow and obvious way.
func fold(log []news.Entry, n int) (out []news.Entry) {
	last := map[uint64]news.Entry{}
	var top uint64
	for _, e := range log {
		last[e.First] = e
		top = max(top, e.First)
	}
	left := map[bool]int{false: n, true: n}
	for first := top; first > 0; first-- {
		if e, found := last[first]; found && left[e.Item.Drill] > 0 {
			left[e.Item.Drill]--
			out = append(out, e)
		}
	}
	return out
}

// subscriber is the nth subscription of a made-up push service. They differ
// in everything that they can differ in.
func subscriber(n int) push.Subscription {
	endpoint := fmt.Sprintf("https://push.example.org/wpush/v2/%064d", n)
	sum := sha256.Sum256([]byte(endpoint))
	s := push.Subscription{
		ID: push.EndpointID(endpoint), Endpoint: endpoint, Auth: [16]byte(sum[16:]),
		Level: news.Levels()[1+n%3], DailyMax: n % 4, Language: []string{"", "en", "pt-BR"}[n%3],
		FlashAlways: n%5 == 0, Digest: n * 37 % 1440, Zone: []string{"", "Europe/Vienna", "UTC"}[n%3], Key: n % 2, Unconfirmed: n%7 == 6,
		CreatedAt: base.Add(time.Duration(n) * time.Millisecond), SeenAt: base.Add(time.Duration(n) * time.Second),
	}
	copy(s.P256dh[:], fmt.Sprintf("\x04%064d", n))
	if n%2 == 1 {
		s.Topics = []string{"floods", "world"}[:1+n%4/2]
		s.Quiet = &push.Quiet{From: 22 * 60, To: n % 1440}
	}
	return s
}

// subscribe puts subscribers from up to but not including to.
func subscribe(t testing.TB, e Engine, from, to int) map[push.ID]bool {
	t.Helper()
	ctx, ids := t.Context(), map[push.ID]bool{}
	errs := make(chan error, to-from)
	together(16, func(k int) {
		for n := from + k; n < to; n += 16 {
			created, err := e.PutSubscription(ctx, subscriber(n))
			if err == nil && !created {
				err = fmt.Errorf("subscriber %d was there", n)
			}
			errs <- err
		}
	})
	for n := from; n < to; n++ {
		ok(t, <-errs)
		ids[subscriber(n).ID] = true
	}
	return ids
}

// campaign is one for entry e of epoch.
func campaign(epoch string, e news.Entry) push.Campaign {
	cur := news.Cursor{Epoch: epoch, Offset: e.Offset}
	sum := sha256.Sum256([]byte(cur.String()))
	return push.Campaign{
		ID: cur.String(), Entry: e.Clone(), Lane: e.Item.Level.Rank(), Token: fmt.Sprintf("%x", sum[:16]),
		Reach:    news.Reach{Level: e.Item.Level, Topics: append([]string{}, e.Item.Topics...)},
		OpenedAt: base.Add(time.Duration(e.Offset) * time.Second), Deadline: base.Add(time.Hour), Sample: int(e.Offset % 3),
		Promise: push.Promise{Share: 0.995, Within: time.Duration(e.Offset) * 1500 * time.Millisecond},
	}
}

// open appends d and opens its campaign.
func open(t testing.TB, e Engine, d news.Draft) push.Campaign {
	t.Helper()
	r := must(e.Append(t.Context(), news.Key{}, d))(t)
	c := campaign(r.Cursor.Epoch, r.Entry)
	ok(t, e.OpenCampaigns(context.Background(), r.Cursor, []push.Campaign{c}))
	return c
}
