package chaos

import (
	"net/http"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"crier/engine/redis/redistest"
	"crier/news"
)

// audience is readers of a fleet, and when the last of them has an entry.
type audience struct {
	room    *newsroom
	posted  int
	arrived atomic.Int64
	last    chan time.Time
	took    []time.Duration
}

func newAudience(b *testing.B, f *fleet, readers int) *audience {
	a := &audience{room: &newsroom{fleet: f, client: http.DefaultClient}, last: make(chan time.Time, 1)}
	gather(b, f, readers, front(b, f.nodes[0]).Cursor, func(m *message) {
		if m.Type == "entry" && a.arrived.Add(1) == int64(readers) {
			a.last <- time.Now()
		}
	})
	return a
}

// post posts an item and waits until everybody has it.
func (a *audience) post(b *testing.B) {
	a.posted++
	a.arrived.Store(0)
	k := &task{number: a.posted, path: "/v1/items", patient: true, body: map[string]any{
		"headline": "River bursts its banks" + tag(a.posted), "topics": []string{"world"}, "level": news.Urgent, "new_story": true}}
	began := time.Now()
	a.room.do(k)
	if k.fault != "" {
		b.Fatal(k.fault)
	}
	select {
	case t := <-a.last:
		a.took = append(a.took, t.Sub(began))
	case <-time.After(patience):
		b.Fatalf("only %d readers get an item", a.arrived.Load())
	}
}

// share is the time within which so many hundredths of the posts had reached
// everybody, in milliseconds.
func (a *audience) share(hundredths int) float64 {
	slices.Sort(a.took)
	return float64(a.took[(len(a.took)-1)*hundredths/100].Microseconds()) / 1000
}

// BenchmarkPublish is from the request that posts an item until the last of
// 3,000 readers has it, by turns on one node with the embedded engine and on
// three nodes on a Redis. Both sync every post to the disk. The readers run in
// this process, on the same processors.
func BenchmarkPublish(b *testing.B) {
	const readers, posts = 3000, 200
	one := newAudience(b, startFleet(b, 1, "--data", b.TempDir()), readers)
	three := newAudience(b, startFleet(b, 3, "--redis", redistest.Start(b).URL()), readers)
	for b.Loop() {
		for range posts {
			one.post(b)
			three.post(b)
		}
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(one.share(50), "one-node-p50-ms")
	b.ReportMetric(one.share(99), "one-node-p99-ms")
	b.ReportMetric(three.share(50), "three-nodes-p50-ms")
	b.ReportMetric(three.share(99), "three-nodes-p99-ms")
	b.ReportMetric(three.share(50)/one.share(50), "p50-ratio")
	b.ReportMetric(three.share(99)/one.share(99), "p99-ratio")
}
