package api_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"crier/api"
	"crier/desk"
	"crier/engine/sqlite"
	"crier/news"
	"crier/push"
)

// openCampaign opens the campaign of an entry, as the notification service would.
func openCampaign(t *testing.T, store *sqlite.Engine, e entry) push.Campaign {
	t.Helper()
	upto, err := news.ParseCursor(e.Cursor)
	if err != nil {
		t.Fatal(err)
	}
	opened := time.Now().UTC().Truncate(time.Millisecond)
	c := push.Campaign{ID: e.Cursor, Entry: e.Entry, Reach: *e.Item.Alerted, Lane: 2, Token: "AAAAAAAAAAAAAAAAAAAAAA", OpenedAt: opened, Deadline: opened.Add(time.Hour)}
	if err := store.OpenCampaigns(t.Context(), upto, []push.Campaign{c}); err != nil {
		t.Fatal(err)
	}
	return c
}

// idleAlerts is a notification service that nobody runs, on a store of its
// own, so that a test alone says what becomes of campaigns.
func idleAlerts(t *testing.T) (*sqlite.Engine, options) {
	t.Helper()
	dir := t.TempDir()
	store, err := sqlite.Open(t.Context(), dir, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	vapid := newVAPID(t)
	alerts, err := push.New(store, store, vapid, push.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return store, func(p *api.Parts, _ *api.Options) { p.Alerts = alerts }
}

func TestCampaign(t *testing.T) {
	store, idle := idleAlerts(t)
	s := newSite(t, idle)
	quiet := s.posted("quiet", flood)
	loud := s.posted("loud", strings.Replace(flood, `"language"`, `"alert":true,"language"`, 1))
	upto, err := news.ParseCursor(loud.Cursor)
	if err != nil {
		t.Fatal(err)
	}
	path := "/v1/items/" + loud.Item.ID + "/campaign"
	var early struct {
		Campaign, State string
		Queued          int
	}
	a := s.do(call{method: "GET", path: path})
	a.want(t, http.StatusOK, "")
	if a.into(t, &early); early.Campaign != "" || early.State != "sending" || early.Queued != 0 {
		t.Errorf("before it opens: %+v", early)
	}
	const token = "AAAAAAAAAAAAAAAAAAAAAA"
	opened := time.Now().UTC().Truncate(time.Millisecond)
	for i := range 4 {
		endpoint := fmt.Sprintf("https://%s/%d", alertHost, i)
		if _, err := store.PutSubscription(t.Context(), push.Subscription{
			ID: push.EndpointID(endpoint), Endpoint: endpoint, Level: news.Urgent, CreatedAt: opened, SeenAt: opened,
		}); err != nil {
			t.Fatal(err)
		}
	}
	err = store.OpenCampaigns(t.Context(), upto, []push.Campaign{{
		ID: loud.Cursor, Entry: loud.Entry, Reach: *loud.Item.Alerted, Lane: 2, Token: token, OpenedAt: opened, Deadline: opened.Add(time.Hour),
	}})
	if err != nil {
		t.Fatal(err)
	}
	type counts struct {
		Campaign, Item, Kind, State                      string
		Audience, Accepted, Queued, Displayed, Throttled int
		Failed                                           map[string]int
		SecondsTo50                                      *float64 `json:"seconds_to_50"`
	}
	report := func() (c counts) {
		a := s.do(call{method: "GET", path: path})
		a.want(t, http.StatusOK, "")
		a.into(t, &c)
		return c
	}
	if c := report(); c.Campaign != loud.Cursor || c.Item != loud.Item.ID || c.Kind != "posted" || c.State != "sending" || c.Audience != 0 || c.SecondsTo50 != nil {
		t.Errorf("at first: %+v", c)
	}
	s.do(call{"POST", "/v1/stop", "", s.as(desk.RoleChief)}).want(t, http.StatusOK, "")
	if c := report(); c.State != "stopped" {
		t.Errorf("after the stop: %+v", c)
	}
	s.do(call{"DELETE", "/v1/stop", "", s.as(desk.RoleChief)}).want(t, http.StatusOK, "")

	lease, ok, err := store.Claim(t.Context(), push.Worker{Name: "worker"}, opened, time.Minute)
	if err != nil || !ok {
		t.Fatalf("claim: %v, %v", ok, err)
	}
	_, err = store.Checkpoint(t.Context(), lease, push.Progress{Scanned: true, Ends: opened.Add(time.Minute), Tally: push.Tally{
		Audience: 4, Accepted: 2, Gone: 1, Failed: map[string]int64{push.FailedRequest: 1}, Throttled: 3, AcceptedAt: map[int]int64{3: 2},
	}})
	if err != nil {
		t.Fatal(err)
	}
	receipt := `{"token":"` + token + `","kind":"displayed","nonce":"0123456789abcdef"}`
	for range 2 { // a repeat counts once
		s.do(call{"POST", "/v1/alerts/receipts", receipt, nil}).want(t, http.StatusNoContent, "")
	}
	c := report()
	if c.State != "done" || c.Audience != 4 || c.Accepted != 2 || c.Queued != 0 || c.Displayed != 1 || c.Throttled != 3 || c.Failed[push.FailedRequest] != 1 ||
		c.SecondsTo50 == nil || *c.SecondsTo50 != 0.4 {
		t.Errorf("at the end: %+v", c)
	}
	s.do(call{"GET", path, "", map[string]string{"Authorization": ""}}).want(t, http.StatusUnauthorized, "key-missing")
	s.do(call{method: "GET", path: "/v1/items/" + quiet.Item.ID + "/campaign"}).want(t, http.StatusNotFound, "no-campaign")
	s.do(call{method: "GET", path: "/v1/items/n0/campaign"}).want(t, http.StatusNotFound, "no-item")
}
