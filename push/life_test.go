package push_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"crier/engine/sqlite"
	"crier/news"
	"crier/push"
)

// keys is the keys as the store has them.
type keys struct{ *sqlite.Engine }

func (k keys) Kept(ctx context.Context) ([]byte, error) { return k.Engine.Kept(ctx, "vapid") }

func (k keys) Replace(ctx context.Context, old, fresh []byte) (bool, error) {
	return k.Engine.Replace(ctx, "vapid", old, fresh)
}

// keep has the store keep v in place of what it has.
func (h *house) keep(v push.VAPID) {
	h.t.Helper()
	old, err := keys{h.store}.Kept(h.t.Context())
	if err != nil {
		h.t.Fatal(err)
	}
	fresh, err := v.Bytes()
	if err != nil {
		h.t.Fatal(err)
	}
	if done, err := (keys{h.store}).Replace(h.t.Context(), old, fresh); !done || err != nil {
		h.t.Fatalf("replacing the keys: %v, %v", done, err)
	}
}

// TestBothKeysServeUntilTheOldOneHasNoSubscription rotates under a running
// service.
func TestBothKeysServeUntilTheOldOneHasNoSubscription(t *testing.T) {
	h := newHouse(t, nil, nil)
	h.stop()
	h.keep(h.sink.Keys)
	h.start(func(o *push.Options) { o.Keys = keys{h.store} })
	old := h.subscribe(3, "ok", nil)
	first := h.sink.Keys
	rotated, err := first.Rotated()
	if err != nil {
		t.Fatal(err)
	}
	h.keep(rotated)
	h.sink.Rotate(rotated)
	fresh := h.subscribe(2, "ok", nil) // of a node that knows already
	if old[0].Key != 0 || fresh[0].Key != 1 {
		t.Fatalf("keys %d and %d", old[0].Key, fresh[0].Key)
	}
	if r := h.finished(h.post(news.Post{})); r.Tally.Accepted != 5 {
		t.Errorf("just after: %+v", r.Tally)
	}
	h.until("the service knows the new key", func() bool { return h.svc.PublicKey() == rotated.Public() })

	tidy := func() push.Tidied {
		t.Helper()
		h.stop() // a walk is at most every ten minutes
		h.start(func(o *push.Options) { o.Keys = keys{h.store} })
		h.until("the service has read the keys", func() bool { return h.svc.PublicKey() == rotated.Public() })
		done, err := h.svc.Tidy(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return done
	}
	if done := tidy(); done.Retired != nil || done.Unseen != 0 || done.Unconfirmed != 0 {
		t.Errorf("while there are subscriptions: %+v", done)
	}
	for _, s := range old {
		if err := h.svc.Unsubscribe(t.Context(), s.ID, s.Auth); err != nil {
			t.Fatal(err)
		}
	}
	if done := tidy(); !slices.Equal(done.Retired, []int{0}) {
		t.Errorf("retired %v, want the old one", done.Retired)
	}
	kept, err := keys{h.store}.Kept(t.Context())
	if err != nil || strings.Contains(string(kept), first.Public()) || !strings.Contains(string(kept), rotated.Public()) {
		t.Errorf("the store has %d bytes of keys, %v", len(kept), err)
	}
	// One that comes back with the old key is told so.
	back := strings.Replace(subscriptionJSON, "{", `{"key":"`+first.Public()+`",`, 1)
	h.until("the service has forgotten the old key", func() bool {
		_, err := h.svc.ParseSubscription([]byte(back))
		return err != nil && strings.Contains(err.Error(), "no key of ours")
	})
	// One that was kept with it all the same gets nothing, and does no harm.
	left := old[0]
	if _, err := h.store.PutSubscription(t.Context(), left); err != nil {
		t.Fatal(err)
	}
	if r := h.finished(h.post(news.Post{})); r.Tally.Accepted != 2 || r.Tally.Failed[push.FailedKeys] != 1 || len(h.svc.Status().Alarms) != 0 {
		t.Errorf("afterwards: %+v", r.Tally)
	}
}

const subscriptionJSON = `{"endpoint":"https://fcm.googleapis.com/fcm/send/abc:def","keys":{
	"p256dh":"BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4","auth":"BTBZMqHH6r4Tts7J_aSIgg"}}`

// confirmation is what a greeting carries.
func confirmation(t *testing.T, m push.Received) (subscription, nonce string) {
	t.Helper()
	var n struct {
		Mutable      bool `json:"mutable"`
		Notification struct {
			Data struct {
				Confirm *struct{ Subscription, Nonce string } `json:"confirm"`
			} `json:"data"`
		} `json:"notification"`
	}
	if err := json.Unmarshal([]byte(m.Text), &n); err != nil {
		t.Fatal(err)
	}
	c := n.Notification.Data.Confirm
	if n.Mutable != (c != nil) {
		t.Errorf("mutable is %v in %s", n.Mutable, m.Text)
	}
	if c == nil {
		return "", ""
	}
	return c.Subscription, c.Nonce
}

func TestAlertsComeOnlyOnceConfirmed(t *testing.T) {
	h := newHouse(t, nil, nil)
	h.stop()
	h.start(func(o *push.Options) { o.Confirm = push.ConfirmAll })
	ctx := t.Context()
	s, other := h.sink.Subscribe("ok"), h.sink.Subscribe("ok")
	greeted := func(s push.Subscription, n int) push.Received {
		t.Helper()
		h.until("the greeting has come", func() bool { return len(h.sink.Got(s)) >= n })
		got := h.sink.Got(s)
		if len(got) != n {
			t.Fatalf("%d greetings, want %d", len(got), n)
		}
		return got[n-1]
	}
	for _, one := range []push.Subscription{s, other} {
		if created, err := h.svc.Subscribe(ctx, one); !created || err != nil {
			t.Fatalf("subscribe: %v, %v", created, err)
		}
	}
	id, nonce := confirmation(t, greeted(s, 1))
	_, others := confirmation(t, greeted(other, 1))
	if r := h.finished(h.post(news.Post{})); r.Tally.Audience != 0 || len(h.sink.Got(s)) != 1 {
		t.Errorf("before: %+v", r.Tally)
	}

	for _, bad := range [][2]string{{id, others}, {push.ID{}.String(), nonce}, {id, strings.Repeat("A", len(nonce))}} {
		if err := h.svc.Confirm(ctx, bad[0], bad[1]); !errors.Is(err, push.ErrNotConfirmed) {
			t.Errorf("confirming with %v: %v", bad, err)
		}
	}
	var invalid news.Invalid
	for _, bad := range [][2]string{{"", nonce}, {id + "00", nonce}, {"zz", nonce}, {id, ""}, {id, nonce + "A"}} {
		if err := h.svc.Confirm(ctx, bad[0], bad[1]); !errors.As(err, &invalid) {
			t.Errorf("confirming with %q: %v", bad, err)
		}
	}
	// A visit soon after brings no other greeting, one some time later does.
	s.SeenAt = s.SeenAt.Add(5 * time.Minute)
	if created, err := h.svc.Subscribe(ctx, s); created || err != nil {
		t.Fatalf("a visit: %v, %v", created, err)
	}
	s.SeenAt = s.SeenAt.Add(10 * time.Minute)
	if created, err := h.svc.Subscribe(ctx, s); created || err != nil {
		t.Fatalf("a later visit: %v, %v", created, err)
	}
	again, sameNonce := confirmation(t, greeted(s, 2))
	if again != id || sameNonce != nonce {
		t.Error("the second greeting carries another nonce")
	}
	for range 2 {
		if err := h.svc.Confirm(ctx, id, nonce); err != nil {
			t.Fatalf("confirming: %v", err)
		}
	}
	if r := h.finished(h.post(news.Post{})); r.Tally.Audience != 1 || r.Tally.Accepted != 1 {
		t.Errorf("after: %+v", r.Tally)
	}
	// It stays so, and nobody is greeted again.
	s.SeenAt = s.SeenAt.Add(time.Hour)
	if _, err := h.svc.Subscribe(ctx, s); err != nil {
		t.Fatal(err)
	}
	if r := h.finished(h.post(news.Post{})); r.Tally.Accepted != 1 || len(h.sink.Got(s)) != 4 {
		t.Errorf("at the end: %+v, %d messages", r.Tally, len(h.sink.Got(s)))
	}
}

func TestWhoMustConfirm(t *testing.T) {
	h := newHouse(t, nil, nil)
	for _, tt := range []struct {
		policy        push.Confirm
		vendors, ours bool
	}{{"", true, false}, {push.ConfirmVendors, true, false}, {push.ConfirmAll, true, true}, {push.ConfirmNone, false, false}} {
		svc, stop := h.node(func(o *push.Options) { o.Confirm = tt.policy })
		stop() // it keeps subscriptions, and greets nobody
		vendors, err := svc.ParseSubscription([]byte(strings.Replace(subscriptionJSON, "abc", "p"+string(tt.policy), 1)))
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range []push.Subscription{vendors, h.sink.Subscribe("ok")} {
			if _, err := svc.Subscribe(t.Context(), s); err != nil {
				t.Fatal(err)
			}
			kept, err := h.store.Subscription(t.Context(), s.ID)
			want := map[bool]bool{true: tt.vendors, false: tt.ours}[s.ID == vendors.ID]
			if err != nil || kept.Unconfirmed != want {
				t.Errorf("%q: unconfirmed %v, want %v; %v", tt.policy, kept.Unconfirmed, want, err)
			}
		}
	}
	if _, err := push.New(h.store, h.store, h.sink.Keys, push.Options{Confirm: "some"}); err == nil {
		t.Error("an unknown policy is taken")
	}
}

// TestWhoIsNotSeenIsForgotten walks over more than a page of subscriptions.
func TestWhoIsNotSeenIsForgotten(t *testing.T) {
	h := newHouse(t, map[string]http.HandlerFunc{}, nil)
	ago := func(d time.Duration, unconfirmed bool) func(s *push.Subscription) {
		return func(s *push.Subscription) { s.SeenAt, s.Unconfirmed = s.SeenAt.Add(-d), unconfirmed }
	}
	const day = 24 * time.Hour
	h.subscribe(600, "ok", ago(399*day, false))
	h.subscribe(500, "ok", ago(401*day, false))
	h.subscribe(30, "ok", ago(23*time.Hour, true))
	h.subscribe(20, "ok", ago(25*time.Hour, true))
	h.stop()
	h.start(func(o *push.Options) { o.Unseen = 400 * day })
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := h.svc.Tidy(ctx); err == nil {
		t.Error("a walk without time")
	}
	done, err := h.svc.Tidy(t.Context()) // it goes on
	if err != nil || done.Unseen != 500 || done.Unconfirmed != 20 {
		t.Errorf("tidied %+v, %v", done, err)
	}
	if n, err := h.store.CountSubscriptions(t.Context()); err != nil || n != 630 {
		t.Errorf("%d stand, %v", n, err)
	}
	h.stop()
	h.start(nil)
	h.subscribe(1, "ok", ago(4000*day, false))
	if done, err := h.svc.Tidy(t.Context()); err != nil || done.Unseen+done.Unconfirmed != 0 {
		t.Errorf("tidied %+v, %v", done, err)
	}
}
