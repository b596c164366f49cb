package push

import (
	"log/slog"
	"testing"
	"testing/synctest"
	"time"
)

// TestTheBreaker: an origin that does not answer rests, longer each time; what
// is for it is put off at once and nothing counts as an attempt; after each
// rest a few probes find out whether it is back, and the first answer ends it.
func TestTheBreaker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &origin{net: &network{guard: newGuard(slog.New(slog.DiscardHandler))}, pace: newPace(1)}
		// tries asks for n attempts as run does, and is how many are let through; of
		// the others it wants to know when they are to be tried again.
		tries := func(n int) (through int, again time.Duration) {
			t.Helper()
			for range n {
				o.queue = jobQueue{{page: &page{}}}
				put, why := o.late(t.Context(), time.Now())
				if len(put) == 0 {
					through++
					o.inflight++
					continue
				}
				if why.fate != unsent || why.after <= 0 {
					t.Fatalf("what is put off is %+v", why)
				}
				again = why.after
			}
			return through, again
		}
		end := func(n int, out outcome, start time.Time) {
			for range n {
				out.at = time.Now()
				o.learn(start, out)
			}
		}
		silence, answer := outcome{fate: retry, timedOut: true}, outcome{fate: accepted, answered: true}

		start := time.Now()
		if n, _ := tries(100); n != 100 {
			t.Fatalf("%d of 100 were let through at first", n)
		}
		time.Sleep(10 * time.Second)
		end(patience-1, silence, start)
		if n, _ := tries(1); n != 1 {
			t.Error("it rests too early")
		}
		end(93+1, silence, start) // all that was under way fails: one reason to rest
		for rest := firstRest; rest < 4*lastRest; rest *= 2 {
			want := min(rest, lastRest)
			n, again := tries(1000)
			if n != 0 || again < want || again > want+time.Second {
				t.Fatalf("%d are let through while it rests for %v, the others again after %v", n, want, again)
			}
			time.Sleep(want - 1)
			if n, _ := tries(10); n != 0 {
				t.Fatalf("%d are let through before the end of a rest of %v", n, want)
			}
			time.Sleep(time.Nanosecond)
			start = time.Now()
			if n, again = tries(1000); n != probes || again < afterProbe {
				t.Fatalf("%d probes after a rest of %v, the others again after %v", n, want, again)
			}
			time.Sleep(10 * time.Second)
			end(probes, silence, start)
		}
		time.Sleep(lastRest)
		start = time.Now()
		tries(1000)
		end(1, answer, start)
		if n, _ := tries(1000); n != 1000 {
			t.Errorf("%d of 1000 are let through when it is back", n)
		}
		time.Sleep(time.Second)
		end(patience+1, silence, start) // it goes away again: the rests begin anew
		if _, again := tries(1); again < firstRest || again > firstRest+time.Second {
			t.Errorf("the next rest is %v", again)
		}
	})
}

// TestKeysOffTheCurve: a stored key that is no key harms nobody else.
func TestKeysOffTheCurve(t *testing.T) {
	k := NewSink(t, true, nil)
	w := newTask(t, k.Keys, k.Options())
	bad := k.Subscribe("ok")
	bad.P256dh[64] ^= 1
	zero := k.Subscribe("ok")
	zero.P256dh = [65]byte{4}
	for i, r := range sendAll(t, w, bad, k.Subscribe("ok"), zero) {
		want := []outcome{{fate: failed, reason: FailedKeys}, {fate: accepted}, {fate: failed, reason: FailedKeys}}[i]
		if r.fate != want.fate || r.reason != want.reason || (r.fate == failed) == r.answered {
			t.Errorf("delivery %d: %+v", i, r)
		}
	}
	if len(k.Got(bad))+len(k.Got(zero)) > 0 {
		t.Error("something was sent with a key that is no key")
	}
}
