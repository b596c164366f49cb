package hub

import (
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"crier/news/newstest"
)

// BenchmarkTransports holds what an event stream, a poll and a compressed
// WebSocket cost against a plain WebSocket, in one run: memory for each reader,
// and for each delivery the CPU and the bytes on the connection. The readers'
// part is in the CPU of all of them and is as small as can be: a read, and for
// a poll its request.
func BenchmarkTransports(b *testing.B) {
	const readers = 1000
	const headline = "Harbour authority closes both northern locks after a freighter strikes the eastern gate during the morning's high water; " +
		"pilots expect delays of up to nine hours, and ferries to the outer islands leave from the old quay"
	crowds := []*transport{
		{name: "websocket", ask: upgrade},
		{name: "compressed", ask: strings.Replace(upgrade, "\r\n\r\n", "\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n", 1)},
		{name: "events", ask: streamRequest},
		{name: "poll", ask: pollRequest},
	}
	for _, c := range crowds {
		c.open(b, readers)
	}
	for i := 0; b.Loop(); i++ {
		for turn := range crowds {
			crowds[(i+turn)%len(crowds)].post(b, headline)
		}
	}
	plain := crowds[0]
	for _, c := range crowds {
		n := float64(b.N * readers)
		b.ReportMetric(c.memory, "B/reader-"+c.name)
		b.ReportMetric(float64(c.bytes)/n, "B/delivery-"+c.name)
		b.ReportMetric(float64(c.cpu.Nanoseconds())/n, "cpu-ns/delivery-"+c.name)
		if c != plain {
			b.ReportMetric(float64(c.cpu)/float64(plain.cpu), "x-cpu-"+c.name)
			b.ReportMetric(float64(c.bytes)/float64(plain.bytes), "x-bytes-"+c.name)
			b.ReportMetric(c.memory/plain.memory, "x-memory-"+c.name)
		}
	}
}

// transport is a hub whose readers all come the same way.
type transport struct {
	name, ask string

	log    *newstest.Log
	hub    *Hub
	ends   []net.Conn
	memory float64 // of each reader
	bytes  int
	cpu    time.Duration
}

func (t *transport) open(b *testing.B, readers int) {
	b.Helper()
	t.log = newstest.New()
	t.hub = runHub(b, Options{}, t.log)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/poll" {
			servePoll(b, t.hub, w, r)
		} else if err := join(t.hub, w, r); err != nil {
			b.Error(err)
		}
	}))
	b.Cleanup(srv.Close)
	before := inUse()
	for range readers {
		c := shake(b, srv.Listener.Addr().String(), t.ask)
		t.ends = append(t.ends, c)
		b.Cleanup(func() { _ = c.Close() })
	}
	t.wait(readers)
	t.memory = float64(inUse()-before) / float64(readers)
}

// wait waits until all readers are there.
func (t *transport) wait(readers int) {
	for int(t.hub.tally.now()) < readers {
		runtime.Gosched()
	}
}

// post posts an item, has all readers read it, and has polls come again.
func (t *transport) post(b *testing.B, headline string) {
	b.Helper()
	buf := make([]byte, 4<<10)
	start := cpuTime(b)
	cursor := t.log.Post(headline).Cursor
	for _, c := range t.ends {
		n, err := c.Read(buf)
		if err != nil {
			b.Fatal(err)
		}
		t.bytes += n
	}
	if t.ask == pollRequest {
		again := []byte(strings.Replace(pollRequest, "/poll", "/poll?cursor="+cursor.String(), 1))
		for _, c := range t.ends {
			if _, err := c.Write(again); err != nil {
				b.Fatal(err)
			}
			t.bytes += len(again)
		}
		t.wait(len(t.ends))
	}
	t.cpu += cpuTime(b) - start
}
