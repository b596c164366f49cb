package enginetest

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// testLead: of the nodes that ask, one leads a job, until its term ends
// without its asking again or it resigns.
func testLead(t *testing.T, s *store) {
	ctx := context.Background()
	now, term := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC), time.Minute
	for _, step := range []struct {
		what      string
		node, job string
		resigns   bool
		after     time.Duration // since the first step
		leads     bool
	}{
		{"the first to ask leads", "one", "clean", false, 0, true},
		{"a second does not", "two", "clean", false, time.Second, false},
		{"it may lead another job", "two", "count", false, time.Second, true},
		{"who leads stays", "one", "clean", false, 50 * time.Second, true},
		{"its term is longer now", "two", "clean", false, 100 * time.Second, false},
		{"a term that has ended is over", "two", "clean", false, 110 * time.Second, true},
		{"who led before does not any more", "one", "clean", false, 111 * time.Second, false},
		{"who does not lead gives nothing up", "one", "clean", true, 112 * time.Second, false},
		{"so the leader stays", "one", "clean", false, 113 * time.Second, false},
		{"a leader resigns", "two", "clean", true, 114 * time.Second, false},
		{"and another leads at once", "one", "clean", false, 114 * time.Second, true},
	} {
		e := s.node(len(step.node) + int(step.after/time.Second))
		if step.resigns {
			if err := e.Resign(ctx, step.job, step.node); err != nil {
				t.Fatalf("%s: %v", step.what, err)
			}
			continue
		}
		leads, err := e.Lead(ctx, step.job, step.node, now.Add(step.after), term)
		if err != nil {
			t.Fatalf("%s: %v", step.what, err)
		}
		if leads != step.leads {
			t.Errorf("%s: %s leads: %v", step.what, step.node, leads)
		}
	}

	var leading atomic.Int64
	var racing sync.WaitGroup
	for i := range 50 {
		racing.Go(func() {
			leads, err := s.node(i).Lead(ctx, "race", fmt.Sprint("n", i), now, term)
			if err != nil {
				t.Error(err)
			}
			if leads {
				leading.Add(1)
			}
		})
	}
	racing.Wait()
	if n := leading.Load(); n != 1 {
		t.Errorf("%d of 50 that race lead", n)
	}
}
