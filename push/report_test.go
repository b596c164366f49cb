package push

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

var opened = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)

// underWay is a campaign that has run for so long.
func underWay(tally Tally, swept float64) Report {
	return Report{Campaign: Campaign{OpenedAt: opened, Deadline: opened.Add(time.Hour)}, Tally: tally, Swept: swept, Scanned: swept == 1}
}

func TestAudienceIsEstimated(t *testing.T) {
	for _, c := range []struct {
		audience int64
		swept    float64
		want     int64
		known    bool
	}{
		{0, 0, 0, false}, {3, 0.005, 3, false}, {250, 0.25, 1000, true}, {999, 0.999, 1000, true}, {1000, 1, 1000, true}, {0, 1, 0, true},
	} {
		if n, known := underWay(Tally{Audience: c.audience}, c.swept).Audience(); n != c.want || known != c.known {
			t.Errorf("%d in %v of the way: %d, %v; want %d, %v", c.audience, c.swept, n, known, c.want, c.known)
		}
	}
}

func TestRateAndWhatIsLeft(t *testing.T) {
	steady := map[int]int64{}
	for tenth := range 200 {
		steady[tenth] = 100 // 1,000 a second
	}
	r := underWay(Tally{Audience: 30_000, Accepted: 20_000, AcceptedAt: steady}, 0.5) // of some 60,000
	now := opened.Add(20 * time.Second)
	if got := r.Rate(now); math.Abs(got-1000) > 1 {
		t.Errorf("rate %v", got)
	}
	if d, ok := r.Left(now); !ok || d.Round(time.Second) != 40*time.Second {
		t.Errorf("left: %v, %v", d, ok)
	}
	if got := r.Rate(opened.Add(2 * time.Second)); math.Abs(got-1000) > 1 {
		t.Errorf("after two seconds: rate %v", got)
	}
	if got := r.Rate(now.Add(time.Minute)); got != 0 {
		t.Errorf("after a minute without any: rate %v", got)
	}
	if _, ok := r.Left(now.Add(time.Minute)); ok {
		t.Error("it is known when a campaign ends that does not move")
	}
	r.Campaign.Deadline = now.Add(10 * time.Second)
	if _, ok := r.Left(now); ok {
		t.Error("a campaign is said to end after its deadline")
	}
	if d, ok := r.Oldest(now); !ok || d != 20*time.Second {
		t.Errorf("oldest: %v, %v", d, ok)
	}
	r.Done = true
	if _, ok := r.Oldest(now); ok || r.Rate(now) != 0 {
		t.Error("a campaign that is done goes on")
	}
	if got := underWay(Tally{}, 0).Rate(opened.Add(-time.Second)); got != 0 {
		t.Errorf("before it opened, by our clock: rate %v", got)
	}
}

// TestRateOfALongCampaign: a steady campaign has one rate, however long it lasts
// and whenever it is looked at.
func TestRateOfALongCampaign(t *testing.T) {
	const perSecond = 120
	for _, age := range []time.Duration{
		9 * time.Minute, 11*time.Minute + 300*time.Millisecond, time.Hour - time.Second, time.Hour, time.Hour + time.Second, time.Hour + 30*time.Second,
		time.Hour + 59*time.Second, 2*time.Hour + 100*time.Millisecond, 5*time.Hour + 7*time.Second,
	} {
		tally := Tally{Audience: 10_000_000, AcceptedAt: map[int]int64{}}
		for at := time.Duration(0); at < age; at += time.Second / 10 {
			tally.AcceptedAt[Tenth(at)] += perSecond / 10
			tally.Accepted += perSecond / 10
		}
		r := underWay(tally, 0.5)
		r.Campaign.Deadline = opened.Add(1000 * time.Hour)
		now := opened.Add(age)
		if got := r.Rate(now); math.Abs(got-perSecond) > perSecond/4 {
			t.Errorf("after %v: rate %v, want %v", age, got, perSecond)
		}
		if _, ok := r.Left(now); !ok {
			t.Errorf("after %v: nobody knows how long it takes yet", age)
		}
		if got := r.Rate(now.Add(2*time.Minute + time.Second)); got != 0 {
			t.Errorf("two minutes after it stalled at %v: rate %v", age, got)
		}
	}
}

// TestEachServiceHasItsTime: the slow one is told from the quick one.
func TestEachServiceHasItsTime(t *testing.T) {
	at := func(n int64) map[int]int64 { return map[int]int64{180: n} }
	r := underWay(Tally{Audience: 3000, Accepted: 1500, Services: map[string]Tally{
		"quick": {Audience: 1000, Accepted: 1000, AcceptedAt: at(1000)}, "slow": {Audience: 2000, Accepted: 500, AcceptedAt: at(500)},
	}}, 1)
	r.Displayed = 9
	now := opened.Add(20 * time.Second)
	all := r.Services()
	slow, quick := r.Of(all["slow"]), r.Of(all["quick"])
	if d, ok := slow.Left(now); !ok || d != 15*time.Second { // 1,500 at 100 a second
		t.Errorf("the slow one takes %v, %v", d, ok)
	}
	if d, ok := slow.Oldest(now); !ok || d != 20*time.Second {
		t.Errorf("the slow one has waited %v, %v", d, ok)
	}
	if _, ok := quick.Oldest(now); ok || slow.Displayed != 0 {
		t.Errorf("the quick one waits, or the slow one has %d receipts", slow.Displayed)
	}
	if d, ok := quick.Left(now); !ok || d != 0 {
		t.Errorf("the quick one takes %v, %v", d, ok)
	}
}

// TestDeparted: who departed while a retry waited is gone, and the services
// close like the whole.
func TestDeparted(t *testing.T) {
	r := underWay(Tally{Audience: 10, Gone: 3, Accepted: 7, Services: map[string]Tally{
		"a": {Audience: 6, Accepted: 5, Gone: 1}, "b": {Audience: 4, Accepted: 2, Gone: 0},
	}}, 1)
	if got := r.Services()["b"]; got.Gone != 0 || got.Queued() != 2 {
		t.Errorf("while it lasts: %+v", got)
	}
	r.Done = true
	if got := r.Services()["b"]; got.Gone != 2 || got.Queued() != 0 {
		t.Errorf("at the end: %+v", got)
	}
	if got := r.Tally.Services["b"].Gone; got != 0 {
		t.Error("the report itself has changed")
	}
}

// TestDisplayedEstimate holds the bounds to what they promise.
func TestDisplayedEstimate(t *testing.T) {
	all := Report{Displayed: 70, Tally: Tally{Accepted: 100}}
	if got := all.DisplayedEstimate(); got != (Estimate{70, 70, 70}) {
		t.Errorf("where all were asked: %+v", got)
	}
	random := rand.New(rand.NewPCG(1, 2))
	const runs, shown, oneIn = 2000, 3000, 30
	right := 0
	for range runs {
		var told int64
		for range shown {
			if random.IntN(oneIn) == 0 {
				told++
			}
		}
		e := Report{Displayed: told, Campaign: Campaign{Sample: oneIn}, Tally: Tally{Accepted: 10 * shown}}.DisplayedEstimate()
		if e.Number != told*oneIn || e.Low > e.Number || e.Number > e.High {
			t.Fatalf("of %d: %+v", told, e)
		}
		if e.Low <= shown && shown <= e.High {
			right++
		}
	}
	if share := float64(right) / runs; share < 0.93 || share > 0.99 {
		t.Errorf("the bounds hold in %.1f %% of cases", 100*share)
	}
	none := Report{Campaign: Campaign{Sample: 100}, Tally: Tally{Accepted: 100_000}}.DisplayedEstimate()
	if none.Number != 0 || none.Low != 0 || none.High < 300 || none.High > 400 {
		t.Errorf("of none: %+v", none)
	}
	most := Report{Displayed: 90, Campaign: Campaign{Sample: 100}, Tally: Tally{Accepted: 8000}}.DisplayedEstimate()
	if most.Number != 8000 || most.High != 8000 {
		t.Errorf("more are said to be displayed than were accepted: %+v", most)
	}
}

func TestDisplayedTo(t *testing.T) {
	r := underWay(Tally{Audience: 10_000, Accepted: 10_000}, 1)
	r.Campaign.Sample, r.DisplayedAt = 10, map[int]int64{4: 300, 9: 400}
	for _, c := range []struct {
		share float64
		want  time.Duration
		ok    bool
	}{{0.3, 500 * time.Millisecond, true}, {0.5, time.Second, true}, {0.71, 0, false}} {
		if d, ok := r.DisplayedTo(c.share); d != c.want || ok != c.ok {
			t.Errorf("displayed to %v: %v, %v", c.share, d, ok)
		}
	}
}

func TestSampleOf(t *testing.T) {
	for standing, want := range map[int64]int{0: 0, few: 0, few + 1: 1, sampled: 1, sampled + 1: 2, 1_000_000: 100, 10_000_000: 1000} {
		if got := sampleOf(standing); got != want {
			t.Errorf("of %d subscriptions one in %d is asked, want %d", standing, got, want)
		}
	}
	now := opened
	for waited, want := range map[int64]time.Duration{math.MinInt64: 0, 0: 0, 3000: 3 * time.Second, math.MaxInt64: maxWaited} {
		if got := now.Sub(Told(now, waited)); got != want {
			t.Errorf("of %d ms %v are believed, want %v", waited, got, want)
		}
	}
}
