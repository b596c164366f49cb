package pushtest

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/coder/websocket"
)

func TestBrowserReceives(t *testing.T) {
	t.Parallel()
	s, from := Start(t), newSender(t)
	b := dialFake(t, s, "")
	// Firefox pads the key.
	sub := b.subscribe("one", base64.URLEncoding.EncodeToString(from.key()))
	from.post(sub, "first", "", 60)
	from.post(sub, "second", "", 0)
	if got := b.notified("one", true); got != "first" {
		t.Errorf("got %q, want first", got)
	}
	if got := b.notified("one", true); got != "second" {
		t.Errorf("got %q, want second", got)
	}
	seen := wait(t, s, "two acks", func(seen Seen) bool { return len(seen.Acks) == 2 })
	if want := (Ack{sub.Endpoint, Delivered}); seen.Acks[0] != want || seen.Acks[1] != want {
		t.Errorf("acks %+v, want %+v twice", seen.Acks, want)
	}
	if seen.Connected != 1 || seen.Subscriptions != 1 || seen.Statuses[http.StatusCreated] != 2 {
		t.Errorf("seen %+v", seen)
	}
	if got := do(t, newSender(t).request(sub, "not mine", 60), nil).StatusCode; got != http.StatusForbidden {
		t.Errorf("another sender is answered %d, want 403", got)
	}
	if f := b.ask(frame{}); f.Type != "" {
		t.Errorf("a ping is answered with %+v", f)
	}
	b.send(frame{Type: "nack", Version: "x.y", Code: 302})
	wait(t, s, "the nack", func(seen Seen) bool { return len(seen.Acks) == 3 && seen.Acks[2].Code == 302 })
}

func TestBrowserComesBack(t *testing.T) {
	t.Parallel()
	s, from := Start(t), newSender(t)
	b := dialFake(t, s, "")
	sub := b.subscribe("one", from.public)
	from.post(sub, "not acknowledged", "", 60)
	b.notified("one", false)
	if err := b.conn.CloseNow(); err != nil {
		t.Fatal(err)
	}
	wait(t, s, "the browser to be away", func(seen Seen) bool { return seen.Connected == 0 })
	from.post(sub, "now or never", "", 0)
	from.post(sub, "replaced", "story", 60)
	from.post(sub, "another story", "other", 60)
	from.post(sub, "replacing", "story", 60)

	back := dialFake(t, s, b.uaid)
	back.private = b.private
	if back.uaid != b.uaid {
		t.Fatalf("known as %s, greeted as %s", b.uaid, back.uaid)
	}
	for _, want := range []string{"not acknowledged", "another story", "replacing"} {
		if got := back.notified("one", true); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	wait(t, s, "three acks", func(seen Seen) bool { return len(seen.Acks) == 3 })
	// It comes back once more before its old connection is found dead.
	again := dialFake(t, s, b.uaid)
	again.private = b.private
	from.post(sub, "on the new connection", "", 60)
	if got := again.notified("one", true); got != "on the new connection" {
		t.Errorf("got %q", got)
	}
	if seen := s.Seen(); seen.Connected != 1 {
		t.Errorf("%d connected, want 1", seen.Connected)
	}
	if other := dialFake(t, s, "nobody"); other.uaid == "nobody" {
		t.Error("a browser that was never seen is greeted as known")
	}
}

// TestRingsAreTheConnectionsOwn: a connection that is not known to be dead yet
// does not take the ring for a message from the one that has its place.
func TestRingsAreTheConnectionsOwn(t *testing.T) {
	t.Parallel()
	s := New("http://push.example")
	dead, alive := &websocket.Conn{}, &websocket.Conn{}
	b, _ := s.connect("", dead, time.Now())
	_, forDead := s.unsent(b, dead)
	if _, old := s.connect(b.uaid, alive, time.Now()); old != dead {
		t.Fatal("the old connection is not told of")
	}
	_, forAlive := s.unsent(b, alive)
	b.deliver(&message{channel: &channel{id: "one", browser: b}})
	if len(forDead) != 0 || len(forAlive) != 1 {
		t.Errorf("%d rings on the dead connection, %d on the living", len(forDead), len(forAlive))
	}
	if fs, more := s.unsent(b, dead); fs != nil || more != nil {
		t.Errorf("the dead connection is given %+v", fs)
	}
	if fs, _ := s.unsent(b, alive); len(fs) != 1 {
		t.Errorf("the living one is given %+v", fs)
	}
}

func TestBrowserUnsubscribes(t *testing.T) {
	t.Parallel()
	s, from := Start(t), newSender(t)
	b := dialFake(t, s, "")
	sub, other := b.subscribe("one", from.public), b.subscribe("two", from.public)
	if f := b.ask(frame{Type: "unregister", ChannelID: "one"}); f.Status != http.StatusOK || f.ChannelID != "one" {
		t.Errorf("unregister is answered with %+v", f)
	}
	if got := do(t, from.request(sub, "", 60), nil).StatusCode; got != http.StatusGone {
		t.Errorf("the sender is answered %d, want 410", got)
	}
	from.post(other, "stays", "", 60)
	if got := b.notified("two", true); got != "stays" {
		t.Errorf("got %q", got)
	}
}

// TestMessageExpires has a message outlive its TTL while its browser is away.
func TestMessageExpires(t *testing.T) {
	t.Parallel()
	s, from := Start(t), newSender(t)
	b := dialFake(t, s, "")
	sub := b.subscribe("one", from.public)
	if err := b.conn.CloseNow(); err != nil {
		t.Fatal(err)
	}
	wait(t, s, "the browser to be away", func(seen Seen) bool { return seen.Connected == 0 })
	from.post(sub, "short", "", 60)
	from.post(sub, "long", "", 3600)
	known, _ := s.connect(b.uaid, nil, time.Now().Add(time.Minute+time.Second))
	fs, _ := s.unsent(known, nil)
	if len(fs) != 1 {
		t.Fatalf("%d messages after a minute, want 1", len(fs))
	}
	body, err := base64.RawURLEncoding.DecodeString(fs[0].Data)
	if err != nil {
		t.Fatal(err)
	}
	if seen := s.Seen(); string(seen.Requests[1].Body) != string(body) {
		t.Error("the message that is left is not the one of an hour")
	}
}

func TestBrowserThatSpeaksNonsense(t *testing.T) {
	t.Parallel()
	s := Start(t)
	for _, c := range []struct{ name, first, second string }{
		{name: "no JSON", first: "hello"},
		{name: "no hello", first: `{"messageType":"register","channelID":"one"}`},
		{name: "no Web Push", first: `{"messageType":"hello"}`},
		{name: "unknown", first: `{"messageType":"hello","use_webpush":true}`, second: `{"messageType":"purge"}`},
		{name: "no channel", first: `{"messageType":"hello","use_webpush":true}`, second: `{"messageType":"register"}`},
		{name: "bad key", first: `{"messageType":"hello","use_webpush":true}`,
			second: `{"messageType":"register","channelID":"one","key":"!"}`},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		conn, _, err := websocket.Dial(ctx, s.BrowserURL(), nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range []string{c.first, c.second} {
			if text == "" {
				continue
			}
			if err := conn.Write(ctx, websocket.MessageText, []byte(text)); err != nil {
				t.Fatal(err)
			}
		}
		for err == nil {
			_, _, err = conn.Read(ctx)
		}
		if got := websocket.CloseStatus(err); got != websocket.StatusPolicyViolation {
			t.Errorf("%s: closed with %v (%v), want 1008", c.name, got, err)
		}
	}
	wait(t, s, "all to be gone", func(seen Seen) bool { return seen.Connected == 0 })
}

func FuzzHandle(f *testing.F) {
	for _, s := range []string{
		`{}`, `{"messageType":"ping"}`, `{"messageType":"register","channelID":"one","key":"BA=="}`,
		`{"messageType":"unregister","channelID":"one"}`, `{"messageType":"broadcast_subscribe","broadcasts":{"a":"b"}}`,
		`{"messageType":"ack","updates":[{"channelID":"one","version":"t.v","code":100}]}`,
		`{"messageType":"nack","version":"","code":301}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var in frame
		if json.Unmarshal(text, &in) != nil {
			return
		}
		s := New("http://push.example")
		b, _ := s.connect("", nil, time.Now())
		out, err := s.handle(b, in)
		if err != nil && out != nil {
			t.Errorf("%s: both an answer %+v and an error %v", text, out, err)
		}
		if seen := s.Seen(); seen.Subscriptions < 0 || seen.Subscriptions > 1 {
			t.Errorf("%s: %d subscriptions", text, seen.Subscriptions)
		}
	})
}
