package hub

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"

	"crier/news"
	"crier/news/newstest"
)

// BenchmarkReaders lets readers in and keeps them: what a handshake and an idle
// reader cost. "plain" is the usual way of coder/websocket, without a hub, and
// "of net/http" what an event stream costs where the connection stays there.
func BenchmarkReaders(b *testing.B) {
	const readers = 2000
	for _, c := range []struct {
		name  string
		ask   string
		serve func(b *testing.B) (h http.HandlerFunc, readers func() int)
	}{
		{"websocket", upgrade, func(b *testing.B) (http.HandlerFunc, func() int) { return hubHandler(b, Options{}) }},
		{"websocket, compressed", strings.Replace(upgrade, "\r\n\r\n", "\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n", 1), func(b *testing.B) (http.HandlerFunc, func() int) { return hubHandler(b, Options{}) }},
		{"websocket, attended", upgrade, func(b *testing.B) (http.HandlerFunc, func() int) { return hubHandler(b, Options{Portable: true}) }},
		{"websocket, plain", upgrade, plainHandler},
		{"events", streamRequest, func(b *testing.B) (http.HandlerFunc, func() int) { return hubHandler(b, Options{}) }},
		{"events, attended", streamRequest, func(b *testing.B) (http.HandlerFunc, func() int) { return hubHandler(b, Options{Portable: true}) }},
		{"events, of net/http", streamRequest, func(b *testing.B) (http.HandlerFunc, func() int) {
			serve, count := hubHandler(b, Options{})
			return func(w http.ResponseWriter, r *http.Request) { serve(flusher{w, w.(http.Flusher)}, r) }, count
		}},
		{"poll", pollRequest, func(b *testing.B) (http.HandlerFunc, func() int) { return hubHandler(b, Options{}) }},
	} {
		b.Run(c.name, func(b *testing.B) {
			serve, count := c.serve(b)
			srv := httptest.NewServer(serve)
			defer srv.Close()
			var cpu, wall time.Duration
			var memory float64
			for b.Loop() {
				before := inUse()
				ends := make([]net.Conn, 0, readers)
				start, cpuStart := time.Now(), cpuTime(b)
				for range readers {
					ends = append(ends, shake(b, srv.Listener.Addr().String(), c.ask))
				}
				wall += time.Since(start)
				cpu += cpuTime(b) - cpuStart
				b.StopTimer()
				for count() < readers { // a poll is not answered before there is something
					runtime.Gosched()
				}
				memory += float64(inUse() - before)
				for _, c := range ends {
					_ = c.Close()
				}
				for count() > 0 {
					runtime.Gosched()
				}
				b.StartTimer()
			}
			each := float64(b.N * readers)
			b.ReportMetric(each/wall.Seconds(), "handshakes/s")
			b.ReportMetric(float64(cpu.Microseconds())/each, "cpu-µs/handshake")
			b.ReportMetric(memory/each, "B/reader")
		})
	}
}

// BenchmarkEncode is what an entry costs once, however many readers it has.
func BenchmarkEncode(b *testing.B) {
	for _, pack := range []bool{false, true} {
		b.Run(map[bool]string{false: "plain", true: "compressed"}[pack], func(b *testing.B) {
			e := news.Entry{Offset: 1, First: 1, Kind: news.Posted, Item: newsItem(b)}
			cursor := news.Cursor{Epoch: news.NewEpoch(), Offset: 1}
			var p packer
			var m *message
			for b.Loop() {
				var err error
				if m, err = newEntry(e, cursor); err != nil {
					b.Fatal(err)
				}
				if pack {
					p.pack(&m.encoded)
				}
			}
			b.ReportMetric(float64(len(m.encoded[packed])), "B")
		})
	}
}

// inUse is the memory of heap and stacks after everything dead is gone. Our
// own end of each connection is in it: some 500 bytes.
func inUse() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc + m.StackInuse
}

// flusher is a ResponseWriter whose connection is not to be had.
type flusher struct {
	http.ResponseWriter
	http.Flusher
}

const pollRequest = "GET /poll HTTP/1.1\r\nHost: x\r\n\r\n"

// shake connects and asks to be a reader, with as little of its own as can be.
// A poll waits from then on; the others have been answered.
func shake(b *testing.B, addr, ask string) net.Conn {
	b.Helper()
	c, err := net.Dial("tcp", addr)
	if err == nil {
		_, err = io.WriteString(c, ask)
	}
	if err != nil {
		b.Fatal(err)
	}
	if ask == pollRequest {
		return c
	}
	var answer [1024]byte
	if n, err := c.Read(answer[:]); err != nil || n < 12 || string(answer[:12]) != "HTTP/1.1 101" && string(answer[:12]) != "HTTP/1.1 200" {
		b.Fatalf("%q, %v", answer[:n], err)
	}
	return c
}

func hubHandler(b *testing.B, o Options) (http.HandlerFunc, func() int) {
	b.Helper()
	h := runHub(b, o, newstest.New())
	return func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/poll" {
			servePoll(b, h, w, r)
		} else if err := join(h, w, r); err != nil {
			b.Error(err)
		}
	}, func() int { return int(h.tally.now()) }
}

// runHub runs a hub that follows l.
func runHub(b *testing.B, o Options, l Source) *Hub {
	b.Helper()
	o.DrainWindow = -1
	h, err := New(l, o)
	if err != nil {
		b.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- h.Run(ctx) }()
	<-h.Ready()
	b.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			b.Error(err)
		}
	})
	return h
}

// BenchmarkPolls is a delivery to readers who poll, each over a connection that
// it keeps: all of the request, the least of a client's part in it included.
func BenchmarkPolls(b *testing.B) {
	const readers = 1000
	l := newstest.New()
	h := runHub(b, Options{}, l)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { servePoll(b, h, w, r) }))
	defer srv.Close()
	var ends []net.Conn
	for range readers {
		c, err := net.Dial("tcp", srv.Listener.Addr().String())
		if err != nil {
			b.Fatal(err)
		}
		defer func() { _ = c.Close() }()
		ends = append(ends, c)
	}
	buf := make([]byte, 4<<10)
	cursor, start := l.Post("the first").Cursor, cpuTime(b)
	for b.Loop() {
		request := "GET /poll?cursor=" + cursor.String() + " HTTP/1.1\r\nHost: x\r\n\r\n"
		for _, c := range ends {
			if _, err := io.WriteString(c, request); err != nil {
				b.Fatal(err)
			}
		}
		for h.tally.now() < readers {
			runtime.Gosched()
		}
		cursor = l.Post("Officials confirm that something of note has happened just now", "world").Cursor
		for _, c := range ends {
			if n, err := c.Read(buf); err != nil || n < 12 || string(buf[:12]) != "HTTP/1.1 200" {
				b.Fatalf("%q, %v", buf[:n], err)
			}
		}
	}
	b.ReportMetric(float64((cpuTime(b)-start).Nanoseconds())/float64(b.N*readers), "cpu-ns/delivery")
}

func servePoll(b *testing.B, h *Hub, w http.ResponseWriter, r *http.Request) {
	cursor, err := news.ParseCursor(r.URL.Query().Get("cursor"))
	if err != nil {
		b.Error(err)
		return
	}
	page, err := h.Poll(r.Context(), Join{Cursor: cursor}, time.Hour)
	if err == nil {
		err = json.NewEncoder(w).Encode(page)
	}
	if err != nil && r.Context().Err() == nil {
		b.Error(err)
	}
}

func plainHandler(b *testing.B) (http.HandlerFunc, func() int) {
	var readers atomic.Int64
	return func(w http.ResponseWriter, r *http.Request) {
		readers.Add(1)
		defer readers.Add(-1)
		c, err := websocket.Accept(w, r, nil)
		if err == nil {
			err = c.Write(r.Context(), websocket.MessageText, []byte("hello"))
		}
		if err != nil {
			b.Error(err)
			return
		}
		<-c.CloseRead(context.Background()).Done()
	}, func() int { return int(readers.Load()) }
}

// BenchmarkPing is what a client's ping costs: coder/websocket's end is made
// anew for it, see conn.
func BenchmarkPing(b *testing.B) {
	h, err := New(nil, Options{Shards: 1})
	if err != nil {
		b.Fatal(err)
	}
	w := &written{}
	w.init(h, w, frames, nil)
	ping := []byte(masked(0x89, "hello"))
	for b.Loop() {
		w.feed(ping)
		if len(w.b) != 7 {
			b.Fatalf("answered % x", w.b)
		}
		w.b, w.heard = w.b[:0], 0
	}
}
