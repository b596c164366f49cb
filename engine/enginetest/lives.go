package enginetest

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"crier/push"
)

// testConfirmation: who has confirmed stays confirmed, and nobody else can say so.
func testConfirmation(t *testing.T, s *store) {
	ctx, e := t.Context(), s.node(0)
	sub := subscriber(1)
	sub.Unconfirmed = true
	stands := func(what string, want push.Subscription) {
		t.Helper()
		equal(t, what, must(s.node(1).Subscription(ctx, sub.ID))(t), want)
	}
	if err := e.ConfirmSubscription(ctx, sub.ID, sub.Auth); !errors.Is(err, push.ErrNoSubscription) {
		t.Fatalf("confirming nothing: %v", err)
	}
	must(e.PutSubscription(ctx, sub))(t)
	must(e.PutSubscription(ctx, sub))(t)
	stands("put twice", sub)
	if err := e.ConfirmSubscription(ctx, sub.ID, [16]byte{1}); !errors.Is(err, push.ErrNotYours) {
		t.Fatalf("confirming for another: %v", err)
	}
	stands("after the thief", sub)
	confirmed := sub
	confirmed.Unconfirmed = false
	for range 2 {
		ok(t, e.ConfirmSubscription(ctx, sub.ID, sub.Auth))
		stands("confirmed", confirmed)
	}
	must(e.PutSubscription(ctx, sub))(t)
	stands("put again", confirmed)
	equal(t, "count", must(e.CountSubscriptions(ctx))(t), int64(1))
}

// testUnseen walks all subscriptions and forgets those that were not seen for
// long. A retry of one is counted as gone.
func testUnseen(t *testing.T, s *store) {
	ctx, e := t.Context(), s.node(0)
	const n = 120
	var want []push.Life
	for i := range n {
		sub := subscriber(i)
		must(e.PutSubscription(ctx, sub))(t)
		want = append(want, push.Life{ID: sub.ID, Key: sub.Key, Unconfirmed: sub.Unconfirmed, SeenAt: sub.SeenAt})
	}
	slices.SortFunc(want, func(a, b push.Life) int { return bytes.Compare(a.ID[:], b.ID[:]) })
	for _, limit := range []int{1, 7, n, 1000} {
		var got []push.Life
		for after := (push.ID{}); ; after = got[len(got)-1].ID {
			page := must(s.node(1).Lives(ctx, after, limit))(t)
			if len(page) == 0 {
				break
			}
			if len(page) > limit {
				t.Fatalf("%d in a page of %d", len(page), limit)
			}
			got = append(got, page...)
		}
		equal(t, fmt.Sprintf("lives, %d at a time", limit), got, want)
	}

	open(t, e, posted("na"))
	l := claim(t, e, "w", base)
	page := must(e.Deliveries(ctx, l, base, n))(t)
	must(e.Checkpoint(ctx, l, progress(page, l, always(retry), base)))(t)

	all := make([]push.ID, n, n+1)
	for i := range all {
		all[i] = subscriber(i).ID
	}
	all = append(all, subscriber(n).ID)                                                                             // which is not there
	equal(t, "unconfirmed and unseen", must(e.ForgetUnseen(ctx, all, base.Add(20*time.Second), true))(t), int64(2)) // 6 and 13
	equal(t, "unseen", must(e.ForgetUnseen(ctx, all, base.Add(20*time.Second), false))(t), int64(18))
	equal(t, "unseen again", must(e.ForgetUnseen(ctx, all, base.Add(20*time.Second), false))(t), int64(0))
	equal(t, "left", must(s.node(1).CountSubscriptions(ctx))(t), int64(n-20))
	if _, err := e.Subscription(ctx, all[20]); err != nil {
		t.Fatalf("seen just then: %v", err)
	}
	w := newWalker(e, "w", 50, func(push.Lease, push.Delivery) fate { return accept })
	ok(t, w.finish(ctx, base.Add(time.Hour)))
	tally := must(e.Report(ctx, "na"))(t).Tally
	equal(t, "gone", tally.Gone, int64(20))
	equal(t, "accepted", tally.Accepted, int64(n-20))
}
