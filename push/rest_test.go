package push

import (
	"log/slog"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// restingOrigin is an origin without a network, and how many of n jobs it would
// let through, as run asks.
func restingOrigin(t *testing.T) (o *origin, through func(n int) int) {
	quiet := slog.New(slog.DiscardHandler)
	o = &origin{net: &network{guard: newGuard(quiet), logger: quiet}, pace: newPace(1)}
	return o, func(n int) (through int) {
		for range n {
			o.queue = jobQueue{{page: &page{}}}
			if put, _ := o.late(t.Context(), time.Now()); len(put) == 0 {
				through++
				o.inflight++
			}
		}
		return through
	}
}

func TestARestThatWasAskedFor(t *testing.T) {
	for _, status := range []int{http.StatusServiceUnavailable, http.StatusNotAcceptable} {
		synctest.Test(t, func(t *testing.T) {
			o, through := restingOrigin(t)
			answer := func(status int, after string) {
				out := judge(status, http.Header{"Retry-After": {after}}, time.Now())
				o.learn(time.Now(), out)
			}
			if n := through(5); n != 5 {
				t.Fatalf("%d of 5 went at first", n)
			}
			answer(status, "60")
			for range 3 { // what was under way says the same, or nothing that matters here
				answer(status, "30")
			}
			answer(http.StatusTooManyRequests, "")
			time.Sleep(time.Minute - time.Millisecond)
			if n := through(1000); n != 0 {
				t.Errorf("%d: %d went before the rest was over", status, n)
			}
			time.Sleep(8 * time.Second)
			if n := through(1000); n != 1 {
				t.Errorf("%d: %d probes went", status, n)
			}
			answer(status, "999999")
			time.Sleep(longestRest - time.Millisecond)
			if n := through(1000); n != 0 {
				t.Errorf("%d: %d went before the longest rest was over", status, n)
			}
			time.Sleep(longestRest/8 + time.Second)
			if n := through(1000); n != 1 {
				t.Errorf("%d: %d probes went after the longest rest", status, n)
			}
			answer(http.StatusCreated, "")
			if n := through(1000); n != 1000 {
				t.Errorf("%d: %d of 1000 went when it was back", status, n)
			}
		})
	}
}

// TestOneServerOfManyIsIll: what was under way is taken, so the others are well.
// Until that is known, the line waits for nobody.
func TestOneServerOfManyIsIll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, through := restingOrigin(t)
		through(2 * patience)
		start := time.Now()
		ill := judge(http.StatusServiceUnavailable, http.Header{"Retry-After": {"600"}}, start)
		for range 3 {
			for range patience - 1 {
				o.learn(start, ill)
				if n := through(1); n != 1 {
					t.Fatal("it rests for one of many")
				}
			}
			o.learn(start, judge(http.StatusCreated, nil, start))
			through(1)
		}
		for range patience {
			o.learn(start, ill)
		}
		if n := through(1); n != 0 {
			t.Error("it goes on though all are ill")
		}
		o.learn(start, judge(http.StatusCreated, nil, start))
		if n := through(100); n != 100 {
			t.Errorf("%d of 100 went", n)
		}
	})
}

// TestErrorsInARowAreAReasonToRest, as silence is; a device's own limit is not,
// whatever it asks for.
func TestErrorsInARowAreAReasonToRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, through := restingOrigin(t)
		through(100)
		for range patience - 1 {
			o.learn(time.Now(), judge(http.StatusInternalServerError, nil, time.Now()))
		}
		o.learn(time.Now(), judge(http.StatusCreated, nil, time.Now()))
		for range patience - 1 {
			o.learn(time.Now(), judge(http.StatusBadGateway, nil, time.Now()))
		}
		for range 10 {
			o.learn(time.Now(), judge(http.StatusTooManyRequests, http.Header{"Retry-After": {"600"}}, time.Now()))
		}
		if n := through(10); n != 10 {
			t.Errorf("%d of 10 went before there were enough in a row", n)
		}
		for range patience {
			o.learn(time.Now(), judge(http.StatusServiceUnavailable, nil, time.Now()))
		}
		if n := through(100); n != 0 {
			t.Errorf("%d went while it rests", n)
		}
		o.inflight = 0
		time.Sleep(firstRest)
		if n := through(100); n != probes {
			t.Errorf("%d probes went", n)
		}
		o.learn(time.Now(), judge(http.StatusGone, nil, time.Now()))
		if n := through(100); n != 100 {
			t.Errorf("%d of 100 went when it was back", n)
		}
	})
}

// TestAnIllServiceIsLeftInPeace: on real connections, of a thousand deliveries
// few are attempted and all others put off, until before the deadline.
func TestAnIllServiceIsLeftInPeace(t *testing.T) {
	for name, after := range map[string]string{"ill": "600", "broken": ""} {
		var asked atomic.Int64
		k := NewSink(t, true, map[string]http.HandlerFunc{name: func(w http.ResponseWriter, _ *http.Request) {
			asked.Add(1)
			if after == "" {
				w.WriteHeader(http.StatusInternalServerError)
				return
			}
			w.Header().Set("Retry-After", after)
			w.WriteHeader(http.StatusServiceUnavailable)
		}})
		o := k.Options()
		o.Conns = 1
		w := newTask(t, k.Keys, o)
		w.lease.Campaign.Deadline = time.Now().Add(5 * time.Minute)
		for range 4 {
			for i, r := range sendAll(t, w, times(250, func() Subscription { return k.Subscribe(name) })...) {
				if due := r.at.Add(max(r.after, leastPutOff)); r.fate == unsent && !due.Before(w.lease.Campaign.Deadline) {
					t.Fatalf("%s: delivery %d is put off until %v after the deadline", name, i, due.Sub(w.lease.Campaign.Deadline))
				} else if r.fate != unsent && r.status < 500 {
					t.Fatalf("%s: delivery %d: %+v", name, i, r)
				}
			}
		}
		if n := asked.Load(); n < 1 || n > 250 {
			t.Errorf("%s: it was asked %d times by 1000 deliveries", name, n)
		}
	}
}
