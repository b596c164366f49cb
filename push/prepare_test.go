package push

import (
	"testing"
	"testing/synctest"
	"time"
)

// TestPreparingRests: half of the time while nobody else wants the CPU, and
// nearly all of it while somebody does.
func TestPreparingRests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const key = 60 * time.Microsecond
		b := breath{}
		prepare := func(n int, each time.Duration) time.Duration {
			began := time.Now()
			for range n {
				time.Sleep(each)
				b.take(t.Context())
			}
			return time.Since(began)
		}
		const n = 100 * prepareBatch
		if took := prepare(n, key); took < n*key*19/10 || took > n*key*2 {
			t.Errorf("%v of work took %v", n*key, took)
		}
		if took := prepare(n, 3*key); took < 30*n*key {
			t.Errorf("%v of work took %v while the CPU was wanted", 3*n*key, took)
		}
		if took := prepare(n, key); took > n*key*2 {
			t.Errorf("%v of work took %v afterwards", n*key, took)
		}
	})
}
