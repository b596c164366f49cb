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
// asks us to slow down, as TCP does.
//
// Some of the answers that ask for it are about their devices: services limit
// those too (RFC 8030 section 8.4; Apple's 429 is of one device alone, Google's of
// a device or a project). One in a hundred may be. That more of them are not about
// the rate either shows when it is halved: where a service takes only so many a
// second, half of what was a third too many is within that, and the share of those
// who ask falls to nothing. Where it stays, it is what the devices are, and is borne.
const (
	firstRate = 10_000
	leastRate = 10
	mostRate  = 50_000
	rateStep  = 200         // added after a second without complaint, but at most half of the rate
	settle    = time.Second // between two changes of a kind
	tolerance = 0.01        // the share of answers that may ask us to slow down, at least
	margin    = 1.5         // how much more than what was borne may
	doubtful  = 0.25        // a share up to this may be the devices'
	telling   = 100         // answers that a share is taken from
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
	kept    time.Time  // when what the store has was learned
	full    bool       // the rate has held us back since it changed
	from    time.Time  // when the present second began
	now     answers    // in it
	since   time.Time  // when the one before began
	before  answers    // in it
	borne   float64    // the share that was found to be the devices'
	doubted float64    // the share when the rate was halved, as long as it is to be seen what it becomes; else 0
	was     rate.Limit // before it was halved for such a share, as long as it has not grown; else 0
}

// answers are those that a pace learns from.
type answers struct{ all, slowDown int }

func (a answers) plus(b answers) answers { return answers{a.all + b.all, a.slowDown + b.slowDown} }

func (a answers) share() float64 { return float64(a.slowDown) / float64(max(a.all, 1)) }

// exceed reports whether more of them ask us to slow down than chance has where a
// share does.
func (a answers) exceed(share float64) bool {
	mean := share * float64(a.all)
	return float64(a.slowDown) > mean+2*math.Sqrt(mean)
}

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

// heard learns from an answer to what was sent at start. If that was before the
// rate was halved it says nothing of the new one. One that says of a device what
// was said of it before is not to be told.
func (p *pace) heard(slowDown bool, start, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !start.After(p.halved) {
		return
	}
	p.now.all++
	if slowDown {
		p.now.slowDown++
	}
	seen, settled := p.now.plus(p.before), now.Sub(p.halved) >= settle
	whole := now.Sub(p.from) >= settle
	switch {
	case p.doubted > 0 && !seen.exceed(doubtful):
		if settled && seen.all >= telling {
			p.judge(seen.share(), now)
		}
	case slowDown && settled && seen.exceed(p.may()) && (whole || seen.all >= telling || seen.exceed(doubtful)):
		p.halve(seen, now)
	case !whole:
	case p.full && start.Sub(p.changed) >= settle && !p.now.exceed(p.may()): // to grow beyond what we send, or what is answered, would be to learn nothing
		p.doubted, p.was = 0, 0
		p.change(min(p.all+min(rateStep, p.all/2), mostRate), now)
	default:
		p.turn(now)
	}
}

// may is the share of answers that may ask us to slow down.
func (p *pace) may() float64 { return max(tolerance, margin*p.borne) }

// halve slows down because of what was seen. The caller holds p.mu.
func (p *pace) halve(seen answers, now time.Time) {
	p.halved, p.doubted = now, 0
	busy := float64(seen.all) >= 0.8*p.own()*now.Sub(p.since).Seconds() // else half the rate is not half of what is sent
	switch share := seen.share(); {
	case share > doubtful:
		p.was = 0
	case p.was == 0:
		p.was = p.all
		fallthrough
	default:
		if busy && seen.all >= telling {
			p.doubted = share
		}
	}
	p.change(max(p.all/2, leastRate), now)
	p.since, p.before = now, answers{} // it says nothing of the new rate
}

// judge says what a share is that was doubted, by what it has become: if it is the
// devices', the rate was halved for nothing. The caller holds p.mu.
func (p *pace) judge(share float64, now time.Time) {
	r := p.all
	if share >= p.doubted/2 {
		p.borne, r = share, p.was
	}
	p.doubted, p.was = 0, 0
	p.change(r, now)
}

// change makes r the rate, as was learned here. The caller holds p.mu.
func (p *pace) change(r rate.Limit, now time.Time) {
	p.changed, p.full = now, false
	p.turn(now)
	p.set(r, now)
}

// turn begins another second. What is borne is no more than there is. The caller
// holds p.mu.
func (p *pace) turn(now time.Time) {
	if share := p.now.share(); p.now.all >= telling && share < p.borne {
		p.borne += (share - p.borne) / 4
	}
	p.since, p.before, p.from, p.now = p.from, p.now, now, answers{}
	if now.Sub(p.since) > 2*settle { // that was long ago
		p.since, p.before = now, answers{}
	}
}

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
	p.since, p.before, p.from, p.now = at, answers{}, at, answers{}
	p.set(min(max(rate.Limit(r.PerSecond), leastRate), mostRate), now)
	if p.all < was {
		p.halved, p.doubted, p.was = at, 0, 0
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
