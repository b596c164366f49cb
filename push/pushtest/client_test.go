package pushtest

import (
	"bytes"
	"context"
	"crypto/ecdh"
	"crypto/rand"
	"encoding/base64"
	"io"
	"net/http"
	"strconv"
	"testing"
	"time"

	webpush "github.com/SherClockHolmes/webpush-go"
	"github.com/coder/websocket"

	"crier/push/seal"
)

// fake is a browser that speaks autopush's protocol and decrypts.
type fake struct {
	t       *testing.T
	conn    *websocket.Conn
	uaid    string
	private *ecdh.PrivateKey
	auth    [16]byte
}

// dialFake connects a browser that was known as uaid before, if that is not "".
func dialFake(t *testing.T, s *Service, uaid string) *fake {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	conn, _, err := websocket.Dial(ctx, s.BrowserURL(), &websocket.DialOptions{Subprotocols: []string{"push-notification"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.CloseNow() })
	if conn.Subprotocol() != "push-notification" {
		t.Errorf("subprotocol %q", conn.Subprotocol())
	}
	b := &fake{t: t, conn: conn}
	if b.private, err = ecdh.P256().GenerateKey(rand.Reader); err != nil {
		t.Fatal(err)
	}
	hello := b.ask(frame{Type: "hello", UAID: uaid, WebPush: true})
	if hello.Type != "hello" || hello.UAID == "" || !hello.WebPush {
		t.Fatalf("the service greets with %+v", hello)
	}
	b.uaid = hello.UAID
	return b
}

// patience is how long anything may take before a test fails.
const patience = time.Minute

func (b *fake) send(f frame) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.t.Context(), patience)
	defer cancel()
	if err := write(ctx, b.conn, f); err != nil {
		b.t.Fatal(err)
	}
}

func (b *fake) next() frame {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.t.Context(), patience)
	defer cancel()
	f, err := read(ctx, b.conn)
	if err != nil {
		b.t.Fatal(err)
	}
	return f
}

func (b *fake) ask(f frame) frame {
	b.t.Helper()
	b.send(f)
	return b.next()
}

// subscribe registers a channel and returns the subscription.
func (b *fake) subscribe(channel string, key string) webpush.Subscription {
	b.t.Helper()
	f := b.ask(frame{Type: "register", ChannelID: channel, Key: key})
	if f.Type != "register" || f.ChannelID != channel || f.Status != http.StatusOK || f.PushEndpoint == "" {
		b.t.Fatalf("the service answers a register with %+v", f)
	}
	return webpush.Subscription{Endpoint: f.PushEndpoint, Keys: webpush.Keys{
		P256dh: base64.RawURLEncoding.EncodeToString(b.private.PublicKey().Bytes()),
		Auth:   base64.RawURLEncoding.EncodeToString(b.auth[:]),
	}}
}

// notified reads a notification, decrypts it and acknowledges it if told to.
func (b *fake) notified(channel string, ack bool) string {
	b.t.Helper()
	f := b.next()
	if f.Type != "notification" || f.ChannelID != channel || f.Headers["encoding"] != "aes128gcm" {
		b.t.Fatalf("got %+v, want a notification for %s", f, channel)
	}
	body, err := base64.RawURLEncoding.DecodeString(f.Data)
	if err != nil {
		b.t.Fatal(err)
	}
	text, err := seal.Open(b.private, b.auth, body)
	if err != nil {
		b.t.Fatal(err)
	}
	if ack {
		b.send(frame{Type: "ack", Updates: []update{{f.ChannelID, f.Version, Delivered}}})
	}
	return string(text)
}

// sender is an application server.
type sender struct {
	t               *testing.T
	private, public string
}

func newSender(t *testing.T) *sender {
	t.Helper()
	private, public, err := webpush.GenerateVAPIDKeys()
	if err != nil {
		t.Fatal(err)
	}
	return &sender{t, private, public}
}

// key is the sender's public key as subscriptions are restricted to it.
func (s *sender) key() []byte {
	k, err := base64.RawURLEncoding.DecodeString(s.public)
	if err != nil {
		s.t.Fatal(err)
	}
	return k
}

// capture keeps a request in place of sending it.
type capture struct{ request *http.Request }

func (c *capture) Do(r *http.Request) (*http.Response, error) {
	c.request = r
	return &http.Response{StatusCode: http.StatusCreated, Body: http.NoBody}, nil
}

// request is a notification that nothing is wrong with.
func (s *sender) request(sub webpush.Subscription, text string, ttl int) *http.Request {
	s.t.Helper()
	var c capture
	r, err := webpush.SendNotificationWithContext(s.t.Context(), []byte(text), &sub, &webpush.Options{
		HTTPClient: &c, Subscriber: "desk@example.org", TTL: ttl, Urgency: webpush.UrgencyHigh,
		VAPIDPublicKey: s.public, VAPIDPrivateKey: s.private,
	})
	if err != nil {
		s.t.Fatal(err)
	}
	_ = r.Body.Close() // there is none
	return c.request
}

// do sends r with its body replaced, if body is not nil, and returns the
// answer, read.
func do(t *testing.T, r *http.Request, body []byte) *http.Response {
	t.Helper()
	if body != nil {
		r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	}
	w, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = w.Body.Close() }()
	if _, err := io.Copy(io.Discard, w.Body); err != nil {
		t.Fatal(err)
	}
	return w
}

// post sends a notification, which must be accepted.
func (s *sender) post(sub webpush.Subscription, text, topic string, ttl int) {
	s.t.Helper()
	r := s.request(sub, text, ttl)
	if topic != "" {
		r.Header.Set("Topic", topic)
	}
	w := do(s.t, r, nil)
	if w.StatusCode != http.StatusCreated {
		s.t.Fatalf("the service answers %d, want 201", w.StatusCode)
	}
	if w.Header.Get("Location") == "" || w.Header.Get("TTL") != strconv.Itoa(ttl) {
		s.t.Errorf("accepted without Location or TTL: %v", w.Header)
	}
}

// wait waits for what the service has seen.
func wait(t *testing.T, s *Service, what string, cond func(Seen) bool) Seen {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	seen, err := s.Wait(ctx, cond)
	if err != nil {
		t.Fatalf("waiting for %s: %v; seen %+v", what, err, seen)
	}
	return seen
}
