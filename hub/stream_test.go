package hub_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
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
		case line == "", field == "":
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

func TestEventStream(t *testing.T) {
	n := serve(t, nil, way{}, hub.Options{Beat: 64 * time.Millisecond, DrainWindow: 64 * time.Millisecond})
	s := n.openStream(t, hub.Join{Topics: []string{"world"}})
	defer s.close()
	for name, want := range map[string]string{"Content-Type": "text/event-stream", "Cache-Control": "no-cache, no-transform", "X-Accel-Buffering": "no"} {
		if got := s.resp.Header.Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
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
func TestStalledStream(t *testing.T) {
	t.Parallel()
	n := serve(t, nil, way{}, hub.Options{DrainWindow: -1})
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
