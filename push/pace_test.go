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
		p.heard(slowDown, time.Now(), time.Now())
	}
	return n
}

func TestPaceIsHalvedOnceASecondAndGrowsBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPace(1)
		p.heard(true, time.Now(), time.Now())
		for range 1000 { // complaints about what was sent before the change
			p.heard(true, time.Now(), time.Now())
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
			p.heard(false, time.Now(), time.Now())
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
			a.heard(true, time.Now(), time.Now())
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
			b.heard(true, time.Now(), time.Now())
		}
		if b.rate() != leastRate {
			t.Errorf("rate %v", b.rate())
		}
	})
}

// service is one that takes so many a second and refuses the rest, and what is for
// a share of the devices; each answer takes a while.
type service struct {
	limit, devices float64 // the former 0 for none
	latency        time.Duration
}

// met is what came of a while, of which the first third is not counted.
type met struct{ all, refused float64 }

// meet sends as fast as the pace allows.
func (s service) meet(p *pace, d time.Duration) (m met) {
	type answer struct {
		slowDown bool
		start    time.Time
	}
	var under []answer
	room, device, last := s.limit, 0.0, time.Now()
	for began := last; time.Since(began) < d; m.all++ {
		time.Sleep(max(p.delay(time.Now()), time.Microsecond))
		now := time.Now()
		room = min(room+s.limit*now.Sub(last).Seconds(), s.limit)
		last = now
		refused := s.limit > 0 && room < 1
		if refused {
			m.refused++
		} else {
			room--
		}
		if device += s.devices; device >= 1 {
			device--
			refused = true
		}
		under = append(under, answer{refused, now})
		for ; now.Sub(under[0].start) > s.latency; under = under[1:] {
			p.heard(under[0].slowDown, under[0].start, now)
		}
		if now.Sub(began) < d/3 {
			m = met{}
		}
	}
	return m
}

// TestAPaceStaysBelowTheLimit: a service that takes so many a second and refuses
// the rest gets about as many, whatever share of the answers the refusals are,
// however long they take, and whatever its devices add.
func TestAPaceStaysBelowTheLimit(t *testing.T) {
	for _, s := range []service{
		{100, 0, time.Millisecond}, {1000, 0, time.Millisecond}, {7000, 0, time.Millisecond},
		{100, 0, 1500 * time.Millisecond}, {1000, 0, 1500 * time.Millisecond}, {7000, 0, 700 * time.Millisecond},
		{1000, 0.05, 50 * time.Millisecond}, {7000, 0.02, 50 * time.Millisecond},
	} {
		synctest.Test(t, func(t *testing.T) {
			m := s.meet(newPace(1), 90*time.Second)
			if m.refused > m.all/7 {
				t.Errorf("%+v: %v of %v were refused", s, m.refused, m.all)
			}
			if n := (m.all - m.refused) / 60; n < 0.7*s.limit {
				t.Errorf("%+v: %v a second got through", s, n)
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
			p.heard(n%10 < 3, time.Now(), time.Now())
			if p.rate() > was {
				t.Fatalf("it grows to %v", p.rate())
			}
		}
		if p.rate() != leastRate {
			t.Errorf("half a minute later: %v", p.rate())
		}
	})
}

// TestADevicesOwnLimitIsNotTheServices: complaints that halving the rate does not
// make fewer are about their devices.
func TestADevicesOwnLimitIsNotTheServices(t *testing.T) {
	for _, share := range []float64{0.001, 0.02, 0.05, 0.1} {
		synctest.Test(t, func(t *testing.T) {
			p := newPace(1)
			service{0, share, 50 * time.Millisecond}.meet(p, 30*time.Second)
			if p.rate() < firstRate*3/4 {
				t.Errorf("%v of the answers have brought it to %v", share, p.rate())
			}
			if share < tolerance && p.borne > 0 || p.borne > share*1.1 {
				t.Errorf("of %v, %v is borne", share, p.borne)
			}
		})
	}
}

// TestWhatIsNotBusyTellsNothing: where less is sent than may be, half the rate is
// no less, and complaints that stay say nothing of devices.
func TestWhatIsNotBusyTellsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPace(1)
		was := p.rate()
		for n := 0; p.borne == 0 && n < 300*60; n++ { // 300 a second, of which one in twenty is refused
			time.Sleep(time.Second / 300)
			p.delay(time.Now())
			was = p.rate()
			p.heard(n%20 == 10, time.Now(), time.Now())
		}
		if was >= 300 || p.borne == 0 {
			t.Errorf("at a rate of %v it bears %v", was, p.borne)
		}
		if p.rate() != firstRate {
			t.Errorf("it was slowed down to %v for nothing", p.rate())
		}
	})
}
