package push

import (
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// How the pace towards a push service is learned, in requests a second: it
// grows steadily while the service takes what we send and is halved when it
// asks us to slow down, as TCP does.
const (
	firstRate = 10_000
	leastRate = 10
	mostRate  = 50_000
	rateStep  = 200         // added after a second without complaint
	settle    = time.Second // between two changes: answers to what was sent before a change say nothing of it
)

// pace is the learned rate towards one push service, of which each node that
// sends has the same share. It is safe for concurrent use.
type pace struct {
	limiter *rate.Limiter // of this node

	mu      sync.Mutex
	all     rate.Limit // of all nodes
	nodes   int
	changed time.Time
	kept    time.Time // when what the store has was learned
	full    bool      // the rate has held us back since it changed
}

func newPace(nodes int) *pace {
	p := &pace{all: firstRate, nodes: nodes}
	p.limiter = rate.NewLimiter(p.all/rate.Limit(nodes), burst(p.all/rate.Limit(nodes)))
	return p
}

// burst is what may be sent at once: a twentieth of a second's worth.
func burst(r rate.Limit) int { return max(int(r/20), 1) }

// delay takes the right to one request and returns how long to wait before it.
func (p *pace) delay(now time.Time) time.Duration {
	d := p.limiter.ReserveN(now, 1).DelayFrom(now)
	if d > 0 {
		p.mu.Lock()
		p.full = true
		p.mu.Unlock()
	}
	return d
}

// heard learns from an answer.
func (p *pace) heard(slowDown bool, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if now.Sub(p.changed) < settle {
		return
	}
	r := p.all
	switch {
	case slowDown:
		r = max(r/2, leastRate)
	case p.full: // to grow beyond what we send would be to learn nothing
		r = min(r+rateStep, mostRate)
	default:
		return
	}
	p.changed, p.full = now, false
	p.set(r, now)
}

// set makes r the rate of all nodes. The caller holds p.mu.
func (p *pace) set(r rate.Limit, now time.Time) {
	p.all = r
	own := r / rate.Limit(p.nodes)
	p.limiter.SetLimitAt(now, own)
	p.limiter.SetBurstAt(now, burst(own))
}

// share has the rate be that of so many nodes together.
func (p *pace) share(nodes int, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if nodes != p.nodes {
		p.nodes = nodes
		p.set(p.all, now)
	}
}

// adopt takes over what the store has, if that was learned after what we know.
func (p *pace) adopt(r Rate, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !r.At.After(p.kept) {
		return
	}
	p.kept = r.At
	if r.At.After(p.changed) {
		p.changed, p.full = r.At, false
		if p.changed.After(now) { // by a clock that is ahead of ours
			p.changed = now
		}
		p.set(min(max(rate.Limit(r.PerSecond), leastRate), mostRate), now)
	}
}

// untold is what was learned here and is not in the store.
func (p *pace) untold() (r Rate, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	at := p.changed.UTC().Truncate(time.Millisecond)
	return Rate{PerSecond: float64(p.all), At: at}, at.After(p.kept)
}

// rate is the present limit of all nodes, in requests a second.
func (p *pace) rate() float64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return float64(p.all)
}
