package push

import (
	"errors"
	"strings"
	"sync"
	"time"
	_ "time/tzdata" // subscribers' zones must load on machines that have none installed

	"crier/news"
)

// Voice is how a notification is to be delivered.
type Voice int

// The voices.
const (
	Unwanted Voice = iota // the subscription is not in the campaign's audience
	Held                  // nor is it now: it waits for the subscriber's digest
	Silent                // delivered without sound or vibration
	Loud
)

// Decide says how the subscription s is to get the campaign c at the time now.
// It depends on nothing else: zone is that of s, or UTC if it has none; today is
// the campaigns opened before c in the last day or more, in any order.
//
//   - Who did not ask for the topics or the level does not get it, nor who has
//     not confirmed that notifications arrive.
//   - Beyond daily_max alerts in the subscriber's day it is held for the digest.
//     The day is that of the campaign's opening, and what opened in quiet hours
//     or before the subscription was made does not count: so it is the same
//     whenever it is asked.
//   - During quiet hours everything is silent: the reader has said when to
//     sleep, and finds it on waking.
//   - A flash is neither held nor silenced for who has ticked flash_always.
//   - A correction or withdrawal neither counts against daily_max nor is held
//     by it: the bound is on news, not on putting it right.
//
// What is held is told by the digest, see decideDigest. Nothing that is wanted
// is ever dropped.
func Decide(s Subscription, c Campaign, now time.Time, zone *time.Location, today []Campaign) Voice {
	switch {
	case !s.wants(c):
		return Unwanted
	case s.FlashAlways && c.Entry.Item.Level == news.Flash:
		return Loud
	case s.holds(c, zone, today):
		return Held
	case s.Quiet.covers(now.In(zone)):
		return Silent
	}
	return Loud
}

// holds reports whether c is beyond the daily bound of s.
func (s Subscription) holds(c Campaign, zone *time.Location, today []Campaign) bool {
	opened := c.OpenedAt.In(zone)
	if s.DailyMax == 0 || isRepair(c.Entry.Kind) || s.Quiet.covers(opened) {
		return false
	}
	n := 0
	for _, earlier := range today {
		at := earlier.OpenedAt.In(zone)
		if sameDay(at, opened) && !at.Before(s.CreatedAt) && !isRepair(earlier.Entry.Kind) && s.wants(earlier) && !s.Quiet.covers(at) {
			n++
		}
	}
	return n >= s.DailyMax
}

// wants reports whether s is to get c, now or in a digest.
func (s Subscription) wants(c Campaign) bool {
	return !s.Unconfirmed && !c.isDigest() && s.Level.Rank() <= c.Reach.Level.Rank() && news.Wanted(s.Topics, c.Reach.Topics)
}

// isRepair reports whether an entry of the kind puts right what an earlier one
// said.
func isRepair(k news.Kind) bool { return k == news.Corrected || k == news.Withdrawn }

// covers reports whether the span holds the time of day of local. Where clocks
// are set forward or back it is still the clock on the wall that counts.
func (q *Quiet) covers(local time.Time) bool {
	if q == nil {
		return false
	}
	m := local.Hour()*60 + local.Minute()
	if q.From < q.To {
		return q.From <= m && m < q.To
	}
	return m >= q.From || m < q.To // across midnight
}

func sameDay(a, b time.Time) bool {
	return a.YearDay() == b.YearDay() && a.Year() == b.Year()
}

var errZone = errors.New("not a time zone's name")

// loadZone finds a zone by its IANA name.
func loadZone(name string) (*time.Location, error) {
	// LoadLocation takes "" for UTC and "Local" for the server's own zone.
	if name == "" || name == "Local" || len(name) > maxZone || strings.Contains(name, "..") {
		return nil, errZone
	}
	return time.LoadLocation(name)
}

// zones keeps loaded zones: loading one reads a file. There are some 600 names
// in all, so it needs no bound of its own.
type zones struct {
	mu     sync.Mutex
	byName map[string]*time.Location
}

// of is the zone that s lives by.
func (z *zones) of(s Subscription) *time.Location {
	if s.Zone == "" {
		return time.UTC
	}
	z.mu.Lock()
	defer z.mu.Unlock()
	if loc, ok := z.byName[s.Zone]; ok {
		return loc
	}
	loc, err := loadZone(s.Zone)
	if err != nil { // it loaded when the subscription was checked: another build's tables
		loc = time.UTC
	}
	if z.byName == nil {
		z.byName = map[string]*time.Location{}
	}
	z.byName[s.Zone] = loc
	return loc
}
