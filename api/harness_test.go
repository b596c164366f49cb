package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"crier/api"
	"crier/desk"
	"crier/engine/sqlite"
	"crier/hub"
	"crier/news"
	"crier/push"
	"crier/web"
)

// site is a whole node under test: the real parts, on a store of its own.
type site struct {
	t      *testing.T
	url    string
	engine *sqlite.Engine
	keys   map[desk.Role]string
}

// options changes the parts of a node before it starts.
type options func(*api.Parts, *api.Options)

// alertHost is a push service that browsers in these tests have subscribed at.
const alertHost = "alerts.example:8443"

// newSite starts a node and waits until readers can join.
func newSite(t *testing.T, change ...options) *site {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	dir := t.TempDir()
	engine, err := sqlite.Open(ctx, dir, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	vapid := newVAPID(t)
	live, err := hub.New(engine, hub.Options{DrainWindow: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	alerts, err := push.New(engine, engine, vapid, push.Options{AlertHosts: []string{alertHost}, PublicURL: "http://127.0.0.1"})
	if err != nil {
		t.Fatal(err)
	}
	parts := api.Parts{Log: engine, Archive: engine, Keys: engine, Live: live, Alerts: alerts, Site: newPages(t), Audiences: engine}
	var o api.Options
	for _, c := range change {
		c(&parts, &o)
	}
	server := httptest.NewServer(api.New(parts, o))
	ended := make(chan error, 3)
	go func() { ended <- live.Run(ctx) }()
	go func() { ended <- api.NewDeskWatch(live, parts, o).Run(ctx) }()
	go func() { ended <- alerts.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		for range cap(ended) {
			if err := <-ended; err != nil && !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
		}
		server.Close()
		if err := engine.Close(); err != nil {
			t.Error(err)
		}
	})
	<-live.Ready()
	s := &site{t: t, url: server.URL, engine: engine, keys: map[desk.Role]string{}}
	for _, role := range []desk.Role{desk.RoleEditor, desk.RoleChief, desk.RoleAdmin} {
		secret, c, err := desk.NewKey(string(role), role, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		if err := engine.PutKey(ctx, c); err != nil {
			t.Fatal(err)
		}
		s.keys[role] = secret
	}
	return s
}

func newVAPID(t *testing.T) push.VAPID {
	t.Helper()
	b, err := push.NewVAPID()
	if err != nil {
		t.Fatal(err)
	}
	v, err := push.ParseVAPID(b)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func newPages(t *testing.T) *web.Site {
	t.Helper()
	pages, err := web.New(web.Options{PublicURL: "http://127.0.0.1"})
	if err != nil {
		t.Fatal(err)
	}
	return pages
}

// call is a request, made with the editor's key unless Authorization says
// otherwise, and as JSON unless Content-Type does.
type call struct {
	method, path string
	body         string
	header       map[string]string
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// do makes a call and holds it, and the answer, against openapi.yaml.
func (s *site) do(c call) answer {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), c.method, s.url+c.path, strings.NewReader(c.body))
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+s.keys[desk.RoleEditor])
	if c.body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for k, v := range c.header {
		req.Header.Set(k, v)
		if v == "" {
			req.Header.Del(k)
		}
	}
	kept := req.Clone(s.t.Context())
	kept.Body = io.NopCloser(strings.NewReader(c.body))
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close() //nolint:errcheck // it was only read
	a := answer{status: resp.StatusCode, header: resp.Header}
	if resp.StatusCode == http.StatusSwitchingProtocols || resp.Header.Get("Content-Type") == "text/event-stream" {
		contract.saw(kept, a.status) // it has no end
		return a
	}
	if a.body, err = io.ReadAll(resp.Body); err != nil {
		s.t.Fatal(err)
	}
	contract.check(s.t, kept, a)
	return a
}

// as is the header that sends the key of a role.
func (s *site) as(r desk.Role) map[string]string {
	return map[string]string{"Authorization": "Bearer " + s.keys[r]}
}

// into reads the answer's JSON.
func (a answer) into(t *testing.T, v any) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(a.body))
	if err := d.Decode(v); err != nil {
		t.Fatalf("answer %d %.300s: %v", a.status, a.body, err)
	}
}

// want fails unless the answer has the status; a problem must also be of kind.
func (a answer) want(t *testing.T, status int, kind string) api.Problem {
	t.Helper()
	if a.status != status {
		t.Fatalf("status %d, want %d: %.500s", a.status, status, a.body)
	}
	var p api.Problem
	if status < 400 {
		return p
	}
	if got := a.header.Get("Content-Type"); got != "application/problem+json" {
		t.Fatalf("a refusal of type %q: %.300s", got, a.body)
	}
	a.into(t, &p)
	if p.Type != "urn:crier:problem:"+kind || p.Status != status {
		t.Fatalf("problem %s with status %d, want %s: %s", p.Type, p.Status, kind, p.Detail)
	}
	return p
}

// posted is the entry of a successful post.
func (s *site) posted(key, body string) entry {
	s.t.Helper()
	a := s.do(call{"POST", "/v1/items", body, map[string]string{"Idempotency-Key": key}})
	a.want(s.t, http.StatusCreated, "")
	var e entry
	a.into(s.t, &e)
	return e
}

// entry is what an append answers.
type entry struct {
	Cursor string
	news.Entry
}

func TestMain(m *testing.M) {
	code := m.Run()
	if code == 0 && !contract.covered(os.Stderr) {
		code = 1
	}
	os.Exit(code)
}
