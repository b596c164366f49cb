package hub

import (
	"bufio"
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"crier/news/newstest"
)

// alone runs a hub until the test ends, whose server lets one connection park,
// and connects to it. Over TLS the handshake is still to be made.
func alone(t *testing.T, l *newstest.Log, o Options, secure bool) (*Hub, net.Conn) {
	t.Helper()
	h, err := New(l, o)
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := join(h, w, r); err != nil {
			t.Error(err)
		}
	}))
	if secure {
		srv.Listener = Parkable(srv.Listener)
		srv.StartTLS()
	} else {
		srv.Start()
	}
	t.Cleanup(srv.Close)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- h.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	<-h.Ready()
	c, err := net.Dial("tcp", srv.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() }) // the hub may have done so
	if err := c.SetDeadline(time.Now().Add(2 * time.Minute)); err != nil {
		t.Fatal(err)
	}
	return h, c
}

// crumbs sends what is written in pieces of a few bytes, each in a packet of
// its own.
type crumbs struct{ net.Conn }

func (c crumbs) Write(b []byte) (n int, err error) {
	for n < len(b) && err == nil {
		var m int
		m, err = c.Conn.Write(b[n:min(n+7, len(b))])
		n += m
	}
	return n, err
}

// TestSealedInPieces: a reader over TLS is parked, and what its client sends is
// understood wherever records and frames are cut. That crypto/tls goes on with
// a record after a read that found only its beginning is what package tls does
// not promise, and sealed rests on.
func TestSealedInPieces(t *testing.T) {
	for name, most := range map[string]uint16{"TLS 1.3": tls.VersionTLS13, "TLS 1.2": tls.VersionTLS12} {
		t.Run(name, func(t *testing.T) {
			l := newstest.New()
			h, raw := alone(t, l, Options{Shards: 1, DrainWindow: -1}, true)
			c := tls.Client(crumbs{raw}, &tls.Config{InsecureSkipVerify: true, MaxVersion: most})
			ping := "\x89\x84\x00\x00\x00\x00news"
			if _, err := io.WriteString(c, upgrade+ping); err != nil {
				t.Fatal(err)
			}
			r := bufio.NewReader(c)
			if _, err := http.ReadResponse(r, nil); err != nil {
				t.Fatal(err)
			}
			for i := range 20 {
				if i == 5 && !h.shards[0].poller.hasSealed() {
					t.Fatal("the reader is not parked")
				}
				if err := await(r, "\x8a\x04news"); err != nil {
					t.Fatalf("pong %d: %v", i, err)
				}
				l.Post("between two pings")
				if err := await(r, "between two pings"); err != nil {
					t.Fatalf("entry %d: %v", i, err)
				}
				for _, piece := range []string{ping[:3], ping[3:]} { // a frame in two records
					if _, err := io.WriteString(c, piece); err != nil {
						t.Fatal(err)
					}
				}
			}
		})
	}
}

// hasSealed reports whether one of the poller's clients is sealed.
func (p *poller) hasSealed() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.clients {
		if _, ok := c.wire.(*sealed); ok {
			return true
		}
	}
	return false
}

// await reads until text has come.
func await(r *bufio.Reader, text string) error {
	var got strings.Builder
	for !strings.HasSuffix(got.String(), text) {
		b, err := r.ReadByte()
		if err != nil {
			return err
		}
		got.WriteByte(b)
	}
	return nil
}
