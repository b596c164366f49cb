package hub

import (
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"crier/news"
)

// gallery is a shard with parked readers on loopback sockets, run by the test
// itself, and the other ends of the sockets.
type gallery struct {
	shard   *shard
	readers []*parked
	ends    []int
	buf     []byte
}

func newGallery(tb testing.TB, n int, f form, topics ...string) *gallery {
	tb.Helper()
	return newMixedGallery(tb, n, f, func(int) []string { return topics })
}

// newMixedGallery has readers each of whom wants something of their own.
func newMixedGallery(tb testing.TB, n int, f form, topics func(int) []string) *gallery {
	tb.Helper()
	h, err := New(nil, Options{Shards: 1})
	if err != nil {
		tb.Fatal(err)
	}
	g := &gallery{shard: h.shards[0], buf: make([]byte, 64<<10)}
	if g.shard.poller, err = newPoller(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(g.shard.poller.closeAll)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	for i := range n {
		end, err := net.Dial("tcp", ln.Addr().String())
		if err != nil {
			tb.Fatal(err)
		}
		nc, err := ln.Accept()
		if err != nil {
			tb.Fatal(err)
		}
		g.seat(tb, nc, f, topics(i))
		g.ends = append(g.ends, dup(tb, end.(*net.TCPConn)))
		_ = end.Close()
	}
	return g
}

func (g *gallery) seat(tb testing.TB, nc net.Conn, f form, topics []string) {
	tb.Helper()
	h := g.shard.hub
	h.tune(nc)
	c, _, err := h.park(nc, f, topics, nil)
	if err != nil {
		tb.Fatal(err)
	}
	p := c.wire.(*parked)
	g.readers = append(g.readers, p)
	g.shard.seat(&p.reader)
	tb.Cleanup(func() {
		if !p.ended() {
			_ = unix.Close(p.fd)
		}
	})
}

func dup(tb testing.TB, c *net.TCPConn) int {
	tb.Helper()
	f, err := c.File()
	if err != nil {
		tb.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	fd, err := unix.Dup(int(f.Fd()))
	if err == nil {
		err = unix.SetNonblock(fd, true)
	}
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = unix.Close(fd) })
	return fd
}

// empty reads what has come at the other ends and returns how many bytes.
func (g *gallery) empty() int { return g.read(g.ends) }

func (g *gallery) read(ends []int) (n int) {
	for _, fd := range ends {
		for {
			m, err := unix.Read(fd, g.buf)
			if err != nil || m == 0 {
				break
			}
			n += m
		}
	}
	return n
}

// newsItem is an item of the size of a usual one.
func newsItem(tb testing.TB, topics ...string) news.Item {
	tb.Helper()
	d, err := news.Post{Headline: "Officials confirm that something of note has happened just now", Topics: topics}.Draft(news.NewID(), "k", time.Now())
	if err != nil {
		tb.Fatal(err)
	}
	return d.Item
}

// item is message seq, which posts one.
func item(tb testing.TB, seq uint64, topics ...string) *message {
	tb.Helper()
	m, err := newEntry(news.Entry{Offset: seq, First: seq, Kind: news.Posted, Item: newsItem(tb, topics...)}, news.Cursor{Epoch: news.NewEpoch(), Offset: seq})
	if err != nil {
		tb.Fatal(err)
	}
	m.from, m.seq = seq-1, seq
	return m
}

func TestDeliveryAllocatesNothing(t *testing.T) {
	for _, topics := range [][]string{nil, {"world"}} {
		t.Run(fmt.Sprint(topics), func(t *testing.T) {
			const readers, runs = 50, 20
			g := newGallery(t, readers, frames, topics...)
			m := item(t, 1, "world")
			run := []*message{m}
			if n := testing.AllocsPerRun(runs, func() {
				g.shard.deliver(run)
				m.from, m.seq = m.from+1, m.seq+1
			}); n != 0 {
				t.Errorf("%v allocations for %d deliveries", n, readers)
			}
			if got, want := g.empty(), (runs+1)*readers*len(m.encoded[frames]); got != want {
				t.Errorf("%d bytes were delivered, want %d", got, want)
			}
		})
	}
}

// BenchmarkDeliver holds a broadcast against what it cannot beat: a bare loop
// of write(2) of the same bytes to the same sockets, in turn with it.
func BenchmarkDeliver(b *testing.B) {
	const readers = 2000
	for _, c := range []struct {
		name  string
		form  form
		topic []string
		batch int // entries in line
	}{
		{"websocket", frames, nil, 1},
		{"websocket, topic", frames, []string{"world"}, 1},
		{"websocket, line of 8", frames, nil, 8},
		{"websocket, topic, line of 8", frames, []string{"world"}, 8},
		{"websocket, compressed", packed, nil, 1},
		{"websocket, compressed, line of 8", packed, nil, 8},
		{"events", events, nil, 1},
	} {
		b.Run(c.name, func(b *testing.B) {
			var run []*message
			var p packer
			for i := range c.batch {
				m := item(b, uint64(i)+1, "world")
				p.pack(&m.encoded)
				run = append(run, m)
			}
			newGallery(b, readers, c.form, c.topic...).race(b, run)
		})
	}
}

// BenchmarkTopics is one entry to those who want it, among 4000 readers and 20
// topics: what the others and the choosing cost.
func BenchmarkTopics(b *testing.B) {
	const readers, topics = 4000, 20
	name := func(i int) string { return fmt.Sprintf("t%02d", i%topics) }
	for _, c := range []struct {
		name   string
		topics func(i int) []string
	}{
		{"all want all", func(int) []string { return nil }},
		{"one of 20 each", func(i int) []string { return []string{name(i)} }},
		{"three of 20 each", func(i int) []string { // 1140 ways
			r := rand.New(rand.NewPCG(uint64(i), 0)).Perm(topics)
			t := []string{name(r[0]), name(r[1]), name(r[2])}
			slices.Sort(t)
			return t
		}},
		{"ten want it", func(i int) []string {
			if i%(readers/10) == 0 {
				return []string{name(0)}
			}
			return []string{name(1 + i%(topics-1))}
		}},
	} {
		b.Run(c.name, func(b *testing.B) {
			newMixedGallery(b, readers, frames, c.topics).race(b, []*message{item(b, 1, name(0))})
		})
	}
}

// race delivers run over and over, in turn with a bare loop of write(2) of its
// first entry to the readers who want it.
func (g *gallery) race(b *testing.B, run []*message) {
	b.Helper()
	var fit []*parked
	var ends []int
	for i, p := range g.readers {
		if run[0].wantedBy(p.crowd.topics) {
			fit, ends = append(fit, p), append(ends, g.ends[i])
		}
	}
	frame := run[0].encoded[g.readers[0].form]
	batch := uint64(len(run))
	var ours, bare time.Duration
	b.ReportAllocs()
	deliver := func() {
		start := cpuTime(b)
		g.shard.deliver(run)
		ours += cpuTime(b) - start
		for _, m := range run {
			m.from, m.seq = m.from+batch, m.seq+batch
		}
	}
	loop := func() {
		start := cpuTime(b)
		for range batch {
			for _, p := range fit {
				if n, err := p.write(frame); n != len(frame) { // the system call and nothing else
					b.Fatal(n, err)
				}
			}
		}
		bare += cpuTime(b) - start
	}
	var got [2]int
	for i := 0; b.Loop(); i++ { // who goes second finds the sockets warm
		for turn := range 2 {
			if (i+turn)%2 == 0 {
				deliver()
				got[0] += g.read(ends)
			} else {
				loop()
				got[1] += g.read(ends)
			}
		}
	}
	if n := g.empty(); n != 0 {
		b.Errorf("%d bytes came to those who do not want it", n)
	}
	n := b.N * len(fit) * len(run)
	if got[1] != n*len(frame) {
		b.Errorf("%d bytes came, want %d", got[1], n*len(frame))
	}
	each := float64(n)
	b.ReportMetric(float64(got[0])/each, "B/delivery")
	b.ReportMetric(float64(ours.Nanoseconds())/each, "cpu-ns/delivery")
	b.ReportMetric(float64(bare.Nanoseconds())/each, "cpu-ns/write(2)")
	b.ReportMetric(float64(ours)/float64(bare), "x-write(2)")
	b.ReportMetric(float64(len(fit)), "readers")
}

// cpuTime is what the process has used, in user and kernel mode.
func cpuTime(tb testing.TB) time.Duration {
	tb.Helper()
	var ru unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &ru); err != nil {
		tb.Fatal(err)
	}
	return time.Duration(ru.Utime.Nano() + ru.Stime.Nano())
}
