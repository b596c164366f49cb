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

// pace is the learned rate towards one push service. It is safe for concurrent use.
type pace struct {
	limiter *rate.Limiter

	mu      sync.Mutex
	changed time.Time
	full    bool // the rate has held us back since it changed
}

func newPace() *pace {
	return &pace{limiter: rate.NewLimiter(firstRate, burst(firstRate))}
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
	r := p.limiter.Limit()
	switch {
	case slowDown:
		r = max(r/2, leastRate)
	case p.full: // to grow beyond what we send would be to learn nothing
		r = min(r+rateStep, mostRate)
	default:
		return
	}
	p.changed, p.full = now, false
	p.limiter.SetLimitAt(now, r)
	p.limiter.SetBurstAt(now, burst(r))
}

// rate is the present limit in requests a second.
func (p *pace) rate() float64 { return float64(p.limiter.Limit()) }
