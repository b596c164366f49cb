package push

import (
	"testing"
	"testing/synctest"
	"time"
)

// TestWhatIsPutOffIsLaidOut: however many are put off, few a second come due,
// all before the deadline, those of a higher lane apart from the others.
func TestWhatIsPutOffIsLaidOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l line
		now := time.Now()
		deadline := now.Add(time.Hour)
		due := map[time.Duration]int{}
		const n = 20_000
		for range n {
			d := l.putOff(4, leastRate, now, deadline)
			if d < lineTime || d > n*time.Second/leastDue+lineTime+2*dueGrid {
				t.Fatalf("put off for %v", d)
			}
			due[now.Add(d).Sub(now)]++
		}
		for at, n := range due {
			if most := leastDue * int(dueGrid) / int(time.Second); n > most {
				t.Errorf("%d are due after %v, want at most %d", n, at, most)
			}
		}
		if d := l.putOff(9, leastRate, now, deadline); d > lineTime+2*dueGrid {
			t.Errorf("one of a higher lane is put off for %v", d)
		}
		for range 100 * n {
			if d := l.putOff(4, leastRate, now, deadline); d > longestPutOff+dueGrid {
				t.Fatalf("put off for %v", d)
			}
		}
		for range n {
			if d := l.putOff(5, leastRate, now, now.Add(20*time.Second)); d > 11*time.Second {
				t.Fatalf("put off for %v, 20 s before the deadline", d)
			}
		}
		time.Sleep(time.Minute)
		if d := l.putOff(9, leastRate, time.Now(), deadline); d > lineTime+2*dueGrid {
			t.Errorf("a minute later one is put off for %v", d)
		}
	})
}

func TestTheLineIsByLane(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &origin{pace: newPace(1)}
		o.pace.adopt(Rate{PerSecond: 100, At: time.Now()}, time.Now())
		if d := o.expect(4); d > latePatience {
			t.Errorf("where none waits one waits %v", d)
		}
		o.pace.line.move(4, 250)
		for lane, want := range map[int]time.Duration{3: 2500 * time.Millisecond, 4: 2500 * time.Millisecond, 5: 10 * time.Millisecond, 99: 10 * time.Millisecond} {
			if d := o.expect(lane); d != want {
				t.Errorf("one of lane %d waits %v, want %v", lane, d, want)
			}
		}
		o.pace.line.move(4, -250)
		if d := o.expect(4); d != 10*time.Millisecond {
			t.Errorf("when they have gone one waits %v", d)
		}
	})
}

// TestSlowAnswersMakeALine: what an origin hands out while more wait says how
// long the line is, though its pace would allow more.
func TestSlowAnswersMakeALine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &origin{pace: newPace(1)}
		o.queue = make(jobQueue, 200)
		o.pace.line.move(4, len(o.queue))
		if d := o.expect(4); d > latePatience {
			t.Errorf("before anything is known one waits %v", d)
		}
		for range 101 {
			o.speed.hand(time.Now())
			time.Sleep(10 * time.Millisecond)
		}
		if d := o.expect(4); d < 1900*time.Millisecond || d > 2100*time.Millisecond {
			t.Errorf("200 at 100 a second: %v", d)
		}
		for range 10 {
			o.speed.drained()
		}
		if d := o.expect(4); d > latePatience {
			t.Errorf("when none has waited for long one waits %v", d)
		}
	})
}
