package hub

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// BenchmarkFilters is what topics cost a hub of 50,000 readers. A process has
// descriptors for fewer, so several readers share a socket: the kernel's part
// is real, and the cheaper for it, which makes ours look larger than it is. All
// hubs are on the same sockets and take turns.
func BenchmarkFilters(b *testing.B) {
	const readers, sockets, topics = 50_000, 5000, 20
	g := newGallery(b, sockets, frames)
	var names []string
	for i := range topics {
		names = append(names, fmt.Sprintf("t%02d", i))
	}
	none := func(int) []string { return nil }
	one := func(i int) []string { return names[i%topics : i%topics+1] }
	three := func(i int) []string { // 1140 ways
		r := rand.New(rand.NewPCG(uint64(i), 0)).Perm(topics)[:3]
		slices.Sort(r)
		return []string{names[r[0]], names[r[1]], names[r[2]]}
	}
	few := func(i int) []string {
		if i%sockets == i/sockets { // each on a socket of its own
			return []string{"rare"}
		}
		return one(i)
	}
	houses := []*house{
		g.house(b, "all", readers, none, item(b, 1, names[:16]...)),
		g.house(b, "of20", readers, one, item(b, 1, names[:16]...)), // 16 in 20 want it
		g.house(b, "3of20", readers, three, item(b, 1, names[0])),   // 3 in 20 want it
		g.house(b, "10of50000", readers, few, item(b, 1, "rare")),   // ten want it
		g.house(b, "10alone", 10, func(int) []string { return []string{"rare"} }, item(b, 1, "rare")),
	}
	for i := 0; b.Loop(); i++ {
		for turn := range houses {
			houses[(i+turn)%len(houses)].post(b)
		}
	}
	each, per := map[string]float64{}, map[string]float64{}
	for _, h := range houses {
		per[h.name] = float64(h.cpu.Nanoseconds()) / float64(h.posts)
		each[h.name] = per[h.name] / float64(h.want)
	}
	b.ReportMetric(each["all"], "cpu-ns/delivery")
	b.ReportMetric(each["of20"]/each["all"], "x-of-20-topics")
	b.ReportMetric(each["3of20"]/each["all"], "x-three-of-20")
	b.ReportMetric(per["10of50000"]/per["10alone"], "x-ten-alone")
	b.ReportMetric(per["10of50000"]/per["all"]*1e6, "ppm-of-a-post-to-all")
	b.ReportMetric(per["10of50000"]/1e3, "µs/post-to-ten")
}

// house is a hub of its own on the sockets of a gallery.
type house struct {
	name  string
	shard *shard
	run   []*message
	ends  []int // of the sockets of those who want it
	empty func([]int) int
	want  int // readers who want it
	posts int
	cpu   time.Duration
}

func (g *gallery) house(b *testing.B, name string, readers int, topics func(int) []string, m *message) *house {
	b.Helper()
	h, err := New(nil, Options{Shards: 1, MaxReaders: readers})
	if err != nil {
		b.Fatal(err)
	}
	s := &house{name: name, shard: h.shards[0], run: []*message{m}, empty: g.read}
	for i := range readers {
		p := &parked{fd: g.readers[i%len(g.readers)].fd}
		p.init(h, p, frames, topics(i))
		s.shard.seat(&p.reader)
		if m.wantedBy(p.crowd.topics) {
			s.want++
			s.ends = append(s.ends, g.ends[i%len(g.ends)])
		}
	}
	slices.Sort(s.ends)
	s.ends = slices.Compact(s.ends)
	return s
}

// post has the item delivered; one that few want as often as makes a thousand
// deliveries.
func (h *house) post(b *testing.B) {
	b.Helper()
	m, before := h.run[0], h.shard.hub.tally.messages.Load()
	times := max(1, 1000/h.want)
	for range times {
		start := cpuTime(b)
		h.shard.deliver(h.run)
		h.cpu += cpuTime(b) - start
		m.from, m.seq = m.from+1, m.seq+1
		h.empty(h.ends)
	}
	h.posts += times
	if got := h.shard.hub.tally.messages.Load() - before; got != uint64(h.want*times) {
		b.Fatalf("%s: %d deliveries, want %d", h.name, got, h.want*times)
	}
}
