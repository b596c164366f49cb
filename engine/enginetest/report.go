package enginetest

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"crier/news"
	"crier/push"
)

// testReport gives deliveries every fate and holds the counts to what was
// done, after every page.
func testReport(t *testing.T, s *store) {
	ctx, e := t.Context(), s.node(0)
	const n = 120
	subscribe(t, e, 0, n)
	c := open(t, e, posted("na"))
	r := must(e.Report(ctx, "na"))(t)
	equal(t, "report at first", r, push.Report{Campaign: c})

	var want push.Tally
	closes := func(r push.Report) {
		t.Helper()
		k := r.Tally
		if sum := k.Accepted + k.Gone + k.Failed["size"] + k.Expired + k.Cancelled + k.Queued(); sum != k.Audience {
			t.Fatalf("the counts do not close: %+v", k)
		}
		equal(t, "tally", k, want)
	}
	now := base.Add(2 * time.Second)
	for {
		l, found, err := e.Claim(ctx, push.Worker{Name: "w"}, now, leaseFor)
		ok(t, err)
		if !found {
			next := must(e.NextDue(ctx, now))(t)
			if next.IsZero() {
				break
			}
			now = next
			continue
		}
		for done := false; !done; {
			page := must(e.Deliveries(ctx, l, now, 13))(t)
			prog := progress(page, l, func(d push.Delivery) fate {
				f := fate(int(d.Subscription.ID[15]) % 6)
				if f == retry && d.Attempts > 2 {
					return expire
				}
				return f
			}, now)
			want.Add(prog.Tally)
			done = must(e.Checkpoint(ctx, l, prog))(t).Done
			closes(must(s.node(1).Report(ctx, "na"))(t))
			if len(page.Deliveries) == 0 && !done {
				ok(t, e.Release(ctx, l))
				break
			}
		}
	}
	r = must(e.Report(ctx, "na"))(t)
	if !r.Done || !r.Scanned || r.Tally.Audience != n || r.Tally.Queued() != 0 {
		t.Fatalf("report at the end: %+v", r)
	}

	// The report is of the item's last campaign.
	c = open(t, e, revised("na", 1, news.Updated))
	equal(t, "the next campaign's report", must(e.Report(ctx, "na"))(t), push.Report{Campaign: c})
}

// testSwept: how much of the subscriptions has been looked at is known from
// where the ranges stand.
func testSwept(t *testing.T, s *store) {
	ctx, e := t.Context(), s.node(0)
	subscribe(t, e, 0, 5000) // four ranges
	open(t, e, posted("na"))
	want := 0.0
	for range 4 {
		l := claim(t, e, "w", base)
		for done := false; !done; {
			before := l.Range.After(push.ID{})
			page := must(e.Deliveries(ctx, l, base, 700))(t)
			r := must(e.Report(ctx, "na"))(t)
			done = must(e.Checkpoint(ctx, l, progress(page, l, always(accept), base)))(t).Done
			swept := must(s.node(1).Report(ctx, "na"))(t)
			if full := want + before; done {
				want = full
				near(t, "swept with a range", swept.Swept, want)
			} else {
				near(t, "swept", swept.Swept, full-l.Range.After(page.Cursor))
			}
			if swept.Swept <= r.Swept || swept.Scanned != (want > 0.999) {
				t.Fatalf("swept %v after %v, scanned %v", swept.Swept, r.Swept, swept.Scanned)
			}
			if n, known := swept.Audience(); !known || n < 4700 || n > 5300 {
				t.Fatalf("at %v of the way %d subscriptions are expected, %v", swept.Swept, n, known)
			}
		}
	}
	equal(t, "swept at the end", want, 1.0)
}

// near fails the test unless the two are the same but for rounding.
func near(t *testing.T, what string, got, want float64) {
	t.Helper()
	if math.Abs(got-want) > 1e-9 {
		t.Fatalf("%s: got %v, want %v", what, got, want)
	}
}

// testWhenDisplayed: receipts of displaying are counted by when it was.
func testWhenDisplayed(t *testing.T, s *store) {
	ctx, e := t.Context(), s.node(0)
	subscribe(t, e, 0, 20)
	d := posted("na")
	c := open(t, e, d)
	w := newWalker(e, "w", 50, func(push.Lease, push.Delivery) fate { return accept })
	ok(t, w.finish(ctx, base))
	want := map[int]int64{}
	for i, after := range []time.Duration{-time.Second, 0, 50, 99, 100, 59950, 599949, 600000, 601230, 3599999, 3600000, 5000700, 50000000} {
		if after > 0 {
			after *= time.Millisecond
		}
		want[push.Tenth(after)]++
		r := push.Receipt{Token: c.Token, Kind: push.Displayed, Nonce: fmt.Sprint("n", i), At: c.OpenedAt.Add(after)}
		ok(t, e.AddReceipt(ctx, r))
		r.At = r.At.Add(time.Hour)
		ok(t, s.node(1).AddReceipt(ctx, r)) // a repeat counts where it first came
		r.Kind = push.Clicked
		ok(t, e.AddReceipt(ctx, r))
	}
	equal(t, "displayed at", must(s.node(1).Report(ctx, "na"))(t).DisplayedAt, want)
}

func testReceipts(t *testing.T, s *store) {
	ctx, e := t.Context(), s.node(0)
	subscribe(t, e, 0, 5)
	c := open(t, e, posted("na"))
	receipt := func(kind push.ReceiptKind, nonce string) error {
		return e.AddReceipt(ctx, push.Receipt{Token: c.Token, Kind: kind, Nonce: nonce, At: base.Add(time.Minute)})
	}
	counted := func(what string, displayed, clicked int64) {
		t.Helper()
		r := must(s.node(1).Report(ctx, "na"))(t)
		if r.Displayed != displayed || r.Clicked != clicked {
			t.Fatalf("%s: %d displayed, %d clicked; want %d, %d", what, r.Displayed, r.Clicked, displayed, clicked)
		}
	}
	// A browser may be faster than the checkpoint that counts its
	// notification as accepted; but more are never displayed than accepted.
	ok(t, receipt(push.Displayed, "early"))
	counted("before anything is accepted", 0, 0)
	w := newWalker(e, "w", 9, func(_ push.Lease, d push.Delivery) fate {
		if d.Subscription.ID == subscriber(0).ID {
			return fail
		}
		return accept
	})
	ok(t, w.finish(ctx, base))
	counted("after", 1, 0)

	// Each counts once per kind and nonce, whoever races.
	together(50, func(i int) {
		r := push.Receipt{Token: c.Token, Kind: push.Displayed, Nonce: fmt.Sprint("n", i%2), At: base}
		if err := s.node(i).AddReceipt(ctx, r); err != nil {
			t.Errorf("receipt: %v", err)
		}
	})
	counted("two nonces", 3, 0)
	ok(t, receipt(push.Clicked, "n1"))
	ok(t, receipt(push.Clicked, strings.Repeat("long", 1000)))
	counted("clicks", 3, 2)

	// Forged ones are refused and leave no trace.
	for _, r := range []push.Receipt{
		{Token: "", Kind: push.Displayed, Nonce: "x", At: base},
		{Token: strings.Repeat("0", 32), Kind: push.Displayed, Nonce: "x", At: base},
		{Token: c.ID, Kind: push.Displayed, Nonce: "x", At: base},
		{Token: c.Token, Kind: "sold", Nonce: "x", At: base},
		{Token: c.Token, Kind: "", Nonce: "x", At: base},
		{Token: c.Token, Kind: push.Displayed, Nonce: "x", At: c.Deadline.Add(push.ReceiptLife + time.Second)},
	} {
		if err := e.AddReceipt(ctx, r); !errors.Is(err, push.ErrReceiptRefused) {
			t.Fatalf("receipt %+v: %v", r, err)
		}
	}
	counted("after forgeries", 3, 2)

	// Made-up nonces do not count past those that may have been notified, nor
	// are they kept.
	var refused atomic.Int32
	together(40, func(i int) {
		r := push.Receipt{Token: c.Token, Kind: push.Displayed, Nonce: fmt.Sprint("made up ", i), At: base}
		switch err := s.node(i).AddReceipt(ctx, r); {
		case errors.Is(err, push.ErrReceiptRefused):
			refused.Add(1)
		case err != nil:
			t.Errorf("receipt: %v", err)
		}
	})
	equal(t, "receipts refused", refused.Load(), int32(38))
	counted("at the cap", 4, 2)
	ok(t, receipt(push.Displayed, "n1")) // a repeat is still no error

	// A token is good for its own campaign only, and so is a nonce.
	other := open(t, e, posted("nb"))
	ok(t, w.finish(ctx, base))
	ok(t, e.AddReceipt(ctx, push.Receipt{Token: other.Token, Kind: push.Displayed, Nonce: "n1", At: base}))
	equal(t, "displayed of the other item", must(e.Report(ctx, "nb"))(t).Displayed, int64(1))
	counted("after a receipt of another item", 4, 2)
}
