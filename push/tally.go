package push

import "time"

// Tally counts what became of notifications. Every subscription in a
// campaign's audience ends in exactly one of Accepted, Gone, Failed, Expired
// and Cancelled, or is still queued. Adding is how tallies are kept: a
// checkpoint's tally holds only what is new.
type Tally struct {
	Audience  int64            // subscriptions that the campaign is for, as far as scanned
	Accepted  int64            // the push service took it: not yet delivered, let alone read
	Gone      int64            // 404 or 410
	Failed    map[string]int64 // given up, by reason
	Expired   int64            // the deadline came first
	Cancelled int64            // replaced by a correction or withdrawal first

	Held      int64 // not in the audience: it waits for their digest
	Retried   int64 // attempts beyond the first
	Throttled int64 // answers that asked us to slow down

	// AcceptedAt is how many were accepted in each tenth of a second after
	// the campaign opened; times past MaxTenths count at MaxTenths.
	AcceptedAt map[int]int64
}

// MaxTenths bounds the keys of Tally.AcceptedAt: twelve hours.
const MaxTenths = 12 * 60 * 60 * 10

// Add adds u to t.
func (t *Tally) Add(u Tally) {
	t.Audience += u.Audience
	t.Accepted += u.Accepted
	t.Gone += u.Gone
	t.Expired += u.Expired
	t.Cancelled += u.Cancelled
	t.Held += u.Held
	t.Retried += u.Retried
	t.Throttled += u.Throttled
	for k, n := range u.Failed {
		if t.Failed == nil {
			t.Failed = map[string]int64{}
		}
		t.Failed[k] += n
	}
	for k, n := range u.AcceptedAt {
		if t.AcceptedAt == nil {
			t.AcceptedAt = map[int]int64{}
		}
		t.AcceptedAt[k] += n
	}
}

// settled is how many of the audience are no longer queued.
func (t Tally) settled() int64 {
	n := t.Accepted + t.Gone + t.Expired + t.Cancelled
	for _, f := range t.Failed {
		n += f
	}
	return n
}

// Queued is how many of the audience have no outcome yet.
func (t Tally) Queued() int64 { return t.Audience - t.settled() }

// TimeTo is how long after the opening the given share (0 to 1) of the
// audience had been accepted, to a tenth of a second upwards; ok is false if
// that has not happened.
func (t Tally) TimeTo(share float64) (d time.Duration, ok bool) {
	need := int64(share * float64(t.Audience))
	if float64(need) < share*float64(t.Audience) || need == 0 {
		need++
	}
	if t.Accepted < need {
		return 0, false
	}
	for _, k := range sortedKeys(t.AcceptedAt) {
		if need -= t.AcceptedAt[k]; need <= 0 {
			return time.Duration(k+1) * (time.Second / 10), true
		}
	}
	return 0, false
}

// Report is a campaign with its counts.
type Report struct {
	Campaign  Campaign
	Tally     Tally
	Displayed int64 // receipts: a lower bound, browsers may lose them; never above Accepted
	Clicked   int64 // likewise
	Scanned   bool  // the audience is complete
	Done      bool  // nothing is queued and nothing will be sent any more
	Cancelled bool  // a later entry of the item replaced it
}
