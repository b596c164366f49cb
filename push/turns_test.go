package push

import (
	"testing"
	"testing/synctest"
	"time"
)

// TestTurns: a worker lets go of its range when a campaign of a higher lane is
// opened, and now and then for as long as such a one may have retries.
func TestTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := newUnderway(nil, time.Hour)
		low, high := Campaign{Lane: 4, ID: "low"}, Campaign{Lane: 8, ID: "high"}
		over := func(what string, k *turn, want bool) {
			t.Helper()
			if got := u.over(k, time.Now()); got != want {
				t.Errorf("%s: over %v, want %v", what, got, want)
			}
		}
		first := u.begin(low)
		over("at first", first, false)
		time.Sleep(10 * turnTime)
		over("with nothing else to do", first, false)
		u.opened([]Campaign{low})
		over("with another of its lane", first, false)
		u.opened([]Campaign{high})
		over("with a higher lane", first, true)
		select {
		case <-first.over:
		default:
			t.Error("its turn is over and it was not told")
		}
		own, next := u.begin(high), u.begin(low)
		over("claimed anew", next, false)
		time.Sleep(turnTime)
		over("after a turn", next, true)
		over("of the highest lane", own, false)
		time.Sleep(laneTime)
		over("when nothing of the higher lane can be left", u.begin(low), false)
		over("when nothing of the higher lane can be left", next, false)
		for _, k := range []*turn{first, own, next} {
			u.end(k)
		}
	})
}
