package api_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"crier/desk"
	"crier/news"
	"crier/push"
)

// TestDeadLetters: what was given up is told, and attempted again for a chief.
func TestDeadLetters(t *testing.T) {
	store, idle := idleAlerts(t)
	s := newSite(t, idle)
	chief := s.as(desk.RoleChief)
	loud := s.posted("loud", strings.Replace(flood, `"language"`, `"alert":true,"language"`, 1))
	path := "/v1/items/" + loud.Item.ID + "/campaign/"
	s.do(call{method: "GET", path: path + "failed"}).want(t, http.StatusNotFound, "no-campaign")
	s.do(call{"POST", path + "replay", "", chief}).want(t, http.StatusNotFound, "no-campaign")
	var ids []push.ID
	for i := range 3 {
		endpoint := fmt.Sprintf("https://%s/s3cret%d", alertHost, i)
		ids = append(ids, push.EndpointID(endpoint))
		if _, err := store.PutSubscription(t.Context(), push.Subscription{ID: ids[i], Endpoint: endpoint, Level: news.Urgent, CreatedAt: time.Now(), SeenAt: time.Now()}); err != nil {
			t.Fatal(err)
		}
	}
	c := openCampaign(t, store, loud)
	lease, ok, err := store.Claim(t.Context(), push.Worker{Name: "worker"}, c.OpenedAt, time.Minute)
	if err != nil || !ok {
		t.Fatalf("claim: %v, %v", ok, err)
	}
	_, err = store.Checkpoint(t.Context(), lease, push.Progress{Scanned: true, Ends: c.OpenedAt.Add(time.Minute),
		Tally: push.Tally{Audience: 3, Failed: map[string]int64{push.FailedTooLarge: 2, push.FailedAddress: 1}}, Letters: []push.Letter{
			{ID: ids[0], Service: alertHost, Reason: push.FailedTooLarge, Status: 413, At: c.OpenedAt},
			{ID: ids[1], Reason: push.FailedAddress, At: c.OpenedAt},
		}})
	if err != nil {
		t.Fatal(err)
	}
	type letter struct {
		Subscription, Service, Reason string
		Status                        int
		At                            time.Time
	}
	var got struct {
		Campaign     string
		Failed, Kept map[string]int
		Letters      []letter
	}
	a := s.do(call{method: "GET", path: path + "failed"})
	a.want(t, http.StatusOK, "")
	a.into(t, &got)
	if got.Campaign != c.ID || got.Failed[push.FailedTooLarge] != 2 || got.Failed[push.FailedAddress] != 1 || got.Kept[push.FailedTooLarge] != 1 || len(got.Letters) != 2 {
		t.Fatalf("failed: %+v", got)
	}
	if !slices.Contains(got.Letters, letter{ids[0].String(), alertHost, push.FailedTooLarge, 413, c.OpenedAt}) || strings.Contains(string(a.body), "s3cret") {
		t.Errorf("the letters are %s", a.body)
	}
	a = s.do(call{method: "GET", path: path + "failed?limit=1&reason=" + push.FailedAddress})
	a.want(t, http.StatusOK, "")
	if a.into(t, &got); len(got.Letters) != 1 || got.Letters[0].Reason != push.FailedAddress {
		t.Errorf("one of a reason: %+v", got)
	}
	for _, limit := range []string{"-1", "1001", "all"} {
		s.do(call{method: "GET", path: path + "failed?limit=" + limit}).want(t, http.StatusBadRequest, "parameter")
	}
	for method, path := range map[string]string{"GET": path + "failed", "POST": path + "replay"} {
		s.do(call{method, path, "", map[string]string{"Authorization": ""}}).want(t, http.StatusUnauthorized, "key-missing")
	}
	s.do(call{"POST", path + "replay", "", nil}).want(t, http.StatusForbidden, "role")
	s.do(call{"POST", path + "replay", "{", chief}).want(t, http.StatusBadRequest, "json")
	replayed := func(body string, want int) {
		t.Helper()
		var got struct{ Replayed int }
		a := s.do(call{"POST", path + "replay", body, chief})
		a.want(t, http.StatusOK, "")
		if a.into(t, &got); got.Replayed != want {
			t.Errorf("%d were replayed with %q, want %d", got.Replayed, body, want)
		}
	}
	replayed(`{"reason":"`+push.FailedTooLarge+`"}`, 1)
	replayed("", 1)
	replayed("", 0)
	r, err := store.Report(t.Context(), loud.Item.ID)
	if err != nil || r.Tally.Queued() != 2 || r.Tally.Failed[push.FailedTooLarge] != 1 {
		t.Errorf("report: %+v, %v", r.Tally, err)
	}

	over := s.posted("over", strings.Replace(flood, `"language"`, `"alert":true,"language"`, 1))
	upto, err := news.ParseCursor(over.Cursor)
	if err != nil {
		t.Fatal(err)
	}
	c = push.Campaign{ID: over.Cursor, Entry: over.Entry, Reach: *over.Item.Alerted, Token: "BAAAAAAAAAAAAAAAAAAAAA", OpenedAt: c.OpenedAt, Deadline: c.OpenedAt}
	if err := store.OpenCampaigns(t.Context(), upto, []push.Campaign{c}); err != nil {
		t.Fatal(err)
	}
	s.do(call{"POST", "/v1/items/" + over.Item.ID + "/campaign/replay", "", chief}).want(t, http.StatusConflict, "campaign-over")
}
