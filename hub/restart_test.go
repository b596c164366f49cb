package hub_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"crier/hub"
	"crier/news"
	"crier/news/newstest"
)

// counted is a log that counts what is read of it from before its head, which
// is what nobody does who only follows it.
type counted struct {
	*newstest.Log
	head  uint64
	reads atomic.Int64
	hangs atomic.Bool // those reads get no answer
}

func (l *counted) Since(ctx context.Context, from news.Cursor, limit int) ([]news.Entry, error) {
	if from.Offset < l.head {
		l.reads.Add(1)
		if l.hangs.Load() {
			<-ctx.Done()
			return nil, ctx.Err()
		}
	}
	return l.Log.Since(ctx, from, limit)
}

func logOf(n int) *counted {
	l := &counted{Log: newstest.New(), head: uint64(n)}
	for i := range n {
		l.Post(fmt.Sprint("h", i+1), []string{"even", "odd"}[(i+1)%2])
	}
	return l
}

// TestResumedAfterARestart: after a crash everybody comes back to a node that
// has only just started, a few entries behind. Each gets exactly these, and the
// log is read for all of them together.
func TestResumedAfterARestart(t *testing.T) {
	onEveryWay(t, func(t *testing.T, w way) {
		const entries, readers, recent = 400, 60, 300
		l := logOf(entries)
		n := serveSource(t, l, l.Log, w, hub.Options{Recent: recent, QueueBytes: 4 << 20, DrainWindow: -1})
		if got := l.reads.Load(); got == 0 || got > 4 {
			t.Errorf("the ring was filled with %d reads", got)
		}
		l.reads.Store(0)
		var all sync.WaitGroup
		for i := range readers {
			behind := []int{0, 1, 2, 5, 77, recent}[i%6]
			c := &comer{n: n, cursor: at(t, l.Log, uint64(entries-behind)), topics: [][]string{nil, {"odd"}}[i%2]}
			want := append(wanted(t, l.Log, c.cursor, c.topics), entries+1)
			all.Go(func() {
				var err error
				if i%10 == 9 {
					err = c.poll()
				}
				if err == nil {
					err = c.socket(1 + len(want) - len(c.got))
				}
				if err != nil || fmt.Sprint(c.got) != fmt.Sprint(want) {
					t.Errorf("who was %d behind got %v, %v; want %v", behind, c.got, err, want)
				}
			})
		}
		until(t, "all to have joined", func() bool { return n.hub.Stats().WebSockets == readers })
		if got := l.reads.Load(); got != 0 {
			t.Errorf("%d readers read the log %d times", readers, got)
		}
		l.Post("one more", "odd")
		all.Wait()
		// Who is further back than the ring reads the log, as ever.
		late := &comer{n: n, cursor: at(t, l.Log, entries-recent-50)}
		if err := late.socket(1 + recent + 50 + 1); err != nil || len(late.got) != recent+51 {
			t.Errorf("who was before the ring got %v, %v", late.got, err)
		}
	})
}

// TestFillingTheRingFails: a log that is trimmed, or slow, or broken, costs
// those who come back a read of their own and nothing else.
func TestFillingTheRingFails(t *testing.T) {
	for _, c := range []struct {
		name    string
		prepare func(*counted)
		mend    func(*counted)
		inRing  int // how far behind one may be without a read
	}{
		{"trimmed", func(l *counted) { l.Trim(21) }, func(*counted) {}, 21},
		{"slow", func(l *counted) { l.hangs.Store(true) }, func(l *counted) { l.hangs.Store(false) }, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := logOf(300)
			c.prepare(l)
			start := time.Now()
			n := serveSource(t, l, l.Log, way{}, hub.Options{DrainWindow: -1})
			if d := time.Since(start); d > 30*time.Second {
				t.Errorf("ready after %v", d)
			}
			c.mend(l)
			for _, behind := range []int{c.inRing, 21} {
				l.reads.Store(0)
				r := &comer{n: n, cursor: at(t, l.Log, uint64(300-behind))}
				if err := r.socket(1 + behind); err != nil || len(r.got) != behind {
					t.Errorf("who was %d behind got %v, %v", behind, r.got, err)
				}
				if got := l.reads.Load(); (got > 0) != (behind > c.inRing) {
					t.Errorf("who was %d behind read the log %d times", behind, got)
				}
			}
			if p, err := n.hub.Poll(t.Context(), hub.Join{Cursor: at(t, l.Log, 300)}, 0); err != nil || len(p.Messages) != 0 {
				t.Errorf("who has seen all got %v, %v", p, err)
			}
		})
	}
}
