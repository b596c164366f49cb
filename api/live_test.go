package api_test

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/coder/websocket"

	"crier/api"
	"crier/engine/sqlite"
	"crier/hub"
	"crier/news"
	"crier/push"
)

// message is any live message.
type message struct {
	Type   string
	Cursor string
	Entry  *news.Entry
	Front  []news.Entry
	Report theReport
	Alarms []push.Alarm
}

// next reads messages until one is not a beat.
func next(t *testing.T, read func() ([]byte, error)) message {
	t.Helper()
	for {
		b, err := read()
		if err != nil {
			t.Fatal(err)
		}
		var m message
		if err := json.Unmarshal(b, &m); err != nil {
			t.Fatalf("%q: %v", b, err)
		}
		if m.Type != "beat" {
			return m
		}
	}
}

// socket joins over a WebSocket and returns how to read from it.
func (s *site) socket(query string) func() ([]byte, error) {
	s.t.Helper()
	ctx, cancel := context.WithCancel(s.t.Context())
	c, resp, err := websocket.Dial(ctx, s.url+"/v1/live"+query, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	contract.saw(resp.Request, resp.StatusCode)
	s.t.Cleanup(func() { cancel(); _ = c.CloseNow() })
	return func() ([]byte, error) {
		_, b, err := c.Read(ctx)
		return b, err
	}
}

// stream joins over an event stream and returns how to read from it.
func (s *site) stream(query string, header map[string]string) func() ([]byte, error) {
	s.t.Helper()
	return s.streamWith(s.t.Context(), query, header)
}

// streamWith is stream for as long as ctx.
func (s *site) streamWith(ctx context.Context, query string, header map[string]string) func() ([]byte, error) {
	s.t.Helper()
	ctx, cancel := context.WithCancel(ctx)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+"/v1/live"+query, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Accept", "text/event-stream")
	for k, v := range header {
		req.Header.Set(k, v)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	contract.saw(req, resp.StatusCode)
	s.t.Cleanup(func() { cancel(); _ = resp.Body.Close() })
	lines := bufio.NewScanner(resp.Body)
	return func() ([]byte, error) {
		for lines.Scan() {
			if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
				return []byte(data), nil
			}
		}
		return nil, lines.Err()
	}
}

func TestLive(t *testing.T) {
	s := newSite(t)
	first := s.posted("1", flood)
	if err := s.caughtUp(1); err != nil {
		t.Fatal(err)
	}
	for name, join := range map[string]func(query string) func() ([]byte, error){
		"WebSocket":    s.socket,
		"event stream": func(q string) func() ([]byte, error) { return s.stream(q, nil) },
		"event stream resumed": func(q string) func() ([]byte, error) {
			return s.stream("", map[string]string{"Last-Event-ID": strings.TrimPrefix(q, "?cursor=")})
		},
	} {
		t.Run(name, func(t *testing.T) {
			read := join("?cursor=" + s.epoch() + ".0")
			if m := next(t, read); m.Type != "hello" {
				t.Fatalf("first came %+v", m)
			}
			if m := next(t, read); m.Type != "entry" || m.Cursor != first.Cursor || m.Entry.Item.ID != first.Item.ID {
				t.Fatalf("then came %+v", m)
			}
			e := s.posted(name, flood)
			for {
				if m := next(t, read); m.Type != "entry" {
					t.Fatalf("live came %+v", m)
				} else if m.Cursor == e.Cursor {
					return
				}
			}
		})
	}
	t.Run("another epoch", func(t *testing.T) {
		read := s.socket("?cursor=eother.5")
		hello, reset := next(t, read), next(t, read)
		if hello.Type != "hello" || reset.Type != "reset" || len(reset.Front) == 0 {
			t.Errorf("came %+v and %+v", hello, reset)
		}
	})
	t.Run("poll", func(t *testing.T) {
		a := s.do(call{method: "GET", path: "/v1/live/poll?wait=0s&cursor=" + s.epoch() + ".0"})
		a.want(t, http.StatusOK, "")
		var page struct {
			Cursor   string
			Messages []message
		}
		a.into(t, &page)
		entries := 0
		for _, m := range page.Messages {
			if m.Type == "entry" {
				entries++
			}
		}
		if entries != 4 || page.Cursor != s.epoch()+".4" {
			t.Errorf("polled %+v", page)
		}
	})
}

func TestLiveRefused(t *testing.T) {
	s := newSite(t)
	stream := map[string]string{"Accept": "text/event-stream"}
	for _, c := range []struct {
		call
		status int
		kind   string
	}{
		{call{"GET", "/v1/live", "", nil}, 426, "upgrade"},
		{call{"GET", "/v1/live", "", map[string]string{"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "short"}}, 400, "handshake"},
		{call{"GET", "/v1/live?cursor=nonsense", "", stream}, 400, "parameter"},
		{call{"GET", "/v1/live?topics=../x", "", stream}, 422, "invalid"},
		{call{"GET", "/v1/live/poll?cursor=nonsense", "", nil}, 400, "parameter"},
		{call{"GET", "/v1/live/poll?topics=A", "", nil}, 422, "invalid"},
		{call{"GET", "/v1/live/poll?wait=1h", "", nil}, 400, "parameter"},
		{call{"GET", "/v1/live/poll?wait=-1s", "", nil}, 400, "parameter"},
	} {
		s.do(c.call).want(t, c.status, c.kind)
	}
}

func TestLiveBeforeTheHubIsReady(t *testing.T) {
	refused := new(api.Refusals)
	s := newSite(t, func(p *api.Parts, o *api.Options) {
		o.Refusals = refused
		idle, err := hub.New(p.Log.(*sqlite.Engine), hub.Options{})
		if err != nil {
			t.Fatal(err)
		}
		p.Live = idle
	})
	s.do(call{"GET", "/v1/live", "", map[string]string{"Accept": "text/event-stream"}}).want(t, http.StatusServiceUnavailable, "starting")
	s.do(call{"GET", "/v1/live/poll", "", nil}).want(t, http.StatusServiceUnavailable, "starting")
	s.spreads(call{"GET", "/v1/live/room", "", nil}, "starting", 4)
	if got := refused.Counts()["starting"]; got != 2 {
		t.Errorf("counted are %v", refused.Counts())
	}
	s.do(call{"GET", "/readyz", "", nil}).want(t, http.StatusServiceUnavailable, "starting")
	s.do(call{"GET", "/v1/items", "", nil}).want(t, http.StatusServiceUnavailable, "starting")
	s.do(call{"GET", "/", "", nil}).want(t, http.StatusServiceUnavailable, "starting")
}
