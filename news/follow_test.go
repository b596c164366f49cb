package news_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"crier/news"
)

// scripted is a log whose hints and failures a test makes by hand.
type scripted struct {
	news.Log
	hints chan news.Hint

	mu     sync.Mutex // of what follows
	epoch  string
	length uint64
	fail   []error // what the next reads answer
	reads  int
}

func newScripted(length uint64) *scripted {
	return &scripted{epoch: "e1", length: length, hints: make(chan news.Hint, 100)}
}

func (s *scripted) Wake() (<-chan news.Hint, func()) { return s.hints, func() {} }

func (s *scripted) Head(context.Context) (news.Cursor, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return news.Cursor{Epoch: s.epoch, Offset: s.length}, nil
}

func (s *scripted) Since(_ context.Context, from news.Cursor, limit int) ([]news.Entry, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reads++
	if len(s.fail) > 0 {
		err := s.fail[0]
		s.fail = s.fail[1:]
		return nil, err
	}
	if from.Epoch != s.epoch || from.Offset > s.length {
		return nil, news.ErrCursorLost
	}
	var out []news.Entry
	for o := from.Offset + 1; o <= s.length && len(out) < limit; o++ {
		out = append(out, news.Entry{Offset: o})
	}
	return out, nil
}

// change makes a change to the script while it is followed.
func (s *scripted) change(f func(s *scripted)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f(s)
}

func (s *scripted) ring(offset uint64) {
	s.hints <- news.Hint{Cursor: news.Cursor{Epoch: s.epoch, Offset: offset}, Entry: &news.Entry{Offset: offset}}
}

// follow runs Follow in a bubble's background and returns what it delivered
// so far, and its error once stop has been called.
func follow(t *testing.T, s *scripted, from news.Cursor, o news.FollowOptions) (got func() []uint64, stop func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var mu sync.Mutex
	var seen []uint64
	done := make(chan error, 1)
	go func() {
		done <- news.Follow(ctx, s, from, o, func(entries []news.Entry) error {
			mu.Lock()
			defer mu.Unlock()
			for _, e := range entries {
				seen = append(seen, e.Offset)
			}
			return nil
		})
	}()
	got = func() []uint64 {
		synctest.Wait()
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(seen)
	}
	return got, func() error { cancel(); return <-done }
}

func TestFollow(t *testing.T) {
	var three = []uint64{1, 2, 3}
	for _, c := range []struct {
		name  string
		play  func(s *scripted)
		after time.Duration // how long until the log's three entries are there
		reads int           // of the log, in all
	}{
		{"in order, taken from the hints", func(s *scripted) { s.length = 3; s.ring(1); s.ring(2); s.ring(3) }, 0, 1},
		{"doubled", func(s *scripted) {
			s.length = 3
			s.ring(1)
			s.ring(1)
			s.ring(2)
			s.ring(1)
			s.ring(3)
			s.ring(3)
		}, 0, 1},
		{"a hole", func(s *scripted) { s.length = 3; s.ring(1); s.ring(3) }, 0, 2},
		{"out of order", func(s *scripted) { s.length = 3; s.ring(3); s.ring(1); s.ring(2) }, 0, 2},
		{"without the entry", func(s *scripted) { s.length = 3; s.hints <- news.Hint{} }, 0, 2},
		{"lost", func(s *scripted) { s.length = 3 }, 500 * time.Millisecond, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newScripted(0)
				got, stop := follow(t, s, news.Cursor{}, news.FollowOptions{})
				synctest.Wait()
				s.change(c.play)
				if c.after > 0 {
					time.Sleep(c.after - time.Nanosecond)
					if g := got(); len(g) != 0 {
						t.Errorf("delivered %v before the quiet spell was over", g)
					}
					time.Sleep(time.Nanosecond)
				}
				if g := got(); !slices.Equal(g, three) || s.reads != c.reads {
					t.Errorf("delivered %v with %d reads, want %v with %d", g, s.reads, three, c.reads)
				}
				if err := stop(); !errors.Is(err, context.Canceled) {
					t.Errorf("ended with %v", err)
				}
			})
		})
	}
}

func TestFollowFromTheMiddleInBatches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScripted(10)
		got, stop := follow(t, s, news.Cursor{Epoch: "e1", Offset: 4}, news.FollowOptions{Batch: 2})
		if g, want := got(), []uint64{5, 6, 7, 8, 9, 10}; !slices.Equal(g, want) {
			t.Errorf("delivered %v, want %v", g, want)
		}
		_ = stop()
	})
}

func TestFollowOutlivesFailures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		down := errors.New("down")
		s := newScripted(2)
		s.fail = slices.Repeat([]error{down}, 70) // more than two minutes of tries
		var told atomic.Int64
		got, stop := follow(t, s, news.Cursor{}, news.FollowOptions{Trouble: func(err error) {
			if !errors.Is(err, down) {
				t.Errorf("told of %v", err)
			}
			told.Add(1)
		}})
		synctest.Wait()
		if told.Load() != 1 {
			t.Errorf("told %d times of the first failure", told.Load())
		}
		time.Sleep(3 * time.Minute)
		if g := got(); !slices.Equal(g, []uint64{1, 2}) || told.Load() != 3 || len(s.fail) > 0 {
			t.Errorf("delivered %v, told %d times of two minutes of failures", g, told.Load())
		}
		_ = stop()
	})
}

func TestFollowTellsOfLostHistory(t *testing.T) {
	for name, lose := range map[string]func(s *scripted){
		"another epoch": func(s *scripted) { s.epoch = "e2"; s.ring(1) },
		"a shorter log": func(s *scripted) { s.length = 1; s.hints <- news.Hint{} },
		"trimmed": func(s *scripted) {
			s.fail = []error{fmt.Errorf("read: %w", news.ErrCursorLost)}
			s.hints <- news.Hint{}
		},
		"without a hint": func(s *scripted) { s.epoch = "e2" },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newScripted(2)
				done := make(chan error, 1)
				go func() {
					done <- news.Follow(t.Context(), s, news.Cursor{}, news.FollowOptions{}, func([]news.Entry) error { return nil })
				}()
				synctest.Wait()
				s.change(lose)
				if err := <-done; !errors.Is(err, news.ErrCursorLost) {
					t.Errorf("ended with %v", err)
				}
			})
		})
	}
}

func TestFollowStopsWhenItsCallerFails(t *testing.T) {
	full := errors.New("full")
	for name, length := range map[string]uint64{"reading": 3, "on a hint": 0} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newScripted(length)
				done := make(chan error, 1)
				go func() {
					done <- news.Follow(t.Context(), s, news.Cursor{}, news.FollowOptions{}, func([]news.Entry) error { return full })
				}()
				synctest.Wait()
				if length == 0 {
					s.change(func(s *scripted) { s.length = 1; s.ring(1) })
				}
				if err := <-done; !errors.Is(err, full) {
					t.Errorf("ended with %v", err)
				}
			})
		})
	}
}
