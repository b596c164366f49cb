package push

import (
	"testing"
	"testing/synctest"
	"time"
)

// sendFor sends as fast as the pace allows and returns how many it let through.
func sendFor(p *pace, d time.Duration, slowDown bool) int {
	n := 0
	for end := time.Now().Add(d); time.Now().Before(end); n++ {
		time.Sleep(max(p.delay(time.Now()), time.Microsecond)) // what a request costs at least
		p.heard(slowDown, time.Now())
	}
	return n
}

func TestPaceIsHalvedOnceASecondAndGrowsBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPace(1)
		p.heard(true, time.Now())
		for range 1000 { // complaints about what was sent before the change
			p.heard(true, time.Now())
		}
		if got := p.rate(); got != firstRate/2 {
			t.Fatalf("a burst of complaints: %v", got)
		}
		sendFor(p, 3500*time.Millisecond, true)
		if got := p.rate(); got != firstRate/16 {
			t.Errorf("three seconds more of complaints: %v", got)
		}
		sendFor(p, time.Minute, true)
		if got := p.rate(); got != leastRate {
			t.Errorf("a minute of complaints: %v", got)
		}
		n := sendFor(p, 5*time.Second, true)
		if n < 5*leastRate-5 || n > 5*leastRate+5 {
			t.Errorf("at the slowest, %d requests in five seconds", n)
		}
		sendFor(p, 10*time.Second, false) // half as much again each second at first
		if got := p.rate(); got < 1.5*rateStep || got > 4*rateStep {
			t.Errorf("ten good seconds: %v", got)
		}
		sendFor(p, 10*time.Second, false)
		if got := p.rate(); got < 9*rateStep || got > 14*rateStep {
			t.Errorf("twenty good seconds: %v", got)
		}
		was := p.rate()
		for range 10 { // far below the limit: nothing is learned
			time.Sleep(time.Second)
			p.delay(time.Now())
			p.heard(false, time.Now())
		}
		if got := p.rate(); got > was+rateStep {
			t.Errorf("grew from %v to %v without being used", was, got)
		}
	})
}

func TestNodesShareARate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := newPace(1), newPace(1)
		a.share(2, time.Now())
		b.share(2, time.Now())
		if n := sendFor(a, 2*time.Second, false); n < firstRate || n > firstRate*11/10 {
			t.Errorf("one of two nodes sent %d in two seconds", n)
		}
		time.Sleep(time.Second)
		for range firstRate {
			a.heard(true, time.Now())
		}
		r, untold := a.untold()
		if !untold {
			t.Fatal("nothing was learned")
		}
		b.adopt(r, time.Now())
		if a.rate() != b.rate() || b.rate() > firstRate*3/4 {
			t.Errorf("rates %v and %v", a.rate(), b.rate())
		}
		if _, untold := b.untold(); untold {
			t.Error("what was taken over would be told again")
		}
		a.adopt(r, time.Now())
		if _, untold := a.untold(); untold {
			t.Error("what was told would be told again")
		}
		b.adopt(Rate{PerSecond: 1, At: r.At.Add(-time.Second)}, time.Now())
		if b.rate() != a.rate() {
			t.Error("an older rate was taken over")
		}
		b.adopt(Rate{PerSecond: 1, At: time.Now().Add(time.Hour)}, time.Now()) // by a clock that is ahead
		time.Sleep(2 * time.Second)
		b.delay(time.Now())
		if b.rate() != leastRate {
			t.Errorf("rate %v", b.rate())
		}
		for range 100 {
			b.heard(true, time.Now())
		}
		if b.rate() != leastRate {
			t.Errorf("rate %v", b.rate())
		}
	})
}

// TestAPaceStaysBelowTheLimit: a service that takes so many a second and refuses
// the rest gets about as many, whatever share of the answers the refusals are.
func TestAPaceStaysBelowTheLimit(t *testing.T) {
	for _, limit := range []float64{100, 1000, 7000} {
		synctest.Test(t, func(t *testing.T) {
			p, allowed, last := newPace(1), limit, time.Now()
			refused, all := 0, 0
			for began := time.Now(); time.Since(began) < 3*time.Minute; all++ {
				time.Sleep(max(p.delay(time.Now()), time.Microsecond))
				now := time.Now()
				allowed = min(allowed+limit*now.Sub(last).Seconds(), limit)
				last = now
				if allowed--; allowed < 0 {
					allowed = 0
					refused++
				}
				p.heard(allowed == 0, now)
				if now.Sub(began) < time.Minute {
					refused, all = 0, 0
				}
			}
			if refused*10 > all {
				t.Errorf("a limit of %v: %d of %d were refused", limit, refused, all)
			}
			if n := float64(all-refused) / 120; n < limit/3 {
				t.Errorf("a limit of %v: %v a second got through", limit, n)
			}
		})
	}
}

// TestAThirdRefusedIsHalvedEverySecond: growth and slowing down do not share a
// clock.
func TestAThirdRefusedIsHalvedEverySecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPace(1)
		n := 0
		for began := time.Now(); time.Since(began) < 30*time.Second; n++ {
			time.Sleep(max(p.delay(time.Now()), time.Microsecond))
			was := p.rate()
			p.heard(n%10 < 3, time.Now())
			if p.rate() > was {
				t.Fatalf("it grows to %v", p.rate())
			}
		}
		if p.rate() != leastRate {
			t.Errorf("half a minute later: %v", p.rate())
		}
	})
}

// TestADevicesOwnLimitIsNotTheServices: few complaints among many answers are
// about their devices.
func TestADevicesOwnLimitIsNotTheServices(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPace(1)
		n := 0
		for began := time.Now(); time.Since(began) < 10*time.Second; n++ {
			time.Sleep(max(p.delay(time.Now()), time.Microsecond))
			p.heard(n%1000 == 500, time.Now())
		}
		if p.rate() <= firstRate {
			t.Errorf("one of a thousand has brought it to %v", p.rate())
		}
	})
}
