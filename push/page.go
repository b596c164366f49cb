package push

import (
	"slices"
	"sync/atomic"
	"time"
)

// page is a run of deliveries on its way out. Its deliveries and texts do not
// change; each result is written once, by whoever settles it, before it counts
// as settled.
type page struct {
	campaign   Campaign
	deliveries []Delivery
	loud       []byte // what is sealed
	silent     []byte
	own        [][]byte // a digest's, by delivery; nil for other campaigns
	apart      *apart   // nil where there is nothing of it
	topic      string
	urgency    string

	services []string // under which each is counted; "" where it is not
	results  []outcome
	settled  []atomic.Bool
	pending  atomic.Int64
	done     chan struct{} // closed with the last result
	queued   atomic.Int64
	handed   chan struct{} // closed when none waits for an origin any more, but those behind
	behind   []bool        // that stand so far back in line that the worker does not wait for them
	ahead    atomic.Int64  // the others that have no result
	near     chan struct{} // closed when those have theirs
	free     bool          // one at least was submitted that had no line before it
	lined    bool          // one at least had, or was put off because of it
	late     []int         // those that the worker went on without
	enough   *time.Timer   // puts off those behind that have not begun

	recalled bool // guarded by the network's mutex
}

// settle notes what became of a delivery, exactly once for each.
func (p *page) settle(i int, out outcome) {
	p.results[i] = out
	p.settled[i].Store(true)
	if !p.behind[i] && p.ahead.Add(-1) == 0 {
		close(p.near)
	}
	if p.pending.Add(-1) == 0 {
		close(p.done)
	}
}

// hand notes that one more delivery does not wait for its origin any more.
func (p *page) hand() {
	if p.queued.Add(-1) == 0 {
		close(p.handed)
	}
}

// fallBehind notes that the worker need not wait for a delivery, before it is
// queued.
func (p *page) fallBehind(i int) {
	p.behind[i] = true
	if p.ahead.Add(-1) == 0 {
		close(p.near)
	}
	p.hand()
}

// drop settles a delivery that no attempt is made of now.
func (p *page) drop(i int, out outcome) {
	p.settle(i, out)
	if !p.behind[i] {
		p.hand()
	}
}

// crowded reports whether whoever is attempted for the first time, and all
// others, had to wait in a line or was put off for one.
func (p *page) crowded() bool {
	return p.lined && !p.free && slices.ContainsFunc(p.deliveries, func(d Delivery) bool { return d.Attempts == 0 })
}

// text is the message of a delivery.
func (p *page) text(i int, v Voice) []byte {
	if p.own != nil {
		return p.own[i]
	}
	if a := p.apart; a != nil && a.has[i] {
		if v == Silent {
			return a.silent
		}
		return a.loud
	}
	if v == Silent {
		return p.silent
	}
	return p.loud
}

// count turns results into what the store is to write. Deliveries that were
// unwanted from the first have no place in it: they are not in the audience.
// Subscriptions that are gone are to be removed only if remove says so. What
// has no result yet is late; the store takes it for retries that are due at
// the time until, should we not live to say more.
func (p *page) count(voices []Voice, remove bool, until time.Time) Progress {
	var out Progress
	by := map[string]*Tally{}
	var held int64
	for i, d := range p.deliveries {
		if voices[i] <= Held && d.Attempts == 0 {
			if voices[i] == Held {
				held++
			}
			continue
		}
		t := p.tallyOf(by, i)
		if d.Attempts == 0 {
			t.Audience++
		} else {
			out.Settled = append(out.Settled, d.Subscription.ID)
		}
		if !p.settled[i].Load() {
			p.late = append(p.late, i)
			out.Retries = append(out.Retries, Retry{ID: d.Subscription.ID, Attempts: max(d.Attempts, 1), Due: until})
			continue
		}
		p.countOne(&out, t, i, remove)
	}
	out.Tally = sumOf(by)
	out.Tally.Held = held // by no service
	return out
}

// tallyOf is the tally of the service that the delivery goes through.
func (p *page) tallyOf(by map[string]*Tally, i int) *Tally {
	t := by[p.services[i]]
	if t == nil {
		t = &Tally{}
		by[p.services[i]] = t
	}
	return t
}

// countLate adds what became meanwhile of those that were late, the counts by
// service, and reports whether none is any more.
func (p *page) countLate(out *Progress, by map[string]*Tally, remove bool) (over bool) {
	p.late = slices.DeleteFunc(p.late, func(i int) bool {
		if !p.settled[i].Load() {
			return false
		}
		d := p.deliveries[i]
		out.Settled = append(out.Settled, d.Subscription.ID)
		p.countOne(out, p.tallyOf(by, i), i, remove)
		return true
	})
	return len(p.late) == 0
}

func (p *page) countOne(out *Progress, t *Tally, i int, remove bool) {
	d, r := p.deliveries[i], p.results[i]
	again := func(attempts int, due time.Time) {
		if !due.Before(p.campaign.Deadline) {
			t.Expired++
			return
		}
		out.Retries = append(out.Retries, Retry{ID: d.Subscription.ID, Attempts: attempts, Due: due})
		if r.fate != unsent {
			t.Retried++
		}
	}
	switch r.fate {
	case accepted:
		t.Accepted++
		t.acceptedAt(r.at.Sub(p.campaign.OpenedAt))
	case gone:
		t.Gone++
		if remove {
			out.Gone = append(out.Gone, d.Subscription.ID)
		}
	case failed:
		if t.Failed == nil {
			t.Failed = map[string]int64{}
		}
		t.Failed[r.reason]++
		out.Letters = append(out.Letters, Letter{d.Subscription.ID, p.services[i], r.reason, r.status, r.at.UTC().Truncate(time.Millisecond)})
	case expired:
		t.Expired++
	case cancelled:
		t.Cancelled++
	case throttled:
		t.Throttled++
		again(d.Attempts+1, r.at.Add(pause(d.Attempts+1, r.after)))
	case retry:
		again(d.Attempts+1, r.at.Add(pause(d.Attempts+1, r.after)))
	case unsent:
		// The store knows a retry by its attempts: one at least.
		again(max(d.Attempts, 1), r.at.Add(max(r.after, leastPutOff)))
	}
}

// leastPutOff keeps a worker from turning in a tight circle over what cannot be
// sent now.
const leastPutOff = 100 * time.Millisecond

// acceptedAt counts one accepted so long after the opening.
func (t *Tally) acceptedAt(d time.Duration) {
	if t.AcceptedAt == nil {
		t.AcceptedAt = map[int]int64{}
	}
	t.AcceptedAt[Tenth(d)]++
}
