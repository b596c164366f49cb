package hub_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"crier/hub"
	"crier/news"
	"crier/news/newstest"
)

// soon is how long a test waits for what should come at once.
const soon = 20 * time.Second

// node is a hub that follows a log in memory and is served over loopback.
type node struct {
	log  *newstest.Log
	hub  *hub.Hub
	srv  *httptest.Server
	stop func()       // ends Run's context
	done <-chan error // what Run returned
}

// way is how a reader's socket is kept.
type way struct {
	name     string
	portable bool
	tls      bool
	parkable bool // TLS that can be parked
	http2    bool
}

// ways are all there are: on Linux the first and the last are parked, the others attended.
// Every test of sockets runs on each.
func ways() []way {
	return []way{{name: "parked"}, {name: "attended", portable: true}, {name: "tls", tls: true}, {name: "sealed", tls: true, parkable: true}}
}

func onEveryWay(t *testing.T, test func(t *testing.T, w way)) {
	for _, w := range ways() {
		t.Run(w.name, func(t *testing.T) {
			t.Parallel()
			test(t, w)
		})
	}
}

// serve starts a node on a log, an empty one if nil, and waits until it is
// ready.
func serve(t *testing.T, log *newstest.Log, w way, o hub.Options) *node {
	t.Helper()
	if log == nil {
		log = newstest.New()
	}
	return serveSource(t, log, log, w, o)
}

// serveSource is serve on a log that comes to the hub by way of src.
func serveSource(t *testing.T, src hub.Source, log *newstest.Log, w way, o hub.Options) *node {
	t.Helper()
	o.Portable = w.portable
	h, err := hub.New(src, o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- h.Run(ctx) }()
	n := &node{log: log, hub: h, stop: stop, done: done}
	n.srv = httptest.NewUnstartedServer(http.HandlerFunc(n.serve))
	n.srv.Listener = h.Listener(n.srv.Listener)
	if w.parkable {
		n.srv.Listener = hub.Parkable(n.srv.Listener)
	}
	if n.srv.EnableHTTP2 = w.http2; w.tls || w.http2 {
		n.srv.StartTLS()
	} else {
		n.srv.Start()
	}
	t.Cleanup(func() {
		stop()
		select {
		case err := <-done:
			if err != nil {
				t.Errorf("Run: %v", err)
			}
		case <-time.After(soon):
			t.Error("Run did not return")
		}
		n.srv.Close()
	})
	if o.DrainWindow == 0 {
		t.Fatal("a test should say how long it drains")
	}
	select {
	case <-h.Ready():
	case <-time.After(soon):
		t.Fatal("the hub is not ready")
	}
	return n
}

// serve is the part of package api that the hub needs.
func (n *node) serve(w http.ResponseWriter, r *http.Request) {
	text := r.URL.Query().Get("cursor")
	stream := r.Header.Get("Accept") == "text/event-stream"
	if last := r.Header.Get("Last-Event-ID"); stream && last != "" {
		text = last
	}
	cursor, err := news.ParseCursor(text)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	topics, err := news.ParseTopics(r.URL.Query().Get("topics"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	j := hub.Join{Cursor: cursor, Topics: topics, Desk: r.URL.Query().Has("desk")}
	if from := r.URL.Query().Get("from"); from != "" {
		j.Address = netip.MustParseAddr(from)
	}
	if stream {
		err = n.hub.EventStream(w, r, j)
	} else {
		err = n.hub.WebSocket(w, r, j)
	}
	var bad *hub.HandshakeError
	switch {
	case errors.As(err, &bad):
		http.Error(w, bad.Detail, bad.Status)
	case err != nil:
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
	}
}

func (n *node) address(j hub.Join) string {
	q := url.Values{"cursor": {j.Cursor.String()}, "topics": {strings.Join(j.Topics, ",")}}
	if j.Address.IsValid() {
		q.Set("from", j.Address.String())
	}
	if j.Desk {
		q.Set("desk", "")
	}
	return n.srv.URL + "/?" + q.Encode()
}

// live is a message as a client sees it.
type live struct {
	Type     string
	Cursor   news.Cursor
	BeatMS   int64 `json:"beat_ms"`
	WithinMS int64 `json:"within_ms"`
	Stale    bool
	Entry    *news.Entry
	Front    []news.Entry
}

func (m live) String() string {
	switch m.Type {
	case "entry":
		return fmt.Sprintf("entry %d %s %s", m.Entry.Offset, m.Entry.Kind, m.Entry.Item.Headline)
	case "reset":
		s := fmt.Sprintf("reset %d:", m.Cursor.Offset)
		for _, e := range m.Front {
			s += " " + e.Item.Headline
		}
		return s
	}
	if m.Stale {
		return fmt.Sprintf("stale %s %d", m.Type, m.Cursor.Offset)
	}
	return fmt.Sprintf("%s %d", m.Type, m.Cursor.Offset)
}

// client is a reader at the other end of a WebSocket.
type client struct {
	t  testing.TB
	ws *websocket.Conn
}

func (n *node) dial(t testing.TB, j hub.Join) *client {
	t.Helper()
	c, err := n.tryDial(j)
	if err != nil {
		t.Fatal(err)
	}
	c.t = t
	t.Cleanup(c.leave)
	return c
}

// tryDial is dial for goroutines, which must not end the test. About every
// second client agrees to compression.
func (n *node) tryDial(j hub.Join) (*client, error) {
	return n.tryDialWith(j, websocket.CompressionMode(rand.IntN(2)*int(websocket.CompressionNoContextTakeover)))
}

func (n *node) tryDialWith(j hub.Join, mode websocket.CompressionMode) (*client, error) {
	ctx, cancel := context.WithTimeout(context.Background(), soon)
	defer cancel()
	ws, _, err := websocket.Dial(ctx, n.address(j), &websocket.DialOptions{HTTPClient: n.srv.Client(), CompressionMode: mode})
	if err != nil {
		return nil, err
	}
	ws.SetReadLimit(1 << 20)
	return &client{ws: ws}, nil
}

// leave goes without a word.
func (c *client) leave() { _ = c.ws.CloseNow() }

// read returns the next message, or the error that ended the connection.
func (c *client) read() (m live, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), soon)
	defer cancel()
	_, b, err := c.ws.Read(ctx)
	if err == nil {
		err = json.Unmarshal(b, &m)
	}
	return m, err
}

// readNews returns the next message that is not a beat.
func (c *client) readNews() (m live, err error) {
	for m.Type == "" || m.Type == "beat" && err == nil {
		if m, err = c.read(); err != nil {
			break
		}
	}
	return m, err
}

// expect reads the messages that want names, beats between them left out.
func (c *client) expect(want ...string) (last live) {
	c.t.Helper()
	for _, w := range want {
		m, err := c.read()
		for err == nil && m.Type == "beat" && !strings.HasPrefix(w, "beat") {
			m, err = c.read()
		}
		if err != nil {
			c.t.Fatalf("waiting for %q: %v", w, err)
		}
		if m.String() != w {
			c.t.Fatalf("got %q, want %q", m, w)
		}
		last = m
	}
	return last
}

// expectClose reads until the connection ends, which must be with code.
func (c *client) expectClose(code websocket.StatusCode) {
	c.t.Helper()
	for {
		if _, err := c.read(); err != nil {
			if got := websocket.CloseStatus(err); got != code {
				c.t.Errorf("closed with %d (%v), want %d", got, err, code)
			}
			return
		}
	}
}

// rawDial opens a connection, does the handshake by hand and returns what
// follows it.
func (n *node) rawDial(t testing.TB, j hub.Join) (net.Conn, *bufio.Reader) {
	t.Helper()
	c, r, _ := n.rawDialOffering(t, j, "")
	return c, r
}

// rawDialOffering is rawDial with an offer of extensions. It returns what the
// answer accepts.
func (n *node) rawDialOffering(t testing.TB, j hub.Join, offer string) (net.Conn, *bufio.Reader, string) {
	t.Helper()
	c, err := net.Dial("tcp", n.srv.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if n.srv.TLS != nil {
		c = tlsClient(c)
	}
	t.Cleanup(func() { _ = c.Close() })
	req, err := http.NewRequest(http.MethodGet, n.address(j), nil)
	if err != nil {
		t.Fatal(err)
	}
	for k, v := range map[string]string{"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="} {
		req.Header.Set(k, v)
	}
	if offer != "" {
		req.Header.Set("Sec-WebSocket-Extensions", offer)
	}
	if err := req.Write(c); err != nil {
		t.Fatal(err)
	}
	if err := c.SetReadDeadline(time.Now().Add(soon)); err != nil {
		t.Fatal(err)
	}
	br := bufio.NewReader(c)
	resp, err := http.ReadResponse(br, req)
	if err != nil || resp.StatusCode != http.StatusSwitchingProtocols || resp.Header.Get("Sec-WebSocket-Accept") != "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" {
		t.Fatalf("handshake: %v, %v", resp, err)
	}
	return c, br, resp.Header.Get("Sec-WebSocket-Extensions")
}

// until waits until ok, which Stats or the like makes true soon.
func until(t testing.TB, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	over := time.After(soon)
	for !ok() {
		select {
		case <-tick.C:
		case <-over:
			t.Fatalf("not in time: %s", what)
		}
	}
}

// at is the cursor of offset in l's epoch.
func at(t testing.TB, l *newstest.Log, offset uint64) news.Cursor {
	t.Helper()
	c, err := l.Head(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	c.Offset = offset
	return c
}

// newBroken is a log with one entry that cannot be read until Break(nil).
func newBroken(t testing.TB) *newstest.Log {
	t.Helper()
	l := newstest.New()
	l.Post("one")
	l.Break(errors.New("disk on fire"))
	return l
}
