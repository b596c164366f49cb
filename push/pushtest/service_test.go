package pushtest

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	webpush "github.com/SherClockHolmes/webpush-go"
)

// subscribed is a subscription that nobody listens to, restricted to from.
func subscribed(t *testing.T, s *Service, from *sender) webpush.Subscription {
	t.Helper()
	sub := dialFake(t, s, "").subscribe("keys", "")
	sub.Endpoint = s.Subscribe(from.key())
	return sub
}

func TestSendIsChecked(t *testing.T) {
	t.Parallel()
	s, from := Start(t), newSender(t)
	sub := subscribed(t, s, from)
	body := func(change func(b []byte) []byte) []byte {
		var buf bytes.Buffer
		if _, err := buf.ReadFrom(from.request(sub, "text", 60).Body); err != nil {
			t.Fatal(err)
		}
		return change(buf.Bytes())
	}
	header := func(name, value string) func(*http.Request) []byte {
		return func(r *http.Request) []byte { r.Header.Set(name, value); return nil }
	}
	for _, c := range []struct {
		name   string
		change func(*http.Request) []byte // and the body, if it is another one
		want   int
	}{
		{"as it should be", func(*http.Request) []byte { return nil }, 201},
		{"topic", header("Topic", "abc-_9"), 201},
		{"no TTL", header("TTL", ""), 400},
		{"negative TTL", header("TTL", "-1"), 400},
		{"TTL of words", header("TTL", "long"), 400},
		{"old encoding", header("Content-Encoding", "aesgcm"), 415},
		{"long topic", header("Topic", strings.Repeat("a", 33)), 400},
		{"topic of other characters", header("Topic", "a.b"), 400},
		{"unknown urgency", header("Urgency", "flash"), 400},
		{"no credentials", header("Authorization", ""), 401},
		{"other credentials", header("Authorization", "Bearer x"), 401},
		{"bad credentials", header("Authorization", "vapid t=a.b.c, k=x"), 403},
		{"too long", func(*http.Request) []byte {
			return body(func(b []byte) []byte { return append(b, make([]byte, MaxBody+1-len(b))...) })
		}, 413},
		{"too short", func(*http.Request) []byte { return body(func(b []byte) []byte { return b[:100] }) }, 400},
		{"no key", func(*http.Request) []byte { return body(func(b []byte) []byte { b[20] = 0; return b }) }, 400},
		{"key off the curve", func(*http.Request) []byte { return body(func(b []byte) []byte { b[50]++; return b }) }, 400},
		{"two records", func(*http.Request) []byte {
			return body(func(b []byte) []byte { copy(b[16:], []byte{0, 0, 0, 100}); return b })
		}, 400},
		{"unknown", func(r *http.Request) []byte { r.URL.Path += "x"; return nil }, 404},
		{"got", func(r *http.Request) []byte { r.Method = http.MethodGet; return nil }, 405},
	} {
		r := from.request(sub, "text", 60)
		w := do(t, r, c.change(r))
		if w.StatusCode != c.want {
			t.Errorf("%s: answered %d, want %d", c.name, w.StatusCode, c.want)
		}
		if challenged := w.Header.Get("WWW-Authenticate") != ""; challenged != (c.want == 401) {
			t.Errorf("%s: WWW-Authenticate %q with %d", c.name, w.Header.Get("WWW-Authenticate"), w.StatusCode)
		}
		seen := s.Seen()
		last := seen.Requests[len(seen.Requests)-1]
		if c.want != 405 && (last.Status != c.want || (last.Problem == "") != (c.want == 201)) {
			t.Errorf("%s: recorded as %d %q", c.name, last.Status, last.Problem)
		}
	}
}

func TestDrop(t *testing.T) {
	t.Parallel()
	s, from := Start(t), newSender(t)
	sub := subscribed(t, s, from)
	standing := s.Seen().Subscriptions
	s.Drop(sub.Endpoint)
	s.Drop(sub.Endpoint)
	s.Drop("https://elsewhere.example/")
	if got := do(t, from.request(sub, "text", 60), nil).StatusCode; got != http.StatusGone {
		t.Errorf("answered %d, want 410", got)
	}
	if got := s.Seen().Subscriptions; got != standing-1 {
		t.Errorf("%d subscriptions stand, want %d", got, standing-1)
	}
}

func TestFail(t *testing.T) {
	t.Parallel()
	s, from := Start(t), newSender(t)
	sub := subscribed(t, s, from)
	s.Fail(2, http.StatusTooManyRequests, 7*time.Second)
	s.Fail(1, http.StatusBadGateway, 0)
	type answer struct {
		status int
		after  string
	}
	var got []answer
	for range 4 {
		w := do(t, from.request(sub, "text", 60), nil)
		got = append(got, answer{w.StatusCode, w.Header.Get("Retry-After")})
	}
	if want := []answer{{429, "7"}, {429, "7"}, {502, ""}, {201, ""}}; !slices.Equal(got, want) {
		t.Errorf("answers %v, want %v", got, want)
	}
	if seen := s.Seen(); seen.Statuses[429] != 2 || seen.Statuses[502] != 1 || seen.Statuses[201] != 1 {
		t.Errorf("counted %v", seen.Statuses)
	}
}

func TestSeenIsBoundedAndApart(t *testing.T) {
	t.Parallel()
	s, from := Start(t), newSender(t)
	sub := subscribed(t, s, from)
	s.Fail(Kept+5, http.StatusInternalServerError, 0)
	for range Kept + 5 {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, sub.Endpoint, strings.NewReader("kept"))
		if err != nil {
			t.Fatal(err)
		}
		do(t, r, nil)
	}
	seen := s.Seen()
	if len(seen.Requests) != Kept || seen.Statuses[500] != Kept+5 {
		t.Errorf("%d requests kept, %d counted", len(seen.Requests), seen.Statuses[500])
	}
	seen.Requests[0].Body[0], seen.Statuses[500] = 'X', 0
	seen.Requests[0].Header.Set("TTL", "X")
	if again := s.Seen(); string(again.Requests[0].Body) != "kept" || again.Statuses[500] == 0 ||
		again.Requests[0].Header.Get("TTL") != "" {
		t.Error("what Seen returns is shared")
	}
}

func TestWaitEnds(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := New("http://push.example").Wait(ctx, func(Seen) bool { return false })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("Wait returned %v", err)
	}
}

func TestAddresses(t *testing.T) {
	t.Parallel()
	s := New("https://push.example:8443")
	if s.Host() != "push.example:8443" || s.BrowserURL() != "wss://push.example:8443/" {
		t.Errorf("host %q, browsers at %q", s.Host(), s.BrowserURL())
	}
}

func FuzzCheckBody(f *testing.F) {
	f.Add([]byte{})
	f.Add(make([]byte, 200))
	f.Fuzz(func(t *testing.T, b []byte) {
		if err := checkBody(b); err != nil && !errors.As(err, &refusal{}) {
			t.Errorf("the error is no refusal: %v", err)
		} else if err == nil && (len(b) < 104 || len(b) > MaxBody || b[20] != 65) {
			t.Errorf("accepts %x", b)
		}
	})
}
