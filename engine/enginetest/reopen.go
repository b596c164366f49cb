package enginetest

import (
	"errors"
	"testing"
	"time"

	"crier/desk"
	"crier/news"
	"crier/push"
)

func testReopen(t *testing.T, s *store) {
	ctx, e := t.Context(), s.node(0)
	_, k, err := desk.NewKey("Night desk", desk.RoleChief, base)
	ok(t, err)
	ok(t, e.PutKey(ctx, k))
	subscribe(t, e, 0, 40)
	first := must(e.Append(ctx, keyed("k", "body"), posted("na")))(t)
	add(t, e, drill("nb"))
	c := open(t, e, revised("na", 1, news.Corrected))
	l := claim(t, e, "w", base)
	p := must(e.Deliveries(ctx, l, base, 10))(t)
	prog := progress(p, l, func(d push.Delivery) fate { return fate(d.Subscription.ID[15] % 4) }, base)
	must(e.Checkpoint(ctx, l, prog))(t)
	ok(t, e.AddReceipt(ctx, push.Receipt{Token: c.Token, Kind: push.Displayed, Nonce: "1", At: base}))
	ok(t, e.Stop(ctx, push.Stop{By: "kchief", Reason: "An exercise.", At: base}))
	before := look(t, e)
	subs := must(e.Subscription(ctx, subscriber(3).ID))(t)

	s.close(t)
	s.open(t)
	e = s.node(0)
	equal(t, "the store", look(t, e), before)
	equal(t, "a subscription", must(e.Subscription(ctx, subscriber(3).ID))(t), subs)
	first.Replayed = true
	equal(t, "a replay", must(e.Append(ctx, keyed("k", "body"), posted("na")))(t), first)
	if _, err := e.Append(ctx, keyed("k", "other"), posted("na")); !errors.Is(err, news.ErrKeyReused) {
		t.Fatalf("the key with another body: %v", err)
	}
	equal(t, "the key's holder", must(e.KeyHolder(ctx, k.Sum))(t), k.Editor)
	// The lease is still held, and a repeat of the receipt is still one.
	must(e.Deliveries(ctx, l, base, 10))(t)
	ok(t, e.AddReceipt(ctx, push.Receipt{Token: c.Token, Kind: push.Displayed, Nonce: "1", At: base}))
	equal(t, "the report", must(e.Report(ctx, "na"))(t), before.Reports[0])
	ok(t, e.Resume(ctx))
	if due := must(e.NextDue(ctx, base))(t); due.After(base.Add(time.Minute)) || due.IsZero() {
		t.Fatalf("after resuming, work is due at %v", due)
	}
}
