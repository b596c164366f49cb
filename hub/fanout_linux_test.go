package hub

import (
	"fmt"
	"net"
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

func newGallery(tb testing.TB, n int, topics ...string) *gallery {
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
	for range n {
		end, err := net.Dial("tcp", ln.Addr().String())
		if err != nil {
			tb.Fatal(err)
		}
		nc, err := ln.Accept()
		if err != nil {
			tb.Fatal(err)
		}
		g.seat(tb, nc, topics)
		g.ends = append(g.ends, dup(tb, end.(*net.TCPConn)))
		_ = end.Close()
	}
	return g
}

func (g *gallery) seat(tb testing.TB, nc net.Conn, topics []string) {
	tb.Helper()
	h := g.shard.hub
	h.tune(nc)
	c, _, err := h.park(nc, topics, nil)
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
func (g *gallery) empty() (n int) {
	for _, fd := range g.ends {
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

// item is message seq, of the size of a usual one.
func item(tb testing.TB, seq uint64, topics ...string) *message {
	tb.Helper()
	d, err := news.Post{Headline: "Officials confirm that something of note has happened just now", Topics: topics}.Draft(news.NewID(), "k", time.Now())
	if err != nil {
		tb.Fatal(err)
	}
	m, err := newEntry(news.Entry{Offset: seq, First: seq, Kind: d.Kind, Item: d.Item}, news.Cursor{Epoch: news.NewEpoch(), Offset: seq})
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
			g := newGallery(t, readers, topics...)
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
		topic []string
		batch int // entries in line
	}{
		{"one", nil, 1},
		{"topic", []string{"world"}, 1},
		{"line of 8", nil, 8},
	} {
		b.Run(c.name, func(b *testing.B) {
			g := newGallery(b, readers, c.topic...)
			var run []*message
			for i := range c.batch {
				run = append(run, item(b, uint64(i)+1, "world"))
			}
			frame := run[0].encoded[frames]
			var ours, bare time.Duration
			b.ReportAllocs()
			for b.Loop() {
				start := cpuTime(b)
				g.shard.deliver(run)
				ours += cpuTime(b) - start
				b.StopTimer()
				for _, m := range run {
					m.from, m.seq = m.from+uint64(c.batch), m.seq+uint64(c.batch)
				}
				g.empty()
				start = cpuTime(b)
				for range c.batch {
					for _, p := range g.readers {
						if n, err := p.write(frame); n != len(frame) { // the system call and nothing else
							b.Fatal(n, err)
						}
					}
				}
				bare += cpuTime(b) - start
				if n := g.empty(); n != readers*c.batch*len(frame) {
					b.Fatalf("%d bytes came", n)
				}
				b.StartTimer()
			}
			each := float64(b.N * readers * c.batch)
			b.ReportMetric(float64(ours.Nanoseconds())/each, "cpu-ns/delivery")
			b.ReportMetric(float64(bare.Nanoseconds())/each, "cpu-ns/write(2)")
			b.ReportMetric(float64(ours)/float64(bare), "x-write(2)")
		})
	}
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
