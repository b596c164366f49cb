package push

import (
	"container/heap"
	"context"
	"slices"
	"sync"
	"time"
)

// job is one delivery on its way through an origin.
type job struct {
	page   *page
	index  int // in the page
	target target
	voice  Voice
	behind bool // it stands so far back in line that its page does not wait for it
}

// origin is one scheme, host and port: the jobs for it, and the connections
// they go over. While jobs wait, one goroutine hands them out, highest lane
// first, as the pace and the connections allow.
type origin struct {
	net          *network
	scheme, addr string
	name         string // as VAPID tokens name it
	service      string
	pace         *pace
	wake         chan struct{} // holds one ring: something changed that run waits for
	hand         chan errand   // from run to a carrier that has nothing to do

	mu       sync.Mutex
	queue    jobQueue
	running  bool
	naps     int // waits that nothing ended but their time
	inflight int
	conns    []*conn
	used     time.Time
	speed    speed
	failures int       // attempts in a row that brought no answer, or one that the service is not well
	rests    int       // in a row
	rest     time.Time // nothing is tried before this
	asked    bool      // by the push service: then one probe is enough
	asks     int       // answers in a row that have asked for a rest …
	until    time.Time // … and when that is over
	nextDial time.Time
}

// ring tells run to look again.
func (o *origin) ring() {
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

// submit queues j and has it handed out, or puts it off if the line is too
// long. The caller holds the network's mutex.
func (o *origin) submit(ctx context.Context, j *job) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.used = time.Now()
	switch wait := o.expect(j.page.campaign.Lane); {
	case wait > lineTime:
		j.page.lined = true
		j.page.drop(j.index, o.putOff(j, o.used))
		return
	case wait > latePatience:
		j.behind, j.page.lined = true, true
		j.page.fallBehind(j.index)
	default:
		j.page.free = true
	}
	o.pace.line.move(j.page.campaign.Lane, 1)
	heap.Push(&o.queue, j)
	if !o.running {
		o.running = true
		o.net.tasks.Go(func() { o.run(ctx) })
	} else {
		o.ring()
	}
}

// recall takes back the jobs of p that have not begun: because they are to be
// put off, or not to be sent at all.
func (o *origin) recall(p *page, putOff bool) {
	o.mu.Lock()
	var back []*job
	o.queue = slices.DeleteFunc(o.queue, func(j *job) bool {
		if j.page == p {
			back = append(back, j)
		}
		return j.page == p
	})
	heap.Init(&o.queue)
	o.ring()
	why := make([]outcome, len(back))
	now := time.Now()
	for i, j := range back {
		o.pace.line.move(p.campaign.Lane, -1)
		if why[i] = (outcome{fate: unsent, at: now}); putOff {
			why[i] = o.putOff(j, now)
		}
	}
	o.mu.Unlock()
	for i, j := range back {
		p.drop(j.index, why[i])
	}
}

// settleAll gives jobs the same outcome. One that is put off is looked at again
// before its deadline, however long that is to be.
func settleAll(jobs []*job, out outcome) {
	for _, j := range jobs {
		own := out
		own.after = max(min(out.after, j.page.campaign.Deadline.Sub(out.at)/2), 0)
		j.page.drop(j.index, own)
	}
}

// run hands out jobs until none waits.
func (o *origin) run(ctx context.Context) {
	for {
		o.mu.Lock()
		now := time.Now()
		late, why := o.late(ctx, now)
		if len(o.queue) == 0 {
			o.running = false
			o.speed.drained()
			o.mu.Unlock()
			settleAll(late, why)
			return
		}
		c := o.free(ctx, now)
		o.mu.Unlock()
		if c == nil {
			o.wait(ctx)
			continue
		}
		o.hold(ctx)
		o.mu.Lock()
		if len(o.queue) == 0 { // recalled meanwhile
			o.unreserve(c)
			o.mu.Unlock()
			continue
		}
		e := errand{c, heap.Pop(&o.queue).(*job)}
		o.inflight++
		o.pace.line.move(e.job.page.campaign.Lane, -1)
		o.speed.hand(now)
		o.mu.Unlock()
		if !e.job.behind {
			e.job.page.hand()
		}
		select {
		case o.hand <- e:
		default:
			o.net.tasks.Go(func() { o.carry(ctx, e) })
		}
	}
}

// wait sleeps until a dial or a request ends or jobs are recalled. It looks up
// after a while by itself, because a dial that was put off rings for nobody.
func (o *origin) wait(ctx context.Context) {
	t := time.NewTimer(firstRest / 4)
	defer t.Stop()
	select {
	case <-o.wake:
	case <-t.C:
		o.mu.Lock()
		o.naps++
		o.mu.Unlock()
	case <-ctx.Done():
	}
}

// hold waits as the pace demands.
func (o *origin) hold(ctx context.Context) {
	d := o.pace.delay(time.Now())
	if d <= 0 {
		return
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// idle reports whether nothing has gone through o for a while, and then closes
// its connections. The caller holds the network's mutex.
func (o *origin) idle(now time.Time) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.running || o.inflight > 0 || now.Sub(o.used) < idleTime {
		return false
	}
	o.close()
	return true
}

// close closes what connections are left. Nothing is under way on them. The
// caller holds o.mu.
func (o *origin) close() {
	for _, c := range o.conns {
		if c.cc != nil {
			_ = c.cc.Close() // nothing is lost with it
		}
	}
	o.conns = nil
}

// jobQueue is a heap: the highest lane first, then the oldest campaign.
type jobQueue []*job

func (q jobQueue) Len() int { return len(q) }
func (q jobQueue) Less(i, k int) bool {
	a, b := &q[i].page.campaign, &q[k].page.campaign
	if a.Lane != b.Lane {
		return a.Lane > b.Lane
	}
	return a.OpenedAt.Before(b.OpenedAt)
}
func (q jobQueue) Swap(i, k int) { q[i], q[k] = q[k], q[i] }

// Push adds a job, for container/heap.
func (q *jobQueue) Push(x any) { *q = append(*q, x.(*job)) }

// Pop takes the last job, for container/heap.
func (q *jobQueue) Pop() any {
	old := *q
	j := old[len(old)-1]
	old[len(old)-1] = nil
	*q = old[:len(old)-1]
	return j
}
