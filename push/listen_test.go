package push

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// slowStore answers nothing but whether all is stopped, and that not always in
// time.
type slowStore struct {
	Store
	stop  atomic.Pointer[Stop]
	slow  atomic.Int64 // how many of the next answers never come
	takes time.Duration
}

func (s *slowStore) Stopped(ctx context.Context) (*Stop, error) {
	if s.slow.Add(-1) >= 0 {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	stop := s.stop.Load()
	select {
	case <-time.After(s.takes):
		return stop, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (s *slowStore) Alarms(ctx context.Context) (Alarms, error) {
	<-ctx.Done()
	return Alarms{}, ctx.Err()
}

func (s *slowStore) Attend(ctx context.Context, _ string, _, _ time.Time) ([]string, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

// TestAStopWaitsForNoOtherAnswer: a node that sends hears of a stop within a
// second, though the store answers nothing else, takes its time over that too, or
// never gives one of the answers.
func TestAStopWaitsForNoOtherAnswer(t *testing.T) {
	for name, c := range map[string]struct {
		lost   int64
		takes  time.Duration
		within time.Duration
	}{
		"at once": {0, 0, stopEvery}, "an answer is lost": {1, 0, time.Second}, "a slow store": {0, 700 * time.Millisecond, time.Second}, "slow, and answers are lost": {3, 600 * time.Millisecond, 1800 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			keys := testKeys(t)
			synctest.Test(t, func(t *testing.T) {
				k := newTask(t, keys, Options{})
				s := &slowStore{takes: c.takes}
				k.store = s
				k.pages.enter(k.newPage(nil))
				halted := func() bool {
					k.pages.mu.Lock()
					defer k.pages.mu.Unlock()
					return k.pages.halted
				}
				ctx, cancel := context.WithCancel(t.Context())
				done := make(chan struct{})
				go func() { k.listen(ctx); close(done) }()
				time.Sleep(10*time.Second + time.Millisecond)
				if halted() {
					t.Error("it halts before there is a stop")
				}
				s.slow.Store(c.lost)
				s.stop.Store(&Stop{By: "k1"})
				time.Sleep(c.within)
				if !halted() {
					t.Errorf("after %v it has not heard of the stop", c.within)
				}
				cancel()
				<-done
			})
		})
	}
}
