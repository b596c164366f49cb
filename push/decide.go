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
	Silent                // delivered without sound or vibration
	Loud
)

// Decide says how the subscription s is to get the campaign c at the time now.
// It depends on nothing else: zone is s.Quiet's, or UTC if there is none; today
// is the campaigns opened before c in the last day or more, in any order.
//
//   - Who did not ask for the topics or the level does not get it.
//   - During quiet hours everything is silent, a flash as well: the reader has
//     said when to sleep, and finds it on waking.
//   - Beyond daily_max alerts with sound in the subscriber's day, all but a
//     flash are silent.
//   - A correction or withdrawal neither counts against daily_max nor is
//     silenced by it: the bound is on news, not on putting it right.
//
// Nothing that is wanted is ever dropped.
func Decide(s Subscription, c Campaign, now time.Time, zone *time.Location, today []Campaign) Voice {
	if !s.wants(c) {
		return Unwanted
	}
	local := now.In(zone)
	if s.Quiet.covers(local) {
		return Silent
	}
	if s.DailyMax == 0 || c.Entry.Item.Level == news.Flash || isRepair(c.Entry.Kind) {
		return Loud
	}
	loud := 0
	for _, earlier := range today {
		at := earlier.OpenedAt.In(zone)
		if sameDay(at, local) && !isRepair(earlier.Entry.Kind) && s.wants(earlier) && !s.Quiet.covers(at) {
			loud++
		}
	}
	if loud >= s.DailyMax {
		return Silent
	}
	return Loud
}

// wants reports whether s is in the audience of c.
func (s Subscription) wants(c Campaign) bool {
	return s.Level.Rank() <= c.Reach.Level.Rank() && news.Wanted(s.Topics, c.Reach.Topics)
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

// of is the zone that s lives by: that of its quiet hours, else UTC.
func (z *zones) of(s Subscription) *time.Location {
	if s.Quiet == nil {
		return time.UTC
	}
	z.mu.Lock()
	defer z.mu.Unlock()
	if loc, ok := z.byName[s.Quiet.Zone]; ok {
		return loc
	}
	loc, err := loadZone(s.Quiet.Zone)
	if err != nil { // it loaded when the subscription was checked: another build's tables
		loc = time.UTC
	}
	if z.byName == nil {
		z.byName = map[string]*time.Location{}
	}
	z.byName[s.Quiet.Zone] = loc
	return loc
}
