package hub

import (
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"crier/news"
	"crier/news/newstest"
)

// BenchmarkFirstWrite is the hub's own share of an entry's way: from the moment
// in which the log's doorbell rings, which is when the append is acknowledged,
// until the first of its readers' sockets has been written to, as the kernel
// says at the other end. "bare" is what any program would need: a goroutine
// that waits for the doorbell and does nothing but write(2).
func BenchmarkFirstWrite(b *testing.B) {
	const readers = 2000
	l := &belled{Log: newstest.New(), bell: make(chan news.Hint, 1)}
	h := runHub(b, Options{Beat: time.Hour}, l) // a beat would be taken for an entry
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := join(h, w, r); err != nil {
			b.Error(err)
		}
	}))
	defer srv.Close()
	var ends []int
	for range readers {
		c := shake(b, srv.Listener.Addr().String(), upgrade)
		ends = append(ends, timed(b, c))
	}
	bell, loop := make(chan []byte), timedLoop(b)
	go func() {
		for frame := range bell {
			_, _ = unix.Write(loop[0], frame)
		}
	}()
	defer close(bell)
	frame := item(b, 1).encoded[frames]
	var ours, bare []time.Duration
	for b.Loop() {
		r := l.Post("Officials confirm that something of note has happened just now")
		start := time.Now()
		l.bell <- news.Hint{Cursor: r.Cursor, Entry: &r.Entry}
		first := came(b, ends[0])
		for _, fd := range ends[1:] {
			if t := came(b, fd); t.Before(first) {
				first = t
			}
		}
		ours = append(ours, first.Sub(start))
		start = time.Now()
		bell <- frame
		bare = append(bare, came(b, loop[1]).Sub(start))
	}
	p50, p99 := quantiles(ours)
	bare50, bare99 := quantiles(bare)
	b.ReportMetric(p50, "µs-p50")
	b.ReportMetric(p99, "µs-p99")
	b.ReportMetric(bare50, "µs-p50-bare")
	b.ReportMetric(bare99, "µs-p99-bare")
	b.ReportMetric(p50/bare50, "x-bare-p50")
}

// belled is a log whose doorbell the benchmark rings.
type belled struct {
	*newstest.Log
	bell chan news.Hint
}

func (l *belled) Wake() (<-chan news.Hint, func()) { return l.bell, func() {} }

// quantiles are the median and the 99th percentile, in microseconds.
func quantiles(d []time.Duration) (p50, p99 float64) {
	slices.Sort(d)
	us := func(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1e3 }
	return us(d[len(d)/2]), us(d[len(d)*99/100])
}

// timed is the descriptor of c, which blocks and says when something came.
func timed(b *testing.B, c net.Conn) int {
	b.Helper()
	fd := dup(b, c.(*net.TCPConn))
	_ = c.Close()
	err := unix.SetNonblock(fd, false)
	if err == nil {
		err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1)
	}
	if err != nil {
		b.Fatal(err)
	}
	return fd
}

// timedLoop is both ends of a connection, the second one timed.
func timedLoop(b *testing.B) [2]int {
	b.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	c, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		b.Fatal(err)
	}
	nc, err := ln.Accept()
	if err != nil {
		b.Fatal(err)
	}
	out := dup(b, nc.(*net.TCPConn))
	_ = nc.Close()
	return [2]int{out, timed(b, c)}
}

// came waits for what comes at fd and is the time at which the kernel had it.
func came(b *testing.B, fd int) time.Time {
	b.Helper()
	var buf [2048]byte
	var oob [64]byte
	for {
		n, oobn, _, _, err := unix.Recvmsg(fd, buf[:], oob[:], 0)
		if err == unix.EINTR {
			continue
		}
		if err != nil || n == 0 || oobn == 0 {
			b.Fatalf("recvmsg: %d bytes, %d of control, %v", n, oobn, err)
		}
		_, data, _, err := unix.ParseOneSocketControlMessage(oob[:oobn])
		if err != nil || len(data) < int(unsafe.Sizeof(unix.Timespec{})) {
			b.Fatal(data, err)
		}
		return time.Unix((*unix.Timespec)(unsafe.Pointer(unsafe.SliceData(data))).Unix())
	}
}
