package hub

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"crier/news/newstest"
)

const upgrade = "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"

// TestDescriptorsAreUsedAgain: readers leave in every way while broadcasts and
// pongs are on their way to them, and the numbers of their descriptors go to
// other connections at once. None of these ever sees a byte.
func TestDescriptorsAreUsedAgain(t *testing.T) {
	l := newstest.New()
	h, err := New(l, Options{Shards: 2, DrainWindow: -1})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	var all sync.WaitGroup
	all.Go(func() {
		if err := h.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	<-h.Ready()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := join(h, w, r); err != nil {
			t.Error(err)
		}
	}))
	defer srv.Close()
	others, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}

	over := make(chan struct{})
	all.Go(func() { // something to send, all the time
		for {
			select {
			case <-over:
				return
			default:
				l.Post("for readers only")
			}
		}
	})
	// Numbers that parked readers have had, and how often another connection
	// got one of them.
	var mu sync.Mutex
	had, again := map[int]bool{}, 0
	all.Go(func() { // connections that are not readers, with numbers just given back
		for {
			c, err := others.Accept()
			if err != nil {
				return
			}
			if fd := descriptor(t, c); fd >= 0 {
				mu.Lock()
				if had[fd] {
					again++
				}
				mu.Unlock()
			}
			all.Go(func() {
				defer func() { _ = c.Close() }()
				_, _ = io.Copy(io.Discard, c) // until the other end closes; nothing is written here
			})
		}
	})
	ping := append([]byte{0x89, 0x80 | 100, 0, 0, 0, 0}, bytes.Repeat([]byte{'p'}, 100)...)
	var comers sync.WaitGroup
	for worker := range 4 {
		comers.Go(func() {
			for i := range 150 {
				c, err := net.Dial("tcp", srv.Listener.Addr().String())
				if err != nil {
					t.Error(err)
					return
				}
				_, _ = io.WriteString(c, []string{upgrade, streamRequest}[i%2])
				r := bufio.NewReader(c)
				if _, err := http.ReadResponse(r, nil); err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				for _, s := range h.shards {
					for _, fd := range s.poller.descriptors() {
						had[fd] = true
					}
				}
				mu.Unlock()
				_, _ = c.Write(bytes.Repeat(ping, 5))
				switch (i + worker) % 3 {
				case 0:
					_ = c.(*net.TCPConn).SetLinger(0) // a reset
				case 1:
					_, _ = c.Write([]byte{0x88, 0x80, 0, 0, 0, 0})
				}
				_ = c.Close()
				bystander, err := net.Dial("tcp", others.Addr().String())
				if err != nil {
					t.Error(err)
					return
				}
				comers.Go(func() {
					_ = bystander.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
					if b, err := io.ReadAll(bystander); len(b) > 0 {
						t.Errorf("a stranger got %q (%v)", b, err)
					}
					_ = bystander.Close()
				})
			}
		})
	}
	comers.Wait()
	close(over)
	_ = others.Close()
	stop()
	all.Wait()
	if again == 0 {
		t.Error("no number was used again: the test has shown nothing")
	}
	t.Logf("%d connections had a number that had been a reader's", again)
}

func descriptor(t *testing.T, c net.Conn) (fd int) {
	raw, err := c.(*net.TCPConn).SyscallConn()
	if err == nil {
		err = raw.Control(func(of uintptr) { fd = int(of) })
	}
	if err != nil {
		t.Error(err)
		return -1
	}
	return fd
}

func (p *poller) descriptors() (fds []int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.clients {
		fds = append(fds, c.fd)
	}
	return fds
}

// TestParkedFillsCacheLines: a parked reader begins where a cache line does,
// because the allocator has a size for so many of them. With 50,000 readers a
// delivery costs a fifth more where it does not.
func TestParkedFillsCacheLines(t *testing.T) {
	const line = 64
	if size := unsafe.Sizeof(parked{}); strconv.IntSize == 64 && size != 3*line {
		t.Errorf("a parked reader takes %d bytes, want %d", size, 3*line)
	}
}

// TestChurnLeavesNothing: thousands come and go, and the shards' lists, the
// poller and the door end up empty.
func TestChurnLeavesNothing(t *testing.T) {
	l := newstest.New()
	h, err := New(l, Options{Shards: 2, Beat: 32 * time.Millisecond, DrainWindow: -1})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- h.Run(ctx) }()
	<-h.Ready()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		j := Join{Topics: []string{fmt.Sprint("t", h.next.Load()%50)}, Address: netip.AddrFrom4([4]byte{192, 0, 2, byte(h.next.Load())})}
		serve := h.WebSocket
		if r.Header.Get("Accept") != "" {
			serve = h.EventStream
		}
		if err := serve(w, r, j); err != nil {
			t.Error(err)
		}
	}))
	defer srv.Close()
	var comers sync.WaitGroup
	for range 4 {
		comers.Go(func() {
			for i := range 250 {
				c, err := net.Dial("tcp", srv.Listener.Addr().String())
				if err != nil {
					t.Error(err)
					return
				}
				_, _ = io.WriteString(c, []string{upgrade, streamRequest}[i%2])
				if _, err := http.ReadResponse(bufio.NewReader(c), nil); err != nil {
					t.Error(err)
				}
				_ = c.Close()
			}
		})
	}
	comers.Wait()
	for tick := time.NewTicker(time.Millisecond); h.Audience().Readers > 0; <-tick.C {
	}
	stop()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if h.door.taken != 0 || len(h.door.homes) != 0 {
		t.Errorf("%d places are still taken, by %d addresses", h.door.taken, len(h.door.homes))
	}
	for _, s := range h.shards {
		s.keepHouse()
		s.sweep()
		left := len(s.everything.readers) + len(s.groups) + len(s.byTopic) + len(s.poller.clients) + len(s.newcomers) + int(s.owed.Load())
		for _, list := range s.phase {
			left += len(list)
		}
		if left != 0 {
			t.Errorf("the shard has kept %d", left)
		}
	}
	if a := h.Audience(); a.Readers != 0 || len(a.Topics) != 0 || len(h.audience.crowds) != 0 {
		t.Errorf("counted are %+v in %d crowds", a, len(h.audience.crowds))
	}
}

// TestClosedForGood: nothing that still has hold of a reader whose descriptor
// is closed does anything to the connection that has got its number.
func TestClosedForGood(t *testing.T) {
	g := newGallery(t, 1, frames)
	p := g.readers[0]
	fd := p.fd
	p.close(Left)
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	again, err := unix.FcntlInt(uintptr(pair[0]), unix.F_DUPFD_CLOEXEC, fd)
	if err != nil || again != fd {
		t.Fatalf("number %d is not to be had again: %d, %v", fd, again, err)
	}
	defer func() {
		for _, n := range append(pair[:], again) {
			_ = unix.Close(n)
		}
	}()
	p.push([]byte("push"))
	_, _ = (&conn{client: &p.client}).Write([]byte{0x8a, 0})
	_, _ = (&conn{client: &p.client}).Write([]byte{0x88, 0})
	p.end(Slow, []byte("end"))
	g.shard.dismiss(&p.reader)
	g.shard.deliver([]*message{item(t, 1)})
	g.shard.poller.expire(time.Now().Add(time.Hour))
	for _, end := range pair {
		if n, err := unix.Read(end, make([]byte, 10)); err != unix.EAGAIN {
			t.Errorf("a stranger got %d bytes, %v", n, err)
		}
	}
}

// lost is an http.ResponseWriter whose connection is lost between its being
// taken over and its being parked.
type lost struct {
	http.ResponseWriter
	t    *testing.T
	over bool
}

func (g *lost) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	nc, brw, err := g.ResponseWriter.(http.Hijacker).Hijack()
	if err == nil {
		g.over, err = true, nc.Close()
	}
	return nc, brw, err
}

func (g *lost) WriteHeader(status int) {
	if g.over {
		g.t.Errorf("an answer with status %d to a connection that is taken over", status)
	}
	g.ResponseWriter.WriteHeader(status)
}

// TestCutOff: a connection that cannot be parked, as when no descriptors are
// left, is closed, its place is given back, and nobody answers any more.
func TestCutOff(t *testing.T) {
	for name, request := range map[string]string{"WebSocket": upgrade, "event stream": streamRequest} {
		t.Run(name, func(t *testing.T) {
			var said bytes.Buffer
			h, err := New(newstest.New(), Options{Shards: 1, DrainWindow: -1, Logger: slog.New(slog.NewTextHandler(&said, nil))})
			if err != nil {
				t.Fatal(err)
			}
			ctx, stop := context.WithCancel(t.Context())
			done := make(chan error, 1)
			go func() { done <- h.Run(ctx) }()
			<-h.Ready()
			tried := make(chan error, 1)
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				tried <- join(h, &lost{ResponseWriter: w, t: t}, r)
			}))
			defer srv.Close()
			c, err := net.Dial("tcp", srv.Listener.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close() //nolint:errcheck // the test is over
			if _, err := io.WriteString(c, request); err != nil {
				t.Fatal(err)
			}
			if b, err := io.ReadAll(c); len(b) > 0 || err != nil {
				t.Errorf("the client got %q, %v", b, err)
			}
			if err := <-tried; err != nil {
				t.Errorf("the caller is to answer %v", err)
			}
			if n := h.inside(); n != 0 || h.Audience().Readers != 0 {
				t.Errorf("%d places are taken, %d readers counted", n, h.Audience().Readers)
			}
			stop()
			if err := <-done; err != nil {
				t.Error(err)
			}
			if !strings.Contains(said.String(), "could not be begun") {
				t.Errorf("the log says %q", said.String())
			}
		})
	}
}
