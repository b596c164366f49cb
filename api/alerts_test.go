package api_test

import (
	"context"
	"crypto/ecdh"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"crier/api"
	"crier/desk"
	"crier/engine/sqlite"
	"crier/news"
	"crier/push"
	"crier/push/pushtest"
	"crier/push/seal"
)

// browser makes the subscription JSON of a browser, as PushSubscription.toJSON
// gives it.
func browser(t *testing.T, endpoint string) (sub, unsub string) {
	t.Helper()
	k, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	b64 := base64.RawURLEncoding.EncodeToString
	auth := make([]byte, 16)
	rand.Read(auth)
	keys := fmt.Sprintf(`"keys":{"p256dh":%q,"auth":%q}`, b64(k.PublicKey().Bytes()), b64(auth))
	return fmt.Sprintf(`{"endpoint":%q,"expirationTime":null,%s,"topics":["world"],"level":"urgent","quiet":{"from":"22:00","to":"07:00","zone":"Europe/Vienna"},"daily_max":5,"language":"en"}`, endpoint, keys),
		fmt.Sprintf(`{"endpoint":%q,%s}`, endpoint, keys)
}

func TestSubscribe(t *testing.T) {
	s := newSite(t)
	var key struct{ Key string }
	s.do(call{method: "GET", path: "/v1/alerts/key"}).into(t, &key)
	if raw, err := base64.RawURLEncoding.DecodeString(key.Key); err != nil || len(raw) != 65 {
		t.Errorf("key %q, %v", key.Key, err)
	}

	const path = "/v1/alerts/subscription"
	endpoint := "https://" + alertHost + "/one"
	sub, unsub := browser(t, endpoint)
	other, otherUnsub := browser(t, endpoint)
	s.do(call{"PUT", path, sub, nil}).want(t, http.StatusCreated, "")
	s.do(call{"PUT", path, sub, nil}).want(t, http.StatusOK, "")
	s.do(call{"PUT", path, other, nil}).want(t, http.StatusForbidden, "not-yours")
	s.do(call{"DELETE", path, otherUnsub, nil}).want(t, http.StatusForbidden, "not-yours")
	s.do(call{"DELETE", path, "{", nil}).want(t, http.StatusBadRequest, "json")
	s.do(call{"DELETE", path, `{"endpoint":"x","keys":{"auth":""}}`, nil}).want(t, http.StatusUnprocessableEntity, "invalid")
	s.do(call{"DELETE", path, unsub, nil}).want(t, http.StatusNoContent, "")
	s.do(call{"DELETE", path, unsub, nil}).want(t, http.StatusNoContent, "")
	if n, err := s.engine.CountSubscriptions(t.Context()); err != nil || n != 0 {
		t.Errorf("%d subscriptions stand, %v", n, err)
	}
}

// offCurve puts a point that is not on the curve in place of the key.
func offCurve(sub string) string {
	i := strings.Index(sub, `"p256dh":"`) + len(`"p256dh":"`)
	return sub[:i] + base64.RawURLEncoding.EncodeToString(append([]byte{4}, make([]byte, 64)...)) + sub[i+87:]
}

func TestSubscribeRefused(t *testing.T) {
	s := newSite(t)
	good := "https://" + alertHost + "/one"
	sub, _ := browser(t, good)
	at := func(endpoint string) string { return strings.Replace(sub, good, endpoint, 1) }
	for _, c := range []struct {
		name, body string
		status     int
		kind       string
	}{
		{"empty", "{}", 422, "invalid"},
		{"not JSON", "{", 400, "json"},
		{"unknown field", strings.Replace(sub, `"level"`, `"lvl"`, 1), 422, "invalid"},
		{"large", `{"endpoint":"https://` + alertHost + "/" + strings.Repeat("a", 40_000) + `"}`, 413, "too-large"},
		{"loopback", at("https://127.0.0.1/x"), 422, "invalid"},
		{"loopback by name", at("https://localhost/x"), 422, "invalid"},
		{"a push service's name in the path", at("https://evil.example/x.google.com/"), 422, "invalid"},
		{"a push service's name as a prefix", at("https://fcm.googleapis.com.evil.example/x"), 422, "invalid"},
		{"plain http", at("http://fcm.googleapis.com/x"), 422, "invalid"},
		{"another port", at("https://fcm.googleapis.com:8443/x"), 422, "invalid"},
		{"user name", at("https://fcm.googleapis.com@evil.example/x"), 422, "invalid"},
		{"regular", strings.Replace(sub, `"urgent"`, `"regular"`, 1), 422, "invalid"},
		{"topic with path", strings.Replace(sub, `"world"`, `"../world"`, 1), 422, "invalid"},
		{"no such zone", strings.Replace(sub, "Europe/Vienna", "../etc/passwd", 1), 422, "invalid"},
		{"digest", strings.Replace(sub, `"daily_max":5`, `"digest":"25:00"`, 1), 422, "invalid"},
		{"thousands of topics", strings.Replace(sub, `["world"]`, `["t`+strings.Repeat(`","t`, 3000)+`"]`, 1), 422, "invalid"},
		{"off the curve", offCurve(sub), 422, "invalid"},
		{"negative budget", strings.Replace(sub, `"daily_max":5`, `"daily_max":-5`, 1), 422, "invalid"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s.do(call{"PUT", "/v1/alerts/subscription", c.body, nil}).want(t, c.status, c.kind)
		})
	}
	s.do(call{"PUT", "/v1/alerts/subscription", sub, map[string]string{"Content-Type": "text/plain"}}).want(t, http.StatusUnsupportedMediaType, "media-type")
	if n, err := s.engine.CountSubscriptions(t.Context()); err != nil || n != 0 {
		t.Errorf("%d subscriptions stand, %v", n, err)
	}
}

// TestSubscriptionsByTheThousand come from one address, or one household's.
func TestSubscriptionsByTheThousand(t *testing.T) {
	s := newSite(t, func(_ *api.Parts, o *api.Options) { o.Proxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")} })
	for name, from := range map[string]func(i int) string{
		"one address": func(int) string { return "192.0.2.1" },
		"one /64":     func(i int) string { return fmt.Sprintf("2001:db8:0:1::%x", i+1) },
	} {
		taken := 0
		for i := range 1000 {
			sub, _ := browser(t, fmt.Sprintf("https://%s/%s/%d", alertHost, strings.ReplaceAll(name, " ", ""), i))
			a := s.do(call{"PUT", "/v1/alerts/subscription", sub, map[string]string{"X-Forwarded-For": from(i)}})
			if a.status == http.StatusCreated {
				taken++
				continue
			}
			if a.want(t, http.StatusTooManyRequests, "rate"); a.header.Get("Retry-After") == "" {
				t.Fatal("no Retry-After")
			}
		}
		if taken < 30 || taken > 60 { // the burst, and what came back meanwhile
			t.Errorf("%s: %d of 1000 were taken", name, taken)
		}
	}
	sub, _ := browser(t, "https://"+alertHost+"/next-door")
	s.do(call{"PUT", "/v1/alerts/subscription", sub, map[string]string{"X-Forwarded-For": "2001:db8:0:2::1"}}).want(t, http.StatusCreated, "")
}

func TestSubscriptionsKey(t *testing.T) {
	s := newSite(t)
	var key struct{ Key string }
	s.do(call{method: "GET", path: "/v1/alerts/key"}).into(t, &key)
	sub, _ := browser(t, "https://"+alertHost+"/one")
	with := func(k string) string { return strings.Replace(sub, "{", fmt.Sprintf(`{"key":%q,`, k), 1) }
	s.do(call{"PUT", "/v1/alerts/subscription", with(newVAPID(t).Public()), nil}).want(t, http.StatusUnprocessableEntity, "invalid")
	s.do(call{"PUT", "/v1/alerts/subscription", with(key.Key), nil}).want(t, http.StatusCreated, "")
}

// TestConfirmation sends back what the greeting carries.
func TestConfirmation(t *testing.T) {
	const path = "/v1/alerts/confirmation"
	sink := pushtest.Start(t)
	store, err := sqlite.Open(t.Context(), t.TempDir(), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	alerts, err := push.New(store, store, newVAPID(t), push.Options{AlertHosts: []string{sink.Host()}, Confirm: push.ConfirmAll})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- alerts.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	s := newSite(t, func(p *api.Parts, _ *api.Options) { p.Alerts = alerts })
	private, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	var auth [16]byte
	rand.Read(auth[:])
	endpoint := sink.Subscribe(nil)
	b64 := base64.RawURLEncoding.EncodeToString
	s.do(call{"PUT", "/v1/alerts/subscription", fmt.Sprintf(`{"endpoint":%q,"keys":{"p256dh":%q,"auth":%q}}`,
		endpoint, b64(private.PublicKey().Bytes()), b64(auth[:])), nil}).want(t, http.StatusCreated, "")
	seen, err := sink.Wait(ctx, func(seen pushtest.Seen) bool { return len(seen.Requests) > 0 })
	if err != nil {
		t.Fatal(err)
	}
	message, err := seal.Open(private, auth, seen.Requests[0].Body)
	if err != nil {
		t.Fatal(err)
	}
	var n struct {
		Notification struct {
			Data struct{ Confirm json.RawMessage }
		}
	}
	if err := json.Unmarshal(message, &n); err != nil {
		t.Fatal(err)
	}
	id := push.EndpointID(endpoint)
	for _, c := range []struct {
		body   string
		status int
		kind   string
	}{
		{`{`, 400, "json"},
		{`{"subscription":"","nonce":"AAAAAAAAAAAAAAAAAAAAAA"}`, 422, "invalid"},
		{`{"subscription":"` + id.String() + `","nonce":"AAAAAAAAAAAAAAAAAAAAAA"}`, 403, "confirmation"},
		{`{"subscription":"` + push.ID{}.String() + `","nonce":"AAAAAAAAAAAAAAAAAAAAAA"}`, 403, "confirmation"},
	} {
		s.do(call{"POST", path, c.body, nil}).want(t, c.status, c.kind)
	}
	if sub, err := store.Subscription(ctx, id); err != nil || !sub.Unconfirmed {
		t.Errorf("before: %+v, %v", sub, err)
	}
	for range 2 {
		s.do(call{"POST", path, string(n.Notification.Data.Confirm), nil}).want(t, http.StatusNoContent, "")
	}
	if sub, err := store.Subscription(ctx, id); err != nil || sub.Unconfirmed {
		t.Errorf("after: %+v, %v", sub, err)
	}
	for i := 0; ; i++ {
		if s.do(call{"POST", path, `{"subscription":"","nonce":""}`, nil}).status == http.StatusTooManyRequests {
			break
		}
		if i > 1000 {
			t.Fatal("1000 guesses were answered")
		}
	}
}

func TestReceipts(t *testing.T) {
	s := newSite(t)
	const path = "/v1/alerts/receipts"
	for _, c := range []struct {
		body   string
		status int
		kind   string
	}{
		{`{`, 400, "json"},
		{`{"token":"AAAAAAAAAAAAAAAAAAAAAA","kind":"displayed","nonce":"0123456789abcdef"}`, 403, "receipt"},
		{`{"token":"AAAAAAAAAAAAAAAAAAAAAA","kind":"read","nonce":"0123456789abcdef"}`, 422, "invalid"},
		{`{"token":"AAAAAAAAAAAAAAAAAAAAAA","kind":"displayed","nonce":""}`, 422, "invalid"},
	} {
		s.do(call{"POST", path, c.body, nil}).want(t, c.status, c.kind)
	}
}

func TestStop(t *testing.T) {
	store, idle := idleAlerts(t)
	s := newSite(t, idle)
	state := func(a answer) (st struct {
		Stopped   bool
		Stop      *struct{ By, Reason string }
		Campaigns []struct {
			Item, Kind, Headline string
			Offset               uint64
			Sent, Unsent         int
			Exact                bool
		}
	}) {
		a.want(t, http.StatusOK, "")
		a.into(t, &st)
		return st
	}
	s.do(call{"POST", "/v1/stop", "", nil}).want(t, http.StatusForbidden, "role")
	s.do(call{"DELETE", "/v1/stop", "", nil}).want(t, http.StatusForbidden, "role")
	anonymous := map[string]string{"Authorization": ""}
	for _, method := range []string{"GET", "POST", "DELETE"} {
		s.do(call{method, "/v1/stop", "", anonymous}).want(t, http.StatusUnauthorized, "key-missing")
	}
	chief := s.as(desk.RoleChief)
	if st := state(s.do(call{"POST", "/v1/stop", `{"reason":"Wrong embargo."}`, chief})); !st.Stopped || st.Stop == nil || st.Stop.Reason != "Wrong embargo." {
		t.Errorf("after the stop: %+v", st)
	}
	if st := state(s.do(call{"POST", "/v1/stop", "", chief})); !st.Stopped || st.Stop.Reason != "Wrong embargo." {
		t.Errorf("after a second stop: %+v", st)
	}
	if st := state(s.do(call{"GET", "/v1/stop", "", nil})); !st.Stopped {
		t.Errorf("the editor sees %+v", st)
	}
	loud := s.posted("loud", strings.Replace(flood, `"language"`, `"alert":true,"language"`, 1))
	openCampaign(t, store, loud)
	st := state(s.do(call{"GET", "/v1/stop", "", nil}))
	if len(st.Campaigns) != 1 {
		t.Fatalf("with a campaign that waits: %+v", st)
	}
	if c := st.Campaigns[0]; c.Item != loud.Item.ID || c.Offset != loud.Offset || c.Kind != "posted" || c.Headline != loud.Item.Headline || c.Sent+c.Unsent != 0 || c.Exact {
		t.Errorf("a campaign of which nobody has counted for whom it is: %+v", c)
	}
	if st := state(s.do(call{"DELETE", "/v1/stop", "", chief})); st.Stopped || len(st.Campaigns) != 0 {
		t.Errorf("after resuming: %+v", st)
	}
}

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
