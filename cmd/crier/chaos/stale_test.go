package chaos

import (
	"fmt"
	"reflect"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"crier/engine/redis/redistest"
)

// TestChaosStaleLease stops a worker in the middle of its pages for longer
// than its leases last. Another node takes over and ends the campaign. When
// the first goes on, nothing that it writes counts.
func TestChaosStaleLease(t *testing.T) {
	beside(t)
	s := prepare(t, sized(20_000, 1000))
	stale := s.fleet.nodes[0]
	stopped := make(chan error, 1)
	var once sync.Once
	s.sink.before(func() {
		once.Do(func() { stopped <- stale.signal(syscall.SIGSTOP) }) // this answer it does not get before it goes on
	})
	s.open()
	if err := <-stopped; err != nil {
		t.Fatal(err)
	}
	other := s.fleet.add(s.args()...)
	s.fleet.restart(other)
	began := time.Now()
	before := s.done(other)
	took := time.Since(began)

	answers := make(chan string, workers+1)
	s.proxy.Watch(func(c redistest.Call, answer []byte) bool {
		if s.runs(c, "checkpoint") && answer != nil {
			select {
			case answers <- string(answer):
			default:
			}
		}
		return true
	})
	if err := stale.signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	select {
	case a := <-answers:
		if !strings.Contains(a, "lost") {
			t.Errorf("the stale lease's checkpoint was answered %q", a)
		}
	case <-time.After(patience):
		t.Error("the stale worker writes no checkpoint")
	}
	if after := s.done(stale); !reflect.DeepEqual(after, before) {
		t.Errorf("the report was %+v and is %+v", before, after)
	}
	missing, repeats := s.reached()
	if missing > 0 || repeats > workers*pageSize {
		t.Errorf("%d of %d subscriptions got nothing, %d notifications were repeated", missing, len(s.subs), repeats)
	}
	results.add(row{fault: "a push worker stopped past its lease", items: 1, crowd: fmt.Sprint(len(s.subs), " subscribed"), missing: missing,
		repeated: repeats, recovered: took, note: fmt.Sprintf("%.2f pages", float64(repeats)/pageSize)})
}
