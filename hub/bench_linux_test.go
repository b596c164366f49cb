package hub

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"testing"
	"time"

	"github.com/coder/websocket"

	"crier/news/newstest"
)

// BenchmarkReaders lets readers in and keeps them: what a handshake and an idle
// reader cost. "plain" is the usual way of coder/websocket, without a hub.
func BenchmarkReaders(b *testing.B) {
	const readers = 2000
	for _, c := range []struct {
		name  string
		serve func(b *testing.B) http.HandlerFunc
	}{
		{"parked", func(b *testing.B) http.HandlerFunc { return hubHandler(b, Options{}) }},
		{"attended", func(b *testing.B) http.HandlerFunc { return hubHandler(b, Options{Portable: true}) }},
		{"plain", plainHandler},
	} {
		b.Run(c.name, func(b *testing.B) {
			srv := httptest.NewServer(c.serve(b))
			defer srv.Close()
			var cpu, wall time.Duration
			var memory float64
			for b.Loop() {
				before := inUse()
				ends := make([]net.Conn, 0, readers)
				start, cpuStart := time.Now(), cpuTime(b)
				for range readers {
					ends = append(ends, shake(b, srv.Listener.Addr().String()))
				}
				wall += time.Since(start)
				cpu += cpuTime(b) - cpuStart
				b.StopTimer()
				memory += float64(inUse() - before)
				for _, c := range ends {
					_ = c.Close()
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

// inUse is the memory of heap and stacks after everything dead is gone. Our
// own end of each connection is in it: some 500 bytes.
func inUse() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc + m.StackInuse
}

// shake connects and does the handshake, with as little of its own as can be.
func shake(b *testing.B, addr string) net.Conn {
	b.Helper()
	c, err := net.Dial("tcp", addr)
	if err == nil {
		_, err = io.WriteString(c, upgrade)
	}
	if err != nil {
		b.Fatal(err)
	}
	var answer [1024]byte
	if n, err := c.Read(answer[:]); err != nil || n < 12 || string(answer[:12]) != "HTTP/1.1 101" {
		b.Fatalf("%q, %v", answer[:n], err)
	}
	return c
}

func hubHandler(b *testing.B, o Options) http.HandlerFunc {
	o.DrainWindow = -1
	h, err := New(newstest.New(), o)
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
	return func(w http.ResponseWriter, r *http.Request) {
		if err := h.WebSocket(w, r, Join{}); err != nil {
			b.Error(err)
		}
	}
}

func plainHandler(b *testing.B) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		c, err := websocket.Accept(w, r, nil)
		if err == nil {
			err = c.Write(r.Context(), websocket.MessageText, []byte("hello"))
		}
		if err != nil {
			b.Error(err)
			return
		}
		<-c.CloseRead(context.Background()).Done()
	}
}
