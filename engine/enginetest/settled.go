package enginetest

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"crier/desk"
	"crier/news"
	"crier/push"
)

// moved is what was done to a store before it is moved.
type moved struct {
	secret         desk.Credential
	kept           news.Receipt // under the key "kept"
	trimmed, stays news.Cursor
	displayed      push.Campaign // has a receipt with the nonce "1"
}

// settle fills a store with everything that one can hold, and leaves a
// campaign in the middle.
func settle(t testing.TB, e Engine) (m moved) {
	t.Helper()
	ctx := t.Context()
	for i, role := range []desk.Role{desk.RoleChief, desk.RoleEditor} {
		_, k, err := desk.NewKey(fmt.Sprint("Desk ", i), role, base)
		ok(t, err)
		ok(t, e.PutKey(ctx, k))
		m.secret = k
	}
	// A trimmed log, whose items stay.
	old := addItems(t, e, "old", 8)
	add(t, e, drill("exercise"))
	add(t, e, revised("old3", 1, news.Updated))
	head := must(e.Head(ctx))(t)
	ok(t, e.OpenCampaigns(ctx, head, nil))
	equal(t, "entries trimmed", must(e.Trim(ctx, 3, 0))(t), int64(7))
	m.trimmed = news.Cursor{Epoch: head.Epoch, Offset: old[2].Offset}
	m.stays = news.Cursor{Epoch: head.Epoch, Offset: 8}
	m.kept = must(e.Append(ctx, keyed("kept", "body"), posted("keyed")))(t)

	// A campaign that is over, with receipts.
	subscribe(t, e, 0, 60)
	m.displayed = open(t, e, posted("done"))
	w := newWalker(e, "w", 16, func(_ push.Lease, d push.Delivery) fate {
		return []fate{accept, fail, expire, accept, gone}[d.Subscription.ID[15]%5]
	})
	ok(t, w.finish(ctx, base))
	for kind, n := range map[push.ReceiptKind]int{push.Displayed: 5, push.Clicked: 2} {
		for i := range n {
			ok(t, e.AddReceipt(ctx, push.Receipt{Token: m.displayed.Token, Kind: kind, Nonce: fmt.Sprint(i), At: base}))
		}
	}

	// One in the middle: retries that wait, one of someone who has departed,
	// one of someone who came back, and newcomers whom it does not concern.
	subscribe(t, e, 60, 90)
	open(t, e, posted("middle"))
	l := claim(t, e, "w", base)
	p := must(e.Deliveries(ctx, l, base, 24))(t)
	must(e.Checkpoint(ctx, l, progress(p, l, func(d push.Delivery) fate { return []fate{retry, accept, retry}[d.Subscription.ID[14]%3] }, base)))(t)
	waits := slices.DeleteFunc(slices.Clone(p.Deliveries), func(d push.Delivery) bool { return d.Subscription.ID[14]%3 == 1 })
	for i, d := range waits[:2] {
		ok(t, e.DeleteSubscription(ctx, d.Subscription.ID, d.Subscription.Auth))
		if i == 1 {
			must(e.PutSubscription(ctx, d.Subscription))(t)
		}
	}
	subscribe(t, e, 90, 100)

	// One that was cancelled before it was sent, with its correction.
	flash := posted("wrong")
	flash.Item.Level = news.Flash
	open(t, e, flash)
	l = claim(t, e, "v", base)
	equal(t, "claimed", l.Campaign.Entry.Item.ID, "wrong")
	p = must(e.Deliveries(ctx, l, base, 1000))(t)
	must(e.Checkpoint(ctx, l, progress(p, l, always(retry), base)))(t)
	open(t, e, revised("wrong", 1, news.Corrected))

	// One that only waits, for a long time.
	flash = posted("waits")
	flash.Item.Level = news.Flash
	open(t, e, flash)
	l = claim(t, e, "v", base)
	equal(t, "claimed", l.Campaign.Entry.Item.ID, "waits")
	p = must(e.Deliveries(ctx, l, base, 1000))(t)
	prog := progress(p, l, always(retry), base)
	for i := range prog.Retries {
		prog.Retries[i].Due = later(1000 + i)
	}
	must(e.Checkpoint(ctx, l, prog))(t)
	add(t, e, posted("unsent")) // has not become a campaign
	ok(t, e.ClearAlarms(ctx, later(-60)))
	ok(t, e.RaiseAlarm(ctx, push.Alarm{Service: "push.example.org", Problem: "25 % of the last 80 are gone", Since: base}))
	ok(t, e.KeepRate(ctx, push.Rate{Service: "push.example.org", PerSecond: 1234.5, At: base}))
	ok(t, e.Stop(ctx, push.Stop{By: "kchief", Reason: "An exercise.", At: base}))
	return m
}

// goOn lets the campaigns go on to their end, posts and sends once more, and
// says all that happened.
func goOn(t testing.TB, e Engine, m moved) []any {
	t.Helper()
	ctx := t.Context()
	kept := m.kept
	kept.Replayed = true
	equal(t, "a replay", must(e.Append(ctx, keyed("kept", "body"), posted("keyed")))(t), kept)
	if _, err := e.Append(ctx, keyed("kept", "other"), posted("keyed")); !errors.Is(err, news.ErrKeyReused) {
		t.Fatalf("the key with another body: %v", err)
	}
	equal(t, "the key's holder", must(e.KeyHolder(ctx, m.secret.Sum))(t), m.secret.Editor)
	if _, err := e.Since(ctx, m.trimmed, 1); !errors.Is(err, news.ErrCursorLost) {
		t.Fatalf("a cursor that had been lost: %v", err)
	}
	equal(t, "the next entry", must(e.Since(ctx, m.stays, 1))(t)[0].Offset, m.stays.Offset+1)
	for _, nonce := range []string{"1", "new"} { // of which one is a repeat
		ok(t, e.AddReceipt(ctx, push.Receipt{Token: m.displayed.Token, Kind: push.Displayed, Nonce: nonce, At: base}))
	}
	equal(t, "displayed", must(e.Report(ctx, "done"))(t).Displayed, int64(6))

	out := []any{look(t, e)}
	idle(t, e, base.Add(time.Hour)) // stopped
	ok(t, e.Resume(ctx))
	work := func() {
		w := newWalker(e, "w", 16, func(l push.Lease, d push.Delivery) fate {
			out = append(out, l.Campaign.ID, l.Range, l.Token, l.Cancelled, d)
			if l.Cancelled {
				return cancel
			}
			return accept
		})
		now := must(e.NextDue(ctx, base.Add(2*leaseFor)))(t) // when all leases have ended
		for ; !now.IsZero(); now = must(e.NextDue(ctx, now))(t) {
			out = append(out, now)
			ok(t, w.work(ctx, now))
		}
		out = append(out, look(t, e))
	}
	work()
	idle(t, e, base.Add(time.Hour))
	for _, item := range []string{"done", "middle", "wrong", "waits"} {
		if r := must(e.Report(ctx, item))(t); !r.Done || r.Tally.Queued() != 0 {
			t.Fatalf("report on %s at the end: %+v", item, r)
		}
	}
	out = append(out, must(e.Replay(ctx, "done", "", base.Add(time.Minute)))(t))
	add(t, e, revised("old3", 2, news.Corrected))
	open(t, e, posted("next"))
	work()
	equal(t, "those whom the next campaign is for", must(e.Report(ctx, "next"))(t).Tally.Audience, must(e.CountSubscriptions(ctx))(t))
	return out
}
