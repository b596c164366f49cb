package main

import (
	"fmt"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"crier/engine/sqlite"
	"crier/news"
	"crier/push"
)

// TestPromisesAreCounted has the leader see campaigns whose promises are kept and
// broken, each by what was promised when it opened, and how long each took.
func TestPromisesAreCounted(t *testing.T) {
	store, err := sqlite.Open(t.Context(), t.TempDir(), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	}()
	keys, err := push.VAPID{}.Rotated()
	if err != nil {
		t.Fatal(err)
	}
	alerts, err := push.New(store, store, keys, push.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 10 {
		endpoint := fmt.Sprint("https://push.example/", i)
		if _, err := store.PutSubscription(t.Context(), push.Subscription{ID: push.EndpointID(endpoint), Endpoint: endpoint, Level: news.Urgent}); err != nil {
			t.Fatal(err)
		}
	}
	// send has all but a few accepted within so many tenths of the opening.
	send := func(id string, promise push.Promise, within int, but int64) {
		t.Helper()
		opened := time.Now().Add(-8 * time.Second).UTC().Truncate(time.Millisecond)
		c := push.Campaign{ID: id, Token: "token-of-" + id, OpenedAt: opened, Deadline: opened.Add(time.Hour), Promise: promise,
			Entry: news.Entry{Offset: 1, Kind: news.Posted, Item: news.Item{ID: "n" + id, Story: "s" + id}}}
		if err := store.OpenCampaigns(t.Context(), news.Cursor{}, []push.Campaign{c}); err != nil {
			t.Fatal(err)
		}
		l, ok, err := store.Claim(t.Context(), push.Worker{Name: "w"}, time.Now(), time.Minute)
		if err != nil || !ok {
			t.Fatalf("claim: %v, %v", ok, err)
		}
		tally := push.Tally{Audience: 10, Accepted: 10 - but, Expired: but, AcceptedAt: map[int]int64{within: 10 - but}}
		if _, err := store.Checkpoint(t.Context(), l, push.Progress{Cursor: push.ID{255}, Scanned: true, Ends: time.Now().Add(time.Minute), Tally: tally}); err != nil {
			t.Fatal(err)
		}
	}
	p := newPromises()
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(p.judged, p.to90)
	count := p.chore(alerts)
	look := func() {
		t.Helper()
		if err := count.do(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	second := push.Promise{Share: 0.9, Within: time.Second}
	look() // what was there before a leader's first look is not its to count
	send("a", second, 4, 0)
	look()
	send("b", second, 25, 0)                                            // too late
	send("c", push.Promise{Share: 0.9, Within: 3 * time.Second}, 25, 0) // in time for what was promised then
	send("d", second, 4, 2)                                             // too few
	send("e", push.Promise{}, 4, 0)
	look()
	look() // each is counted once

	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	judged := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() == "crier_campaigns_total" {
				judged[m.GetLabel()[0].GetValue()] = m.GetCounter().GetValue()
				continue
			}
			h := m.GetHistogram()
			if f.GetName() != "crier_campaign_90_seconds" || h.GetSampleCount() != 4 || h.GetSampleSum() < 6.1 || h.GetSampleSum() > 6.3 { // 0.5, 2.6, 2.6, 0.5
				t.Errorf("%s: %v", f.GetName(), h)
			}
		}
	}
	if len(judged) != 3 || judged["kept"] != 2 || judged["broken"] != 2 || judged["void"] != 0 || len(families) != 2 {
		t.Errorf("by verdict: %v", judged)
	}
}
