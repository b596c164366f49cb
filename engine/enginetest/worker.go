package enginetest

import (
	"context"
	"testing"
	"time"

	"crier/push"
)

// leaseFor is how long the suite's workers hold a range.
const leaseFor = time.Minute

// fate is what becomes of a delivery.
type fate int

const (
	accept fate = iota
	retry       // in ten seconds
	fail
	gone
	expire
	cancel
)

// claim takes the next range, which there must be.
func claim(t testing.TB, e Engine, worker string, now time.Time) push.Lease {
	t.Helper()
	l, found, err := e.Claim(t.Context(), push.Worker{Name: worker}, now, leaseFor)
	ok(t, err)
	if !found {
		t.Fatal("no range to claim")
	}
	if !l.Ends.Equal(now.Add(leaseFor)) || l.Token < 1 {
		t.Fatalf("claimed at %v for %v: %+v", now, leaseFor, l)
	}
	return l
}

// idle fails the test if there is a range to claim.
func idle(t testing.TB, e Engine, now time.Time) {
	t.Helper()
	if l, found, err := e.Claim(t.Context(), push.Worker{Name: "w"}, now, leaseFor); err != nil || found {
		t.Fatalf("a claim where there is no work: %+v, %v", l, err)
	}
}

// progress is what a worker writes when its page met with the fates that
// decide says.
func progress(p push.Page, l push.Lease, decide func(push.Delivery) fate, now time.Time) push.Progress {
	out := push.Progress{Cursor: p.Cursor, Scanned: p.Scanned, Ends: now.Add(leaseFor)}
	for _, d := range p.Deliveries {
		id := d.Subscription.ID
		t := &push.Tally{}
		if d.Attempts == 0 {
			t.Audience++
		} else {
			out.Settled = append(out.Settled, id)
			t.Retried++
		}
		switch decide(d) {
		case accept:
			t.Accepted++
			if t.AcceptedAt == nil {
				t.AcceptedAt = map[int]int64{}
			}
			t.AcceptedAt[push.Tenth(now.Sub(l.Campaign.OpenedAt))]++
		case retry:
			t.Throttled++
			out.Retries = append(out.Retries, push.Retry{ID: id, Attempts: d.Attempts + 1, Due: now.Add(10 * time.Second)})
		case fail:
			if t.Failed == nil {
				t.Failed = map[string]int64{}
			}
			t.Failed["size"]++
			out.Letters = append(out.Letters, push.Letter{ID: id, Reason: "size", Status: 413, At: now})
		case gone:
			t.Gone++
			out.Gone = append(out.Gone, id)
		case expire:
			t.Expired++
		case cancel:
			t.Cancelled++
		}
		one := *t
		one.Services = map[string]push.Tally{serviceOf(id): *t}
		out.Tally.Add(one)
	}
	return out
}

// serviceOf is the push service that the suite counts a subscription under.
func serviceOf(id push.ID) string {
	return []string{"push.example.org", "127.0.0.1:9000", push.OtherServices}[int(id[14])%3]
}

// always meets every delivery with f.
func always(f fate) func(push.Delivery) fate { return func(push.Delivery) fate { return f } }

// walker works campaigns off and remembers what it attempted.
type walker struct {
	e      Engine
	name   string
	limit  int
	decide func(push.Lease, push.Delivery) fate
	tries  map[push.ID]int
	order  []push.Delivery
}

func newWalker(e Engine, name string, limit int, decide func(push.Lease, push.Delivery) fate) *walker {
	return &walker{e: e, name: name, limit: limit, decide: decide, tries: map[push.ID]int{}}
}

// page works off one page of l.
func (w *walker) page(ctx context.Context, l push.Lease, now time.Time) (push.State, error) {
	st, _, err := w.pageOf(ctx, l, now)
	return st, err
}

// pageOf is page, and says whether other ranges have their turn after it.
func (w *walker) pageOf(ctx context.Context, l push.Lease, now time.Time) (st push.State, pause bool, err error) {
	p, err := w.e.Deliveries(ctx, l, now, w.limit)
	if err != nil {
		return st, false, err
	}
	prog := progress(p, l, func(d push.Delivery) fate {
		w.tries[d.Subscription.ID]++
		w.order = append(w.order, d)
		return w.decide(l, d)
	}, now)
	st, err = w.e.Checkpoint(ctx, l, prog)
	return st, p.Pause, err
}

// work claims and works off what is due now. It leaves a range that has
// nothing more to do now, as others may have.
func (w *walker) work(ctx context.Context, now time.Time) error {
	for {
		l, found, err := w.e.Claim(ctx, push.Worker{Name: w.name}, now, leaseFor)
		if err != nil || !found {
			return err
		}
		for {
			st, pause, err := w.pageOf(ctx, l, now)
			if err != nil {
				return err
			}
			if st.Done {
				break
			}
			if pause {
				if err := w.e.Release(ctx, l); err != nil {
					return err
				}
				break
			}
			p, err := w.e.Deliveries(ctx, l, now, 1)
			if err != nil {
				return err
			}
			if len(p.Deliveries) == 0 {
				if err := w.e.Release(ctx, l); err != nil {
					return err
				}
				break
			}
		}
	}
}

// finish works on, going from one due time to the next, until nothing is left.
func (w *walker) finish(ctx context.Context, now time.Time) error {
	for {
		if err := w.work(ctx, now); err != nil {
			return err
		}
		next, err := w.e.NextDue(ctx, now)
		if err != nil || next.IsZero() {
			return err
		}
		now = next
	}
}

// onceEach fails the test unless every one of ids was attempted exactly once,
// and nobody else was.
func (w *walker) onceEach(t testing.TB, ids map[push.ID]bool) {
	t.Helper()
	for id := range ids {
		if w.tries[id] != 1 {
			t.Fatalf("subscription %s was attempted %d times", id, w.tries[id])
		}
	}
	if len(w.tries) != len(ids) {
		t.Fatalf("%d subscriptions were attempted, of %d", len(w.tries), len(ids))
	}
}
