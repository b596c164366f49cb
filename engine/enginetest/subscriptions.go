package enginetest

import (
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"crier/news"
	"crier/push"
)

func testSubscriptions(t *testing.T, s *store) {
	ctx, e := t.Context(), s.node(0)
	const n = 30
	subscribe(t, e, 0, n)
	equal(t, "count", must(s.node(1).CountSubscriptions(ctx))(t), int64(n))
	for i := range n {
		equal(t, "subscription", must(s.node(1).Subscription(ctx, subscriber(i).ID))(t), subscriber(i))
	}
	stranger := subscriber(n)
	if _, err := e.Subscription(ctx, stranger.ID); !errors.Is(err, push.ErrNoSubscription) {
		t.Fatalf("an unknown subscription: %v", err)
	}

	// The same browser again refreshes it.
	fresh := subscriber(1)
	fresh.P256dh[64] ^= 1
	fresh.Topics, fresh.Level, fresh.Quiet, fresh.DailyMax, fresh.Language = []string{"sport"}, news.Flash, nil, 9, "de"
	fresh.FlashAlways, fresh.Digest, fresh.Zone, fresh.Key = true, 1439, "Asia/Kathmandu", 300
	fresh.CreatedAt, fresh.SeenAt = base.Add(time.Hour), base.Add(2*time.Hour)
	if must(e.PutSubscription(ctx, fresh))(t) {
		t.Fatal("a refreshed subscription was said to be new")
	}
	fresh.CreatedAt = subscriber(1).CreatedAt
	equal(t, "refreshed", must(s.node(1).Subscription(ctx, fresh.ID))(t), fresh)
	fresh.Topics, fresh.Quiet = nil, &push.Quiet{From: 0, To: 1439}
	must(e.PutSubscription(ctx, fresh))(t)
	equal(t, "refreshed again", must(s.node(1).Subscription(ctx, fresh.ID))(t), fresh)

	// Another browser can neither take it over nor forget it.
	thief := fresh
	thief.Auth[0] ^= 1
	thief.Language = "xx"
	if _, err := e.PutSubscription(ctx, thief); !errors.Is(err, push.ErrNotYours) {
		t.Fatalf("taking over: %v", err)
	}
	if err := e.DeleteSubscription(ctx, thief.ID, thief.Auth); !errors.Is(err, push.ErrNotYours) {
		t.Fatalf("forgetting for another: %v", err)
	}
	equal(t, "after the thief", must(s.node(1).Subscription(ctx, fresh.ID))(t), fresh)
	equal(t, "count", must(e.CountSubscriptions(ctx))(t), int64(n))

	// Racing, one forgets it and the others find nothing.
	var gone atomic.Int32
	together(10, func(i int) {
		switch err := s.node(i).DeleteSubscription(ctx, fresh.ID, fresh.Auth); {
		case err == nil:
			gone.Add(1)
		case !errors.Is(err, push.ErrNoSubscription):
			t.Errorf("forgetting: %v", err)
		}
	})
	equal(t, "times forgotten", gone.Load(), int32(1))
	equal(t, "count", must(s.node(1).CountSubscriptions(ctx))(t), int64(n-1))
	if _, err := e.Subscription(ctx, fresh.ID); !errors.Is(err, push.ErrNoSubscription) {
		t.Fatalf("a forgotten subscription: %v", err)
	}
	// Forgotten is forgotten: a newcomer may have the endpoint.
	if !must(e.PutSubscription(ctx, thief))(t) {
		t.Fatal("a subscription after the forgotten one was said to be known")
	}
	equal(t, "newcomer", must(e.Subscription(ctx, thief.ID))(t), thief)

	// Racing, one makes it and the others refresh it.
	var created atomic.Int32
	together(10, func(i int) {
		made, err := s.node(i).PutSubscription(ctx, stranger)
		if err != nil {
			t.Errorf("putting: %v", err)
		}
		if made {
			created.Add(1)
		}
	})
	equal(t, "times created", created.Load(), int32(1))
	equal(t, "count", must(e.CountSubscriptions(ctx))(t), int64(n+1))
}

// testChanges: what may change whom an open campaign is for is told, and nothing
// that does not.
func testChanges(t *testing.T, s *store) {
	ctx, e := t.Context(), s.node(0)
	subscribe(t, e, 0, 10)
	sub, doubtful, leaves, unseen := subscriber(1), subscriber(6), subscriber(2), subscriber(3)
	if !doubtful.Unconfirmed {
		t.Fatal("the fixture is confirmed")
	}
	put := func(s push.Subscription) func() {
		return func() { must(e.PutSubscription(ctx, s))(t) }
	}
	again, topics, quiet := sub, sub, sub
	again.SeenAt = base.Add(time.Hour)
	topics.Topics = []string{"sport"}
	quiet.Quiet = nil
	confirm := func() { ok(t, e.ConfirmSubscription(ctx, doubtful.ID, doubtful.Auth)) }
	for _, step := range []struct {
		name    string
		do      func()
		changes bool
	}{
		{"somebody comes", put(subscriber(20)), false},
		{"comes again", put(again), false},
		{"wants other topics", put(topics), true},
		{"the same again", put(topics), false},
		{"wants no quiet", put(quiet), true},
		{"is confirmed", confirm, true},
		{"is confirmed again", confirm, false},
		{"departs", func() { ok(t, e.DeleteSubscription(ctx, leaves.ID, leaves.Auth)) }, true},
		{"is not seen", func() { must(e.ForgetUnseen(ctx, []push.ID{unseen.ID}, unseen.SeenAt.Add(1e6), false))(t) }, true},
		{"is found gone", func() {
			open(t, e, posted("na"))
			l := claim(t, e, "w", base)
			p := must(e.Deliveries(ctx, l, base, 1))(t)
			must(e.Checkpoint(ctx, l, progress(p, l, always(gone), base)))(t)
		}, true},
	} {
		was := must(e.Changes(ctx))(t)
		step.do()
		if is := must(s.node(1).Changes(ctx))(t); (is != was) != step.changes {
			t.Errorf("%s: the number was %d and is %d", step.name, was, is)
		}
	}
}
