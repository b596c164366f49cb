package push

import (
	"context"
	"slices"
	"time"
)

// A few push services that answer slowly, or never, must not hold up everybody
// else: of a page of which all is on its way, a worker waits only so long for
// the last answers before it goes on. What has no answer then is late: the
// store has it as a retry that is due when the answer must have come, so that a
// crash loses nobody, and a later checkpoint says what became of it.

// latePatience is how long the last answers of a page are waited for.
const latePatience = 300 * time.Millisecond

// mayGoOn waits for the last answers of a page and reports whether the worker
// need not wait any longer.
func (t *task) mayGoOn(ctx context.Context, p *page) bool {
	enough := time.NewTimer(latePatience)
	defer enough.Stop()
	select {
	case <-p.done:
		return true
	case <-ctx.Done():
		return false
	case <-p.near:
	case <-enough.C:
	}
	late := p.pending.Load()
	for _, older := range t.late {
		late += older.pending.Load()
	}
	return late <= int64(t.o.PageSize) // else it is a service that is slow for all
}

// again is when the answers that are still to come must have come.
func (t *task) again() time.Time { return time.Now().Add(2*t.o.RequestTimeout + time.Second) }

// keep remembers a page that has late deliveries. Those that still stand in a
// line are put off if they have not begun soon: an answer must have come before
// the store has them attempted again.
func (t *task) keep(p *page) {
	if len(p.late) == 0 {
		t.leave(p)
		return
	}
	t.late = append(t.late, p)
	if slices.Contains(p.behind, true) {
		p.enough = time.AfterFunc(lineTime, func() { t.net.putOff(p) })
	}
}

func (t *task) leave(p *page) {
	if p.enough != nil {
		p.enough.Stop()
	}
	t.pages.leave(p)
}

// pageSize is how many deliveries the next page is to have. Where the page
// before had nothing but what lines were too long for, it is few, after a
// while: to read on at full speed would only be to find whom to put off.
func (t *task) pageSize(ctx context.Context) int {
	if !t.crowded {
		return t.o.PageSize
	}
	wait := time.NewTimer(lineTime / 2)
	defer wait.Stop()
	select {
	case <-wait.C:
	case <-t.turn.over:
	case <-ctx.Done():
	}
	return max(t.o.PageSize/8, 1)
}

// addLate adds to the progress what became of deliveries that were late.
func (t *task) addLate(out *Progress) {
	var still []*page
	by := map[string]*Tally{}
	for _, p := range t.late {
		if p.countLate(out, by, t.guard.mayRemove()) {
			t.leave(p)
		} else {
			still = append(still, p)
		}
	}
	t.late = still
	out.Tally.Add(sumOf(by))
}

// withoutLate divides what the store has due: those that are to be sent, and
// those whose answers are still to come. Where checkpoints take long, or the
// campaign was cancelled, the store has them due before that: they would be sent
// twice and counted twice.
func (t *task) withoutLate(due []Delivery) (ds, waiting []Delivery) {
	if len(t.late) == 0 || !slices.ContainsFunc(due, func(d Delivery) bool { return d.Attempts > 0 }) {
		return due, nil
	}
	late := t.lateOnes()
	for _, d := range due {
		if d.Attempts > 0 && late[d.Subscription.ID] {
			waiting = append(waiting, d)
		} else {
			ds = append(ds, d)
		}
	}
	return ds, waiting
}

// waitOn has the store wait longer for those of waiting that are still late.
func (t *task) waitOn(out *Progress, waiting []Delivery) {
	if len(waiting) == 0 {
		return
	}
	late, until := t.lateOnes(), t.again()
	for _, d := range waiting {
		if id := d.Subscription.ID; late[id] {
			out.Settled = append(out.Settled, id)
			out.Retries = append(out.Retries, Retry{ID: id, Attempts: d.Attempts, Due: until})
		}
	}
}

// lateOnes is the subscriptions of all late deliveries.
func (t *task) lateOnes() map[ID]bool {
	late := map[ID]bool{}
	for _, p := range t.late {
		for _, i := range p.late {
			late[p.deliveries[i].Subscription.ID] = true
		}
	}
	return late
}

// awaitLate waits until every delivery has its answer, at most the time of a
// request, and writes what became of them if write says so. After an error it
// must not: nobody knows what the store has.
func (t *task) awaitLate(ctx context.Context, write bool) {
	if len(t.late) == 0 {
		return
	}
	for _, p := range t.late {
		<-p.done
	}
	var out Progress
	t.addLate(&out)
	if write {
		_, err := t.write(ctx, out)
		t.trouble(ctx, "write a checkpoint", err)
	}
}
