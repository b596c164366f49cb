package hub_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"crier/hub"
	"crier/news"
	"crier/news/newstest"
)

// eventStream reads server-sent events as a browser does.
type eventStream struct {
	resp   *http.Response
	r      *bufio.Reader
	close  func()
	lastID string
	raw    string // the last event
}

func (n *node) tryStream(j hub.Join, lastID string) (*eventStream, error) {
	ctx, cancel := context.WithTimeout(context.Background(), soon)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, n.address(j), nil)
	if err != nil {
		cancel()
		return nil, err
	}
	req.Header.Set("Accept", "text/event-stream")
	if lastID != "" {
		req.Header.Set("Last-Event-ID", lastID)
	}
	resp, err := n.srv.Client().Do(req)
	if err != nil {
		cancel()
		return nil, err
	}
	return &eventStream{resp: resp, r: bufio.NewReader(resp.Body), close: func() { cancel(); _ = resp.Body.Close() }}, nil
}

// read returns the next event's message.
func (s *eventStream) read() (m live, err error) {
	s.raw = ""
	data := ""
	for {
		line, err := s.r.ReadString('\n')
		if err != nil {
			return m, err
		}
		s.raw += line
		line = strings.TrimSuffix(line, "\n")
		field, value, _ := strings.Cut(line, ": ")
		switch {
		case line == "" && data != "":
			return m, json.Unmarshal([]byte(data), &m)
		case field == "id":
			s.lastID = value
		case field == "data":
			data += value
		case line == "", field == "", field == "retry":
		default:
			return m, fmt.Errorf("an unknown field in %q", line)
		}
	}
}

func (s *eventStream) expect(t testing.TB, want ...string) {
	t.Helper()
	for _, w := range want {
		m, err := s.read()
		for err == nil && m.Type == "beat" && !strings.HasPrefix(w, "beat") {
			m, err = s.read()
		}
		if err != nil || m.String() != w {
			t.Fatalf("got %q, %v; want %q", m, err, w)
		}
		if m.Cursor.String() != s.lastID && m.Type != "drain" {
			t.Fatalf("%s has the id %s and the cursor %s", m, s.lastID, m.Cursor)
		}
	}
}

// onEveryStream is onEveryWay for event streams: over HTTP/2 the connection
// stays net/http's.
func onEveryStream(t *testing.T, test func(t *testing.T, w way)) {
	onEveryWay(t, test)
	t.Run("http2", func(t *testing.T) {
		t.Parallel()
		test(t, way{http2: true})
	})
}

func TestEventStream(t *testing.T) { onEveryStream(t, testEventStream) }

func testEventStream(t *testing.T, w way) {
	n := serve(t, nil, w, hub.Options{Beat: 64 * time.Millisecond, DrainWindow: 64 * time.Millisecond})
	s := n.openStream(t, hub.Join{Topics: []string{"world"}})
	defer s.close()
	for name, want := range map[string]string{"Content-Type": "text/event-stream", "Cache-Control": "no-cache, no-transform", "X-Accel-Buffering": "no"} {
		if got := s.resp.Header.Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if (s.resp.ProtoMajor == 2) != w.http2 {
		t.Errorf("the stream came over %s", s.resp.Proto)
	}
	s.expect(t, "hello 0", "beat 0")
	if !strings.HasPrefix(s.raw, ": beat\n") {
		t.Errorf("a beat is %q, want a comment in it", s.raw)
	}
	n.log.Post("a\nb\u2028c"[:1], "world")
	n.log.Post("not wanted", "sport")
	n.log.Post("two", "world")
	s.expect(t, "entry 1 posted a", "entry 3 posted two")
	last := s.lastID
	n.log.Post("three", "world")
	s.expect(t, "entry 4 posted three")

	// A browser comes back with the id of the last event it has seen.
	again, err := n.tryStream(hub.Join{Topics: []string{"world"}, Cursor: at(t, n.log, 1)}, last)
	if err != nil {
		t.Fatal(err)
	}
	defer again.close()
	again.expect(t, "hello 3", "entry 4 posted three")
	lost, err := n.tryStream(hub.Join{}, "elsewhere.7")
	if err != nil {
		t.Fatal(err)
	}
	defer lost.close()
	lost.expect(t, "hello 7", "reset 4: three two not wanted a")
	lost.close()
	until(t, "the reader who left to be gone", func() bool { return n.hub.Stats().EventStreams == 2 })

	n.stop()
	s.expect(t, "drain 0")
	for _, s := range []*eventStream{s, again} {
		for {
			if _, err := s.read(); err != nil {
				break
			}
		}
	}
}

// TestStalledStream: who opens a stream and does not read is dropped, and
// nobody waits for it.
func TestStalledStream(t *testing.T) { onEveryStream(t, testStalledStream) }

func testStalledStream(t *testing.T, w way) {
	n := serve(t, nil, w, hub.Options{DrainWindow: -1})
	stalled := n.openStream(t, hub.Join{})
	defer stalled.close()
	reads := n.openStream(t, hub.Join{})
	defer reads.close()
	reads.expect(t, "hello 0")
	text := strings.Repeat("lorem ipsum ", 80)
	posted := 0
	for ; n.hub.Stats().Closed[hub.Slow] == 0 && posted < 40_000; posted++ {
		postLong(t, n.log, text)
		reads.expect(t, fmt.Sprintf("entry %d posted long", posted+1))
	}
	// Its connection takes what it has room for, then the stream ends.
	got := uint64(0)
	for {
		m, err := stalled.read()
		if err != nil {
			break
		}
		if m.Type == "entry" {
			if got++; m.Entry.Offset != got {
				t.Fatalf("got %s after %d", m, got-1)
			}
		}
	}
	if got == 0 || got >= uint64(posted) {
		t.Errorf("the stalled reader got %d of %d", got, posted)
	}
}

// TestStreamHead holds the answer to what HTTP/1 says of one that ends with its
// connection, byte for byte, and its first event comes with it.
func TestStreamHead(t *testing.T) {
	onEveryWay(t, func(t *testing.T, w way) {
		n := serve(t, nil, w, hub.Options{DrainWindow: -1})
		for _, version := range []string{"1.0", "1.1"} {
			conn := n.rawStream(t, "GET / HTTP/"+version+"\r\nHost: x\r\nAccept: text/event-stream\r\n\r\n")
			b := make([]byte, 4096)
			got, err := conn.Read(b)
			if err != nil {
				t.Fatal(err)
			}
			head, body, _ := strings.Cut(string(b[:got]), "\r\n\r\n")
			lines := strings.Split(head, "\r\n")
			slices.Sort(lines[1:])
			for i, line := range lines {
				if strings.HasPrefix(line, "Date: ") {
					if _, err := http.ParseTime(line[6:]); err != nil {
						t.Error(err)
					}
					lines[i] = "Date"
				}
			}
			want := "HTTP/1.1 200 OK|Cache-Control: no-cache, no-transform|Connection: close|Content-Type: text/event-stream|Date|X-Accel-Buffering: no"
			if got := strings.Join(lines, "|"); got != want {
				t.Errorf("HTTP/%s is answered\n%s\nwant\n%s", version, got, want)
			}
			if !strings.HasPrefix(body, "retry: ") || !strings.Contains(body, "\nid: ") || !strings.HasSuffix(body, "}\n\n") || !strings.Contains(body, `data: {"type":"hello"`) {
				t.Errorf("the first event is %q", body)
			}
		}
	})
}

// TestStreamClientsSend: what the client of an event stream sends is not
// listened to, but bounded; that it closes is noticed.
func TestStreamClientsSend(t *testing.T) {
	request := "GET / HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n\r\n"
	for _, c := range []struct {
		name, sent string
		end        func(net.Conn) error
		cause      hub.Cause
		ends       bool
	}{
		{name: "nothing"},
		{name: "another request", sent: request},
		{name: "what is not HTTP", sent: strings.Repeat("\x81\x80", 1000)},
		{name: "too much", sent: strings.Repeat("x", 20<<10), ends: true, cause: hub.Policy},
		{name: "an end", end: func(c net.Conn) error { return c.(interface{ CloseWrite() error }).CloseWrite() }, ends: true, cause: hub.Left},
		{name: "a reset", end: reset, ends: true, cause: hub.Left},
	} {
		t.Run(c.name, func(t *testing.T) {
			onEveryWay(t, func(t *testing.T, w way) {
				n := serve(t, nil, w, hub.Options{DrainWindow: -1})
				conn := n.rawStream(t, request)
				s := &eventStream{r: bufio.NewReader(conn)}
				if _, err := http.ReadResponse(s.r, nil); err != nil {
					t.Fatal(err)
				}
				s.expect(t, "hello 0")
				_, _ = io.WriteString(conn, c.sent) // it may be ended before it has all
				if c.end != nil {
					if err := c.end(conn); err != nil {
						t.Fatal(err)
					}
				}
				if c.ends {
					until(t, "the reader to be gone", func() bool { return n.hub.Stats().Closed[c.cause] == 1 && n.hub.Stats().EventStreams == 0 })
					return
				}
				n.log.Post("news goes on")
				s.expect(t, "entry 1 posted news goes on")
				if n := n.hub.Stats().EventStreams; n != 1 {
					t.Errorf("there are %d readers", n)
				}
			})
		})
	}
}

// reset closes c without a word, and without having read what is there.
func reset(c net.Conn) error {
	if over, ok := c.(interface{ NetConn() net.Conn }); ok {
		c = over.NetConn()
	}
	return errors.Join(c.(*net.TCPConn).SetLinger(0), c.Close())
}

// rawStream opens a connection and sends request.
func (n *node) rawStream(t testing.TB, request string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", n.srv.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if n.srv.TLS != nil {
		c = tlsClient(c)
	}
	t.Cleanup(func() { _ = c.Close() })
	if err := c.SetReadDeadline(time.Now().Add(soon)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(c, request); err != nil {
		t.Fatal(err)
	}
	return c
}

// postLong posts an item with a long summary.
func postLong(t testing.TB, l *newstest.Log, summary string) {
	t.Helper()
	d, err := news.Post{Headline: "long", Summary: summary}.Draft(news.NewID(), "k", time.Now())
	if err == nil {
		_, err = l.Append(context.Background(), news.Key{}, d)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestComeBackApart: browsers, which come back by themselves, are told to wait
// for times of their own.
func TestComeBackApart(t *testing.T) {
	onEveryStream(t, func(t *testing.T, w way) {
		n := serve(t, nil, w, hub.Options{DrainWindow: -1})
		waits := map[int]bool{}
		for range 12 {
			s := n.openStream(t, hub.Join{})
			defer s.close()
			s.expect(t, "hello 0")
			var wait int
			if _, err := fmt.Sscanf(s.raw, "retry: %d\nid: ", &wait); err != nil || wait < 1000 || wait >= 6000 {
				t.Fatalf("the first event is %q: %v", s.raw, err)
			}
			waits[wait] = true
		}
		if len(waits) < 6 {
			t.Errorf("12 browsers come back after %v ms", waits)
		}
		s := n.openStream(t, hub.Join{})
		defer s.close()
		s.expect(t, "hello 0")
		n.log.Post("one")
		if s.expect(t, "entry 1 posted one"); strings.Contains(s.raw, "retry") {
			t.Errorf("an entry says %q", s.raw)
		}
	})
}
