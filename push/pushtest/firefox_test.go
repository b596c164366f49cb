package pushtest_test

import (
	"context"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	webpush "github.com/SherClockHolmes/webpush-go"

	"crier/push/pushtest"
	"crier/web/browsertest"
)

//go:embed testdata/page.html
var page string

//go:embed testdata/worker.js
var worker string

// TestFirefox shows that a real browser takes the service for Mozilla's:
// it subscribes, decrypts with the page closed, hands the message to the
// service worker, acknowledges, and unsubscribes.
func TestFirefox(t *testing.T) {
	t.Parallel()
	s := pushtest.Start(t)
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/worker.js":
			w.Header().Set("Content-Type", "text/javascript")
			_, _ = w.Write([]byte(worker))
		case "/":
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			_, _ = w.Write([]byte(page))
		default:
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(site.Close)
	firefox := browsertest.StartFirefox(t, pushtest.FirefoxPrefs(s))

	private, public, err := webpush.GenerateVAPIDKeys()
	if err != nil {
		t.Fatal(err)
	}
	p := firefox.Open(t, site.URL)
	p.Eval(nil, `document.documentElement.dataset.key = args[0]`, public)
	p.Click("#subscribe")
	p.Wait(`document.querySelector("#subscription").textContent`)
	var sub webpush.Subscription
	if err := json.Unmarshal([]byte(p.Text(`document.querySelector("#subscription").textContent`)), &sub); err != nil {
		t.Fatal(err)
	}
	if seen := s.Seen(); seen.Connected != 1 || seen.Subscriptions != 1 {
		t.Errorf("after subscribing: %d connected, %d subscriptions, want 1 and 1", seen.Connected, seen.Subscriptions)
	}
	p.Close()

	send := func(body string) int {
		t.Helper()
		r, err := webpush.SendNotificationWithContext(t.Context(), []byte(body), &sub, &webpush.Options{
			Subscriber: "desk@example.org", TTL: 60, VAPIDPublicKey: public, VAPIDPrivateKey: private,
		})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = r.Body.Close() }()
		return r.StatusCode
	}
	if got := send("Öl über 100 $"); got != http.StatusCreated {
		t.Fatalf("the service answered %d, want 201; it saw %+v", got, s.Seen().Requests)
	}
	ctx, cancel := context.WithTimeout(t.Context(), browsertest.Patience)
	defer cancel()
	seen, err := s.Wait(ctx, func(seen pushtest.Seen) bool { return len(seen.Acks) > 0 })
	if err != nil {
		t.Fatalf("Firefox does not acknowledge: %v", err)
	}
	if want := (pushtest.Ack{Endpoint: sub.Endpoint, Code: pushtest.Delivered}); seen.Acks[0] != want {
		t.Errorf("ack %+v, want %+v", seen.Acks[0], want)
	}

	p = firefox.Open(t, site.URL)
	var titles []string
	p.WaitFor(&titles, `navigator.serviceWorker.ready
		.then((r) => r.getNotifications())
		.then((ns) => ns.length > 0 && ns.map((n) => n.title))`)
	if want := []string{"Öl über 100 $"}; !slices.Equal(titles, want) {
		t.Errorf("notifications %q, want %q", titles, want)
	}
	p.Click("#unsubscribe")
	if _, err := s.Wait(ctx, func(seen pushtest.Seen) bool { return seen.Subscriptions == 0 }); err != nil {
		t.Fatalf("Firefox does not unsubscribe: %v", err)
	}
	if got := send("nobody"); got != http.StatusGone {
		t.Errorf("after unsubscribing the service answered %d, want 410", got)
	}
	if k, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(sub.Keys.P256dh, "=")); err != nil || len(k) != 65 {
		t.Errorf("p256dh of %d bytes: %v", len(k), err)
	}
}
