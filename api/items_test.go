package api_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"crier/api"
	"crier/desk"
	"crier/news"
)

const flood = `{"headline":"River bursts its banks","summary":"Two streets are closed.","url":"https://news.example/flood","topics":["world","europe"],"level":"urgent","language":"en"}`

func TestPost(t *testing.T) {
	s := newSite(t)
	a := s.do(call{"POST", "/v1/items", flood, map[string]string{"Idempotency-Key": "one"}})
	a.want(t, http.StatusCreated, "")
	var e entry
	a.into(t, &e)
	if a.header.Get("ETag") != `"1"` || a.header.Get("Location") != "/v1/items/"+e.Item.ID || e.Offset != 1 || !strings.HasSuffix(e.Cursor, ".1") {
		t.Errorf("answered %+v with %v", e, a.header)
	}

	again := s.do(call{"POST", "/v1/items", flood, map[string]string{"Idempotency-Key": "one"}})
	again.want(t, http.StatusOK, "")
	if string(again.body) != string(a.body) || again.header.Get("ETag") != `"1"` {
		t.Errorf("the repeat was answered %s, not %s", again.body, a.body)
	}

	other := strings.Replace(flood, "Two", "Three", 1)
	s.do(call{"POST", "/v1/items", other, map[string]string{"Idempotency-Key": "one"}}).want(t, http.StatusUnprocessableEntity, "key-reused")

	// Another editor's keys are another's.
	h := s.as(desk.RoleChief)
	h["Idempotency-Key"] = "one"
	s.do(call{"POST", "/v1/items", other, h}).want(t, http.StatusCreated, "")
}

func TestPostRacing(t *testing.T) {
	s := newSite(t)
	const callers = 100
	bodies := make([]string, callers)
	created := make([]bool, callers)
	var wg sync.WaitGroup
	for i := range callers {
		wg.Go(func() {
			a := s.do(call{"POST", "/v1/items", flood, map[string]string{"Idempotency-Key": "one"}})
			bodies[i], created[i] = string(a.body), a.status == http.StatusCreated
		})
	}
	wg.Wait()
	n := 0
	for i := range callers {
		if created[i] {
			n++
		}
		if bodies[i] != bodies[0] {
			t.Fatalf("answers differ: %s and %s", bodies[0], bodies[i])
		}
	}
	if n != 1 {
		t.Errorf("%d callers were told that they created it", n)
	}
	var l struct{ Items []news.Entry }
	s.do(call{method: "GET", path: "/v1/items?story=" + storyOf(bodies[0])}).into(t, &l)
	if len(l.Items) != 1 {
		t.Errorf("%d items stand", len(l.Items))
	}
}

func storyOf(body string) string {
	_, rest, _ := strings.Cut(body, `"story":"`)
	story, _, _ := strings.Cut(rest, `"`)
	return story
}

func TestPostRefused(t *testing.T) {
	s := newSite(t)
	key := map[string]string{"Idempotency-Key": "k"}
	with := func(k, v string) map[string]string { return map[string]string{"Idempotency-Key": "k", k: v} }
	for _, c := range []struct {
		name   string
		body   string
		header map[string]string
		status int
		kind   string
		says   string // in the detail
	}{
		{"no idempotency key", flood, nil, 400, "key-missing", ""},
		{"binary idempotency key", flood, with("Idempotency-Key", "é"), 400, "parameter", "Idempotency-Key"},
		{"long idempotency key", flood, with("Idempotency-Key", strings.Repeat("k", 129)), 400, "parameter", ""},
		{"no key", flood, with("Authorization", ""), 401, "key-missing", ""},
		{"another scheme", flood, with("Authorization", "Basic eDp5"), 401, "key-missing", ""},
		{"wrong key", flood, with("Authorization", "Bearer crier_wrong"), 401, "key-wrong", ""},
		{"not declared as JSON", flood, with("Content-Type", "text/plain"), 415, "media-type", "text/plain"},
		{"no type", flood, with("Content-Type", ""), 415, "media-type", ""},
		{"empty", "", with("Content-Type", "application/json"), 400, "json", "ends too early"},
		{"cut short", `{"headline":"a`, key, 400, "json", "ends too early"},
		{"not JSON", "{\n  headline: 1}", key, 400, "json", "line 2"},
		{"two values", flood + "{}", key, 400, "json", "line 1"},
		{"unknown field", `{"headline":"a","alerts":true}`, key, 400, "json", `"alerts"`},
		{"wrong type", `{"headline":7}`, key, 400, "json", "headline"},
		{"a list", `[]`, key, 400, "json", ""},
		{"not UTF-8", "{\"headline\":\"a\xff\"}", key, 400, "json", ""},
		{"a megabyte", `{"headline":"` + strings.Repeat("a", 1<<20) + `"}`, key, 413, "too-large", ""},
		{"deep nesting", strings.Repeat("[", 20_000), key, 400, "json", ""},
		{"empty headline", `{"headline":""}`, key, 422, "invalid", "headline"},
		{"control characters", `{"headline":"a\u0007b"}`, key, 422, "invalid", "U+0007"},
		{"script link", `{"headline":"a","url":"javascript:alert(1)"}`, key, 422, "invalid", "javascript"},
		{"path in a topic", `{"headline":"a","topics":["../../world"]}`, key, 422, "invalid", "topics[0]"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := s.do(call{"POST", "/v1/items", c.body, c.header}).want(t, c.status, c.kind)
			if !strings.Contains(p.Detail, c.says) {
				t.Errorf("detail %q does not say %q", p.Detail, c.says)
			}
			if p.Mend == "" {
				t.Error("it does not say how to mend it")
			}
		})
	}
	if head, err := s.engine.Head(t.Context()); err != nil || head.Offset != 0 {
		t.Errorf("something was kept of what was refused: %v, %v", head, err)
	}
}

func TestGuessedKeysAreHeldOff(t *testing.T) {
	s := newSite(t)
	wrong := map[string]string{"Authorization": "Bearer crier_wrong", "Idempotency-Key": "k"}
	for range 40 {
		a := s.do(call{"GET", "/v1/me", "", wrong})
		if a.status == http.StatusTooManyRequests {
			if a.header.Get("Retry-After") == "" {
				t.Error("no Retry-After")
			}
			return
		}
		a.want(t, http.StatusUnauthorized, "key-wrong")
	}
	t.Error("40 wrong keys were tried without a pause")
}

func TestRevise(t *testing.T) {
	s := newSite(t)
	e := s.posted("k", flood)
	path := "/v1/items/" + e.Item.ID + "/revisions"
	revise := func(match, key, body string) answer {
		h := map[string]string{"If-Match": match}
		if key != "" {
			h["Idempotency-Key"] = key
		}
		return s.do(call{"POST", path, body, h})
	}
	update := `{"kind":"updated","summary":"Three streets are closed."}`
	revise("", "", update).want(t, http.StatusPreconditionRequired, "precondition")
	revise("1", "", update).want(t, http.StatusBadRequest, "parameter")
	revise("*", "", update).want(t, http.StatusBadRequest, "parameter")
	revise(`"1"`, "", `{"kind":"corrected"}`).want(t, http.StatusUnprocessableEntity, "invalid")
	revise(`"1"`, "", `{"kind":"updated","headline":"`+strings.Repeat("a", 40_000)+`"}`).want(t, http.StatusRequestEntityTooLarge, "too-large")
	s.do(call{"POST", path, update, map[string]string{"If-Match": `"1"`, "Content-Type": "text/plain"}}).want(t, http.StatusUnsupportedMediaType, "media-type")
	s.do(call{"POST", path, update, map[string]string{"If-Match": `"1"`, "Authorization": ""}}).want(t, http.StatusUnauthorized, "key-missing")
	s.do(call{"POST", "/v1/items/n0/revisions", update, map[string]string{"If-Match": `"1"`}}).want(t, http.StatusNotFound, "no-item")

	a := revise(`"1"`, "u", update)
	a.want(t, http.StatusCreated, "")
	if a.header.Get("ETag") != `"2"` {
		t.Errorf("ETag %s", a.header.Get("ETag"))
	}
	p := revise(`"1"`, "", update).want(t, http.StatusPreconditionFailed, "changed")
	if p.Current == nil || p.Current.Item.Version != 2 {
		t.Errorf("the refusal does not show the item as it stands: %+v", p)
	}
	again := revise(`"1"`, "u", update) // the very same request: safe to repeat, though the item moved on
	again.want(t, http.StatusOK, "")
	if string(again.body) != string(a.body) {
		t.Errorf("the repeat was answered %s, not %s", again.body, a.body)
	}
	revise(`"2"`, "u", update).want(t, http.StatusUnprocessableEntity, "key-reused")

	revise(`"2"`, "w", `{"kind":"withdrawn","reason":"It was last year's river."}`).want(t, http.StatusCreated, "")
	revise(`"3"`, "", update).want(t, http.StatusConflict, "withdrawn")
	revise(`"2"`, "w", `{"kind":"withdrawn","reason":"It was last year's river."}`).want(t, http.StatusOK, "")

	var got news.Entry
	s.do(call{method: "GET", path: "/v1/items/" + e.Item.ID}).into(t, &got)
	if !got.Item.Withdrawn || got.Item.Reason != "It was last year's river." || got.Item.Headline != "River bursts its banks" || got.First != 1 || got.Offset != 3 {
		t.Errorf("it stands as %+v", got)
	}
}

func TestReviseRacing(t *testing.T) {
	s := newSite(t)
	e := s.posted("k", flood)
	statuses := make([]int, 20)
	var wg sync.WaitGroup
	for i := range statuses {
		wg.Go(func() {
			statuses[i] = s.do(call{"POST", "/v1/items/" + e.Item.ID + "/revisions", fmt.Sprintf(`{"kind":"updated","summary":"Take %d."}`, i), map[string]string{"If-Match": `"1"`}}).status
		})
	}
	wg.Wait()
	n := map[int]int{}
	for _, status := range statuses {
		n[status]++
	}
	if n[http.StatusCreated] != 1 || n[http.StatusPreconditionFailed] != len(statuses)-1 {
		t.Errorf("answers: %v", n)
	}
}

func TestRead(t *testing.T) {
	s := newSite(t)
	var last entry
	for i := range 5 {
		topic := []string{"world", "sport"}[i%2]
		last = s.posted(fmt.Sprint(i), fmt.Sprintf(`{"headline":"Item %d","topics":[%q]}`, i, topic))
	}
	s.posted("drill", `{"headline":"Exercise","drill":true}`)
	if err := s.caughtUp(6); err != nil {
		t.Fatal(err)
	}
	titles := func(path string) (titles []string, next uint64, cursor string) {
		var l struct {
			Cursor string
			Items  []news.Entry
			Next   uint64
		}
		a := s.do(call{method: "GET", path: path})
		a.want(t, http.StatusOK, "")
		a.into(t, &l)
		for _, e := range l.Items {
			titles = append(titles, e.Item.Headline)
		}
		return titles, l.Next, l.Cursor
	}
	for _, c := range []struct {
		path, want string
		next       uint64
		front      bool
	}{
		{"/v1/items", "Item 4,Item 3,Item 2,Item 1,Item 0", 0, true},
		{"/v1/items?topics=sport", "Item 3,Item 1", 2, true},
		{"/v1/items?topics=drill", "Exercise", 6, true},
		{"/v1/items?limit=2", "Item 4,Item 3", 4, true},
		{"/v1/items?limit=2&before=4", "Item 2,Item 1", 2, false},
		{"/v1/items?limit=2&before=2", "Item 0", 0, false},
		{"/v1/items?before=6&topics=sport&limit=3", "Item 3", 3, false},
		{"/v1/items?story=" + last.Item.Story, "Item 4", 0, false},
	} {
		got, next, cursor := titles(c.path)
		if strings.Join(got, ",") != c.want || next != c.next || (cursor != "") != c.front {
			t.Errorf("%s: %q, next %d, cursor %q; want %q, next %d", c.path, got, next, cursor, c.want, c.next)
		}
	}
	s.do(call{method: "GET", path: "/v1/items?limit=0"}).want(t, http.StatusBadRequest, "parameter")
	s.do(call{method: "GET", path: "/v1/items?limit=1000"}).want(t, http.StatusBadRequest, "parameter")
	s.do(call{method: "GET", path: "/v1/items?before=-1"}).want(t, http.StatusBadRequest, "parameter")
	s.do(call{method: "GET", path: "/v1/items?topics=../x"}).want(t, http.StatusUnprocessableEntity, "invalid")
	s.do(call{method: "GET", path: "/v1/items/" + last.Item.ID, header: map[string]string{"If-None-Match": `"1"`}}).want(t, http.StatusNotModified, "")
	s.do(call{method: "GET", path: "/v1/items/n0"}).want(t, http.StatusNotFound, "no-item")
	s.do(call{method: "GET", path: "/v1/nothing"}).want(t, http.StatusNotFound, "no-route")
	s.do(call{method: "DELETE", path: "/v1/items"}).want(t, http.StatusMethodNotAllowed, "method")
}

// caughtUp waits until the hub shows the log up to offset.
func (s *site) caughtUp(offset uint64) error {
	a := s.do(call{method: "GET", path: fmt.Sprintf("/v1/live/poll?cursor=%s.%d&topics=drill,sport,world&wait=20s", s.epoch(), offset-1)})
	if a.status != http.StatusOK {
		return fmt.Errorf("poll: %d %s", a.status, a.body)
	}
	return nil
}

func (s *site) epoch() string {
	head, err := s.engine.Head(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	return head.Epoch
}

// refusing is a log that cannot be written or read just now.
type refusing struct{ api.Log }

func (refusing) Append(context.Context, news.Key, news.Draft) (news.Receipt, error) {
	return news.Receipt{}, fmt.Errorf("append: %w: disk full", news.ErrUnavailable)
}

func (refusing) Head(context.Context) (news.Cursor, error) {
	return news.Cursor{}, context.DeadlineExceeded
}

func (refusing) Writable(context.Context) error { return context.DeadlineExceeded }

func TestLogUnavailable(t *testing.T) {
	s := newSite(t, func(p *api.Parts, _ *api.Options) { p.Log = refusing{p.Log} })
	for _, c := range []call{
		{"POST", "/v1/items", flood, map[string]string{"Idempotency-Key": "k"}},
		{"GET", "/readyz", "", nil},
	} {
		a := s.do(c)
		a.want(t, http.StatusServiceUnavailable, "log")
		if a.header.Get("Retry-After") == "" {
			t.Errorf("%s %s: no Retry-After", c.method, c.path)
		}
	}
}

// mute is a log that takes what it is given and does not say so in time.
type mute struct{ api.Log }

func (m mute) Append(ctx context.Context, k news.Key, d news.Draft) (news.Receipt, error) {
	if r, err := m.Log.Append(context.WithoutCancel(ctx), k, d); err != nil || r.Replayed {
		return r, err
	}
	<-ctx.Done()
	return news.Receipt{}, fmt.Errorf("append: %w", ctx.Err())
}

// TestOutcomeUnknown: who is not told in time what became of an append is not
// told that nothing was kept, and learns the truth by repeating.
func TestOutcomeUnknown(t *testing.T) {
	s := newSite(t, func(p *api.Parts, o *api.Options) { p.Log, o.AppendTime = mute{p.Log}, time.Millisecond })
	post := call{"POST", "/v1/items", flood, map[string]string{"Idempotency-Key": "k"}}
	a := s.do(post)
	a.want(t, http.StatusGatewayTimeout, "outcome")
	if a.header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	var kept news.Entry
	a = s.do(post)
	a.want(t, http.StatusOK, "")
	a.into(t, &kept)
	revise := call{"POST", "/v1/items/" + kept.Item.ID + "/revisions", `{"kind":"updated","headline":"River bursts its banks"}`,
		map[string]string{"Idempotency-Key": "k2", "If-Match": `"1"`}}
	s.do(revise).want(t, http.StatusGatewayTimeout, "outcome")
	s.do(revise).want(t, http.StatusOK, "")
}

func TestReviseUnavailable(t *testing.T) {
	var down bool
	s := newSite(t, func(p *api.Parts, _ *api.Options) { p.Log = switched{p.Log, &down} })
	e := s.posted("k", flood)
	down = true
	s.do(call{"POST", "/v1/items/" + e.Item.ID + "/revisions", `{"kind":"updated"}`, map[string]string{"If-Match": `"1"`}}).want(t, http.StatusServiceUnavailable, "log")
}

// switched is a log that refuses once off is set.
type switched struct {
	api.Log
	off *bool
}

func (s switched) Append(ctx context.Context, k news.Key, d news.Draft) (news.Receipt, error) {
	if *s.off {
		return refusing{}.Append(ctx, k, d)
	}
	return s.Log.Append(ctx, k, d)
}
