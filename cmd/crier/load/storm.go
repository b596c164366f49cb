package load

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// storm is the moment at which many connections break and their readers come
// back, all at once.
type storm struct {
	bare  time.Duration // in which as many joined for the first time, just as fast
	slots chan struct{} // a token for each handshake under way
	away  atomic.Int64  // readers who have yet to come back

	broke, over atomic.Pointer[time.Time] // nil: not yet
	// Deliveries to those who stayed, until they were read and until they had
	// come to this machine.
	before, during, beforeArrived, duringArrived Histogram
}

// atOnce is how many handshakes of a storm are under way at a time: fewer than
// a listener's queue holds by default on Linux. The kernel has those beyond it
// wait for a second, whatever the service does.
const atOnce = 1000

// strike breaks the connections of those who are to storm, in the middle of
// the posting, and waits until all are back or ctx ends.
func (r *run) strike(posting, ctx context.Context, others *crowds) {
	if r.o.Storm == 0 || !sleepUntil(posting, time.Now().Add(r.o.Duration/2)) {
		return
	}
	now := time.Now()
	r.storm.broke.Store(&now)
	if others.tell(signal{Break: true}) != nil {
		return // its end will say why
	}
	if last := others.allBack(ctx); !last.IsZero() {
		r.storm.over.Store(&last)
	}
}

// hit breaks the connections of a crowd.
func (r *run) hit(crowd []*reader) {
	now := time.Now()
	r.storm.away.Store(int64(len(crowd)))
	r.storm.broke.Store(&now)
	var all sync.WaitGroup
	for _, m := range crowd {
		all.Go(m.cut)
	}
	all.Wait()
}

// back counts one reader back.
func (s *storm) back(now time.Time) {
	if s.away.Add(-1) == 0 {
		s.over.Store(&now)
	}
}

// count counts a delivery to a reader who stayed, under way from begun until
// it came, and read now.
func (s *storm) count(begun, came, now time.Time) {
	broke, over := s.broke.Load(), s.over.Load()
	switch {
	case broke == nil || now.Before(*broke):
		s.before.Add(now.Sub(begun))
		s.beforeArrived.Add(came.Sub(begun))
	case over == nil || begun.Before(*over):
		s.during.Add(now.Sub(begun))
		s.duringArrived.Add(came.Sub(begun))
	}
}

// took is how long it was until the last reader was back, 0 if one is not.
func (s *storm) took() time.Duration {
	broke, over := s.broke.Load(), s.over.Load()
	if broke == nil || over == nil || s.away.Load() > 0 {
		return 0
	}
	return over.Sub(*broke)
}
