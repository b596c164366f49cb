package hub

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"crier/news"
	"crier/news/newstest"
)

// TestDeadReaders: a client that stops reading for good, or whose network is
// gone, costs nothing after a while, whether or not it was too far behind.
func TestDeadReaders(t *testing.T) {
	for _, c := range []struct {
		name     string
		portable bool
		queue    int
		want     Cause
	}{
		{"parked, little waits", false, 1 << 30, Silent},
		{"parked, too much waits", false, 1, Slow},
		{"attended, little waits", true, 1 << 30, Silent},
		{"attended, too much waits", true, 1, Slow},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			l := newstest.New()
			h, err := New(l, Options{Portable: c.portable, QueueBytes: c.queue, SendBuffer: 4 << 10, DrainWindow: -1})
			if err != nil {
				t.Fatal(err)
			}
			h.patience = 300 * time.Millisecond
			ctx, stop := context.WithCancel(context.Background())
			done := make(chan error, 1)
			go func() { done <- h.Run(ctx) }()
			<-h.Ready()
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if err := h.WebSocket(w, r, Join{}); err != nil {
					t.Error(err)
				}
			}))
			defer srv.Close()
			end, err := net.Dial("tcp", srv.Listener.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = end.Close() }()
			if err := end.(*net.TCPConn).SetReadBuffer(4 << 10); err != nil {
				t.Fatal(err)
			}
			if _, err := io.WriteString(end, upgrade); err != nil {
				t.Fatal(err)
			}
			if _, err := http.ReadResponse(bufio.NewReader(end), nil); err != nil {
				t.Fatal(err)
			}
			// Now it reads nothing any more.
			text := strings.Repeat("lorem ipsum ", 80)
			over := time.After(20 * time.Second)
			for posted := 0; h.Stats().WebSockets > 0; {
				if posted < 200 {
					posted++
					d, err := news.Post{Headline: "long", Summary: text}.Draft(news.NewID(), "k", time.Now())
					if err == nil {
						_, err = l.Append(ctx, news.Key{}, d)
					}
					if err != nil {
						t.Fatal(err)
					}
				}
				select {
				case <-over:
					t.Fatal("the reader is still there")
				case <-time.After(time.Millisecond):
				}
			}
			if s := h.Stats(); s.Closed[c.want] != 1 {
				t.Errorf("closed %v, want one %s", s.Closed, c.want)
			}
			stop()
			if err := <-done; err != nil {
				t.Error(err)
			}
		})
	}
}
