package push

import (
	"math"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"
)

// How the pace towards a push service is learned, in requests a second: it
// grows steadily while the service takes what we send and is halved when it
// asks us to slow down, as TCP does. One answer in a hundred may ask for that
// and is taken to be about its device: services limit those too (RFC 8030 section
// 8.4; Apple's 429 is of one device alone, Google's of a device or a project).
const (
	firstRate = 10_000
	leastRate = 10
	mostRate  = 50_000
	rateStep  = 200         // added after a second without complaint, but at most half of the rate
	settle    = time.Second // between two halvings: answers to what was sent before the first say nothing of it
	tolerance = 100         // answers for each that may ask us to slow down
)

// pace is the learned rate towards one push service, of which each node that
// sends has the same share. It is safe for concurrent use.
type pace struct {
	limiter *rate.Limiter // of this node
	share64 atomic.Uint64 // its rate, for own
	line    line

	mu      sync.Mutex
	all     rate.Limit // of all nodes
	nodes   int
	changed time.Time
	halved  time.Time
	kept    time.Time // when what the store has was learned
	full    bool      // the rate has held us back since it changed
	from    time.Time // when the present second began
	now     answers   // in it
	before  answers   // in the one before
}

// answers are those that a pace learns from.
type answers struct{ all, slowDown int }

func newPace(nodes int) *pace {
	p := &pace{all: firstRate, nodes: nodes}
	own := p.all / rate.Limit(nodes)
	p.limiter = rate.NewLimiter(own, burst(own))
	p.share64.Store(math.Float64bits(float64(own)))
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
	p.now.all++
	if slowDown {
		p.now.slowDown++
	}
	many := (p.now.slowDown+p.before.slowDown)*tolerance > p.now.all+p.before.all
	switch {
	case slowDown && many && now.Sub(p.halved) >= settle:
		p.halved = now
		p.change(max(p.all/2, leastRate), now)
	case now.Sub(p.from) < settle:
	case p.full && p.now.slowDown*tolerance <= p.now.all: // to grow beyond what we send would be to learn nothing
		p.change(min(p.all+min(rateStep, p.all/2), mostRate), now)
	default:
		p.turn(now)
	}
}

// change makes r the rate, as was learned here. The caller holds p.mu.
func (p *pace) change(r rate.Limit, now time.Time) {
	p.changed, p.full = now, false
	p.turn(now)
	p.set(r, now)
}

// turn begins another second. The caller holds p.mu.
func (p *pace) turn(now time.Time) { p.from, p.before, p.now = now, p.now, answers{} }

// set makes r the rate of all nodes. The caller holds p.mu.
func (p *pace) set(r rate.Limit, now time.Time) {
	p.all = r
	own := r / rate.Limit(p.nodes)
	p.share64.Store(math.Float64bits(float64(own)))
	p.limiter.SetLimitAt(now, own)
	p.limiter.SetBurstAt(now, burst(own))
}

// own is the rate of this node.
func (p *pace) own() float64 { return math.Float64frombits(p.share64.Load()) }

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
	if !r.At.After(p.changed) {
		return
	}
	at := r.At
	if at.After(now) { // by a clock that is ahead of ours
		at = now
	}
	was := p.all
	p.changed, p.full = at, false
	p.from, p.before, p.now = at, answers{}, answers{}
	p.set(min(max(rate.Limit(r.PerSecond), leastRate), mostRate), now)
	if p.all < was {
		p.halved = at // what we hear of what was sent before says nothing new
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
