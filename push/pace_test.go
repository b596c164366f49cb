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
		p := newPace()
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
		sendFor(p, 10*time.Second, false)
		if got := p.rate(); got < 8*rateStep || got > leastRate+11*rateStep {
			t.Errorf("ten good seconds: %v", got)
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
