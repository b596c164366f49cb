package push

import (
	"sync"
	"sync/atomic"
	"time"
)

// A push service that is slow must not hold up the others, whose deliveries are
// in the same pages. So its jobs wait in a line of about a second, by lane, and
// what would stand further back is put off at once: it is a retry in the store,
// laid out over the time that the service is going to need. The worker goes on
// to the next page meanwhile, and does not wait either for those in line that
// have more than some tenths of a second before them.

const (
	lineTime = time.Second
	// leastDue is how many a second come due at least of what is put off, on each
	// node: the service may have recovered. It is few, so that looking at them in
	// vain costs little and they are a small part of the pages.
	leastDue = 500
	// dueGrid is the times at which they come due: a range is claimed for all that
	// are due in it at once.
	dueGrid = 500 * time.Millisecond
	// longestPutOff bounds how long it takes to see that a service has recovered.
	longestPutOff = 2 * time.Minute
	// lanes is how many lanes are told apart; those above are one.
	lanes = 16
)

// line is what waits for one push service on this node, at all its origins. The
// zero value works.
type line struct {
	waiting [lanes]atomic.Int64 // jobs, by lane

	mu   sync.Mutex
	ends [lanes]time.Time // up to when the lane is laid out that was put off
}

func slotOf(lane int) int { return min(max(lane, 0), lanes-1) }

// move notes that so many jobs of the lane have come or, below zero, gone.
func (l *line) move(lane, n int) { l.waiting[slotOf(lane)].Add(int64(n)) }

// ahead is how many jobs go before one of the lane that comes now.
func (l *line) ahead(lane int) (n int64) {
	for i := slotOf(lane); i < lanes; i++ {
		n += l.waiting[i].Load()
	}
	return n
}

// putOff is how long a delivery of the lane is put off that is one of many, of
// which the service takes so many a second. Before the deadline it is looked at
// again, several times if need be.
func (l *line) putOff(lane int, perSecond float64, now, deadline time.Time) time.Duration {
	most := min(longestPutOff, deadline.Sub(now)/2)
	l.mu.Lock()
	end := &l.ends[slotOf(lane)]
	if first := now.Add(lineTime); end.Before(first) {
		*end = first
	}
	due := end.Add(time.Duration(float64(time.Second) / max(perSecond, leastDue)))
	if due.Sub(now) <= most {
		*end = due
	} else {
		due = now.Add(most/2 + jitter(max(most/2, 0)))
	}
	l.mu.Unlock()
	return due.Truncate(dueGrid).Add(dueGrid).Sub(now)
}

// speed is how many jobs a second an origin hands out while more wait than it
// can: what its connections and the answers' slowness allow. Guarded by the
// origin's mutex.
type speed struct {
	perSecond float64 // 0: not known, or as many as come
	from      time.Time
	handed    int
}

// hand counts a job.
func (s *speed) hand(now time.Time) {
	if s.from.IsZero() {
		s.from = now
	}
	s.handed++
	if d := now.Sub(s.from); d >= lineTime {
		s.perSecond, s.from, s.handed = float64(s.handed)/d.Seconds(), now, 0
	}
}

// drained notes that none waits any more: it can do better than was known.
func (s *speed) drained() {
	s.from, s.handed = time.Time{}, 0
	if s.perSecond *= 2; s.perSecond > mostRate {
		s.perSecond = 0
	}
}

// expect is how long a job that comes now is going to wait. The caller holds o.mu.
func (o *origin) expect(lane int) time.Duration {
	ahead := o.pace.line.ahead(lane)
	if ahead == 0 { // the next turn is its own, however far off
		return min(time.Duration(float64(time.Second)/o.pace.own()), lineTime)
	}
	seconds := float64(ahead) / o.pace.own()
	if s := o.speed.perSecond; s > 0 {
		seconds = max(seconds, float64(min(ahead, int64(len(o.queue))))/s)
	}
	return time.Duration(seconds * float64(time.Second))
}

// putOff is the outcome of a job that would wait too long. The caller holds o.mu.
func (o *origin) putOff(j *job, now time.Time) outcome {
	perSecond, c := o.pace.own(), &j.page.campaign
	if s := o.speed.perSecond; s > 0 {
		perSecond = min(perSecond, s)
	}
	return outcome{fate: unsent, at: now, after: o.pace.line.putOff(c.Lane, perSecond, now, c.Deadline)}
}
