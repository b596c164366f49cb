package push

import (
	"maps"
	"math"
	"slices"
	"time"
)

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
	Cancelled int64            // replaced first: by a later entry of the item, or a newer item of the story that the subscriber gets

	Held      int64 // not in the audience: it waits for their digest
	Retried   int64 // attempts beyond the first
	Throttled int64 // answers that asked us to slow down

	// AcceptedAt is how many were accepted by when: see Tenth.
	AcceptedAt map[int]int64

	// Services is the same by push service: at most MaxServices by name, and
	// the rest under OtherServices. It lacks those whose subscriptions departed
	// while a retry waited, see Report.Services. Its own Services are nil.
	Services map[string]Tally
}

// MaxServices bounds the push services that are counted by name.
const MaxServices = 16

// OtherServices is the name under which all others are counted.
const OtherServices = "other"

// MaxTenths is the greatest time that Tenth tells apart: twelve hours.
const MaxTenths = 12 * 60 * 60 * 10

// The spans after which Tenth becomes coarser, in tenths of a second.
const (
	fineTenths   = 10 * 60 * 10 // each tenth
	secondTenths = 60 * 60 * 10 // each second, and each minute after that
)

// Tenth is how Tally.AcceptedAt and Report.DisplayedAt name a time after the
// opening: in tenths of a second, from 0 to MaxTenths. What is later than ten
// minutes counts at the last tenth of its second, what is later than an hour at
// that of its minute: so a campaign has at most some 10,000 of them. Clocks of
// two nodes may differ, so d may be negative.
func Tenth(d time.Duration) int {
	n := min(max(int(d/(time.Second/10)), 0), MaxTenths-1)
	switch {
	case n < fineTenths:
		return n
	case n < secondTenths:
		return n/10*10 + 9
	}
	return n/600*600 + 599
}

// tenthSpan is how long the times last that Tenth does not tell apart, so long
// after the opening.
func tenthSpan(d time.Duration) time.Duration {
	switch n := d / (time.Second / 10); {
	case n < fineTenths:
		return time.Second / 10
	case n < secondTenths:
		return time.Second
	}
	return time.Minute
}

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
	addCounts(&t.Failed, u.Failed)
	addCounts(&t.AcceptedAt, u.AcceptedAt)
	for name, more := range u.Services {
		if t.Services == nil {
			t.Services = map[string]Tally{}
		}
		s := t.Services[name]
		s.Add(more)
		t.Services[name] = s
	}
}

func addCounts[K comparable](to *map[K]int64, more map[K]int64) {
	for k, n := range more {
		if *to == nil {
			*to = map[K]int64{}
		}
		(*to)[k] += n
	}
}

// Clone is a copy that shares no memory with t.
func (t Tally) Clone() Tally {
	t.Failed, t.AcceptedAt, t.Services = maps.Clone(t.Failed), maps.Clone(t.AcceptedAt), maps.Clone(t.Services)
	for name, s := range t.Services {
		t.Services[name] = s.Clone()
	}
	return t
}

// sumOf is the tally of all services together. Those of which nothing is
// counted are left out.
func sumOf(services map[string]*Tally) (sum Tally) {
	for name, s := range services {
		if s.empty() {
			continue
		}
		sum.Add(*s)
		if sum.Services == nil {
			sum.Services = map[string]Tally{}
		}
		sum.Services[name] = *s
	}
	return sum
}

func (t *Tally) empty() bool {
	return t.Audience == 0 && t.Retried == 0 && t.Throttled == 0 && t.settled() == 0
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
// audience had been accepted, as exactly as Tenth tells and never less; ok is
// false if that has not happened.
func (t Tally) TimeTo(share float64) (d time.Duration, ok bool) {
	return timeTo(t.AcceptedAt, share*float64(t.Audience))
}

// timeTo is when so many, at least one, had been counted.
func timeTo(at map[int]int64, many float64) (d time.Duration, ok bool) {
	need := max(int64(math.Ceil(many-1e-6)), 1) // a share of a number may come out a hair above a whole one
	for _, tenth := range slices.Sorted(maps.Keys(at)) {
		if need -= at[tenth]; need <= 0 {
			return time.Duration(tenth+1) * (time.Second / 10), true
		}
	}
	return 0, false
}

// countedBy is how many had been counted up to d after the opening.
func countedBy(at map[int]int64, d time.Duration) (n int64) {
	for tenth, more := range at {
		if time.Duration(tenth+1)*(time.Second/10) <= d {
			n += more
		}
	}
	return n
}
