package api_test

import (
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"crier/api"
	"crier/desk"
)

func TestPages(t *testing.T) {
	s := newSite(t)
	e := s.posted("1", flood)
	if err := s.caughtUp(1); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		path     string
		status   int
		contains string
	}{
		{"/", 200, "River bursts its banks"},
		{"/", 200, e.Cursor},
		{"/?topics=world", 200, "River bursts its banks"},
		{"/?topics=..%2fx", 404, ""},
		{"/s/" + e.Item.Story, 200, "River bursts its banks"},
		{"/s/nothing", 404, ""},
		{"/alerts", 200, ""},
		{"/desk", 200, ""},
		{"/nothing", 404, ""},
	} {
		a := s.do(call{"GET", c.path, "", map[string]string{"Accept": "text/html"}})
		if a.status != c.status || !strings.Contains(string(a.body), c.contains) || !strings.HasPrefix(a.header.Get("Content-Type"), "text/html") {
			t.Errorf("%s: %d %s, want %d with %q", c.path, a.status, a.header.Get("Content-Type"), c.status, c.contains)
		}
		if a.header.Get("Content-Security-Policy") == "" || a.header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: headers %v", c.path, a.header)
		}
	}
	if a := s.do(call{method: "HEAD", path: "/"}); a.status != http.StatusOK || len(a.body) > 0 {
		t.Errorf("HEAD: %d with %d bytes", a.status, len(a.body))
	}
	if body := string(s.do(call{method: "GET", path: "/?topics=sport"}).body); strings.Contains(body, "River bursts its banks") {
		t.Error("a topic's page shows an item of another topic")
	}
}

func TestOperatorsRoutes(t *testing.T) {
	s := newSite(t)
	for _, path := range []string{"/healthz", "/readyz", "/v1/openapi.yaml", "/v1/me"} {
		s.do(call{method: "GET", path: path}).want(t, http.StatusOK, "")
	}
	sub, _ := browser(t, "https://"+alertHost+"/one")
	s.do(call{"PUT", "/v1/alerts/subscription", sub, nil}).want(t, http.StatusCreated, "")
	var me struct {
		Role          desk.Role
		Subscriptions int
		Readers       *int
		Audience      *desk.Audience
		Nodes         []desk.Audience
	}
	there := desk.Audience{Node: "there:80", Readers: 5, Everything: 2, Topics: map[string]int{"world": 3}}
	if err := s.engine.PutAudience(t.Context(), there, time.Now(), time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		next(t, s.stream("", nil))
	}
	if s.do(call{method: "GET", path: "/v1/me"}).into(t, &me); me.Role != desk.RoleEditor || me.Subscriptions != 1 || me.Readers == nil || *me.Readers != 7 ||
		me.Audience == nil || me.Audience.Everything != 4 || me.Audience.Topics["world"] != 3 || len(me.Nodes) != 2 || me.Nodes[0].Readers != 2 || me.Nodes[1].Node != "there:80" {
		t.Errorf("me: %+v", me)
	}
	s.do(call{"DELETE", "/v1/alarms?service=push.example", "", s.as(desk.RoleChief)}).want(t, http.StatusNoContent, "")
	s.do(call{"DELETE", "/v1/alarms", "", s.as(desk.RoleChief)}).want(t, http.StatusNoContent, "")
	s.do(call{"DELETE", "/v1/alarms", "", nil}).want(t, http.StatusForbidden, "role")
	s.do(call{"DELETE", "/v1/alarms", "", map[string]string{"Authorization": ""}}).want(t, http.StatusUnauthorized, "key-missing")
	s.do(call{"GET", "/v1/me", "", map[string]string{"Authorization": ""}}).want(t, http.StatusUnauthorized, "key-missing")
}

func TestOnlyTrustedProxiesNameTheClient(t *testing.T) {
	guess := func(s *site, forwarded string) int {
		return s.do(call{"GET", "/v1/me", "", map[string]string{"Authorization": "Bearer wrong", "X-Forwarded-For": forwarded}}).status
	}
	exhaust := func(s *site, forwarded string) {
		for range 40 {
			guess(s, forwarded)
		}
	}
	t.Run("no proxy is trusted", func(t *testing.T) {
		s := newSite(t)
		exhaust(s, "192.0.2.1")
		if got := guess(s, "192.0.2.2"); got != http.StatusTooManyRequests {
			t.Errorf("a made-up address got a fresh start: %d", got)
		}
	})
	t.Run("the proxy is trusted", func(t *testing.T) {
		s := newSite(t, func(_ *api.Parts, o *api.Options) { o.Proxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")} })
		exhaust(s, "203.0.113.9, 192.0.2.1")
		for forwarded, want := range map[string]int{
			"192.0.2.2":              http.StatusUnauthorized,
			"203.0.113.9, 192.0.2.2": http.StatusUnauthorized,
			"203.0.113.8, 192.0.2.1": http.StatusTooManyRequests, // what the client wrote itself counts for nothing
			"192.0.2.1, 127.0.0.9":   http.StatusTooManyRequests, // through two proxies of ours
		} {
			if got := guess(s, forwarded); got != want {
				t.Errorf("X-Forwarded-For %q: %d, want %d", forwarded, got, want)
			}
		}
	})
}
