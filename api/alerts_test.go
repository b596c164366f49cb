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
	"strings"
	"testing"

	"crier/api"
	"crier/desk"
	"crier/engine/sqlite"
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
