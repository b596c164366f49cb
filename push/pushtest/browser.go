package pushtest

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coder/websocket"
)

// browser is one that has connected. Fields are guarded by the service's lock.
type browser struct {
	uaid     string
	conn     *websocket.Conn // nil while it is away
	wake     chan struct{}   // the connection's: there is something to send
	messages []*message      // not acknowledged, oldest first
}

// message is a notification on its way to a browser.
type message struct {
	channel *channel
	token   string // of the channel's endpoint
	version string // its name
	topic   string // RFC 8030 section 5.4; "" for none
	expires time.Time
	data    []byte
	sent    bool // on the present connection
}

// frame is a message of autopush's WebSocket protocol, either way.
type frame struct {
	Type         string            `json:"messageType,omitempty"`
	UAID         string            `json:"uaid,omitempty"`
	WebPush      bool              `json:"use_webpush,omitempty"`
	Status       int               `json:"status,omitempty"`
	ChannelID    string            `json:"channelID,omitempty"`
	Key          string            `json:"key,omitempty"` // the application server's, base64url
	PushEndpoint string            `json:"pushEndpoint,omitempty"`
	Version      string            `json:"version,omitempty"`
	Data         string            `json:"data,omitempty"` // base64url
	Headers      map[string]string `json:"headers,omitempty"`
	Code         int               `json:"code,omitempty"`
	Updates      []update          `json:"updates,omitempty"`
}

// update is one acknowledgement.
type update struct {
	ChannelID string `json:"channelID"`
	Version   string `json:"version"`
	Code      int    `json:"code"`
}

// errProtocol ends a connection whose browser does not speak the protocol.
var errProtocol = errors.New("not autopush's protocol")

// serveBrowser is a browser's connection.
func (s *Service) serveBrowser(w http.ResponseWriter, r *http.Request) {
	conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{"push-notification"}})
	if err != nil {
		return // Accept has answered
	}
	defer func() { _ = conn.CloseNow() }() // it may have ended by itself
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return
	}
	s.conns[conn] = struct{}{}
	s.serves.Add(1)
	s.mu.Unlock()
	defer s.serves.Done()

	if err := s.converse(context.Background(), conn); errors.Is(err, errProtocol) {
		_ = conn.Close(websocket.StatusPolicyViolation, err.Error()) // the browser may not care to listen
	}
	s.mu.Lock()
	delete(s.conns, conn)
	s.mu.Unlock()
}

// converse greets a browser and does what it asks until its connection ends.
func (s *Service) converse(ctx context.Context, conn *websocket.Conn) error {
	hello, err := read(ctx, conn)
	if err != nil {
		return err
	}
	if hello.Type != "hello" || !hello.WebPush {
		return errProtocol
	}
	b, old := s.connect(hello.UAID, conn, time.Now())
	if old != nil {
		_ = old.CloseNow() // it is dead, though nobody has noticed yet
	}
	ctx, cancel := context.WithCancel(ctx)
	var sender sync.WaitGroup
	defer func() {
		cancel()
		sender.Wait()
		s.disconnect(b, conn)
	}()
	err = write(ctx, conn, frame{Type: "hello", UAID: b.uaid, WebPush: true, Status: http.StatusOK})
	if err != nil {
		return err
	}
	sender.Go(func() { s.sendMessages(ctx, b, conn) })
	for {
		f, err := read(ctx, conn)
		if err != nil {
			return err
		}
		answer, err := s.handle(b, f)
		if err != nil {
			return err
		}
		if answer != nil {
			if err := write(ctx, conn, *answer); err != nil {
				return err
			}
		}
	}
}

// handle does what one frame asks. The answer is nil if it asks for none.
func (s *Service) handle(b *browser, f frame) (*frame, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch f.Type {
	case "", "ping":
		return &frame{}, nil // {} both ways
	case "register":
		key, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(f.Key, "="))
		if err != nil || f.ChannelID == "" {
			return nil, errProtocol
		}
		if f.Key == "" {
			key = nil
		}
		token := s.addChannel(&channel{id: f.ChannelID, browser: b, key: key})
		return &frame{Type: f.Type, ChannelID: f.ChannelID, Status: http.StatusOK, PushEndpoint: s.endpoint(token)}, nil
	case "unregister":
		for _, c := range s.channels {
			if c.browser == b && c.id == f.ChannelID {
				s.dropChannel(c)
			}
		}
		return &frame{Type: f.Type, ChannelID: f.ChannelID, Status: http.StatusOK}, nil
	case "ack":
		for _, u := range f.Updates {
			s.ack(b, u.Version, u.Code)
		}
		return nil, nil
	case "nack": // the service worker failed, after the ack
		s.ack(b, f.Version, f.Code)
		return nil, nil
	case "broadcast_subscribe": // Mozilla's own news: there is none
		return nil, nil
	}
	return nil, errProtocol
}

// ack takes a browser's word on a message. The lock is held.
func (s *Service) ack(b *browser, version string, code int) {
	token, _, _ := strings.Cut(version, ".")
	b.messages = slices.DeleteFunc(b.messages, func(m *message) bool { return m.version == version })
	s.seen.Acks = keep(s.seen.Acks, Ack{s.endpoint(token), code})
	s.change()
}

// connect makes conn the connection of the browser known by uaid, or of a new
// one. What expired while it was away is dropped. The connection it still had
// is old, to be closed, and hears no more rings.
func (s *Service) connect(uaid string, conn *websocket.Conn, now time.Time) (b *browser, old *websocket.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b = s.browsers[uaid]
	if b == nil {
		b = &browser{uaid: strings.ToLower(rand.Text())}
		s.browsers[b.uaid] = b
	}
	if old = b.conn; old == nil {
		s.seen.Connected++
	}
	b.conn, b.wake = conn, make(chan struct{}, 1)
	b.messages = slices.DeleteFunc(b.messages, func(m *message) bool { return !m.expires.After(now) })
	for _, m := range b.messages {
		m.sent = false
	}
	s.change()
	return b, old
}

func (s *Service) disconnect(b *browser, conn *websocket.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if b.conn == conn {
		b.conn = nil
		s.seen.Connected--
		s.change()
	}
}

// sendMessages sends b what there is, and comes to be, until ctx ends, conn
// fails or another connection has taken its place.
func (s *Service) sendMessages(ctx context.Context, b *browser, conn *websocket.Conn) {
	for {
		fs, more := s.unsent(b, conn)
		if more == nil {
			return
		}
		for _, f := range fs {
			if write(ctx, conn, f) != nil {
				return // the reader of conn sees it too
			}
		}
		select {
		case <-more:
		case <-ctx.Done():
			return
		}
	}
}

// unsent takes the frames that conn has not carried yet. more rings when there
// are more; it is nil if conn is not the browser's connection any more.
func (s *Service) unsent(b *browser, conn *websocket.Conn) (fs []frame, more <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if b.conn != conn {
		return nil, nil
	}
	for _, m := range b.messages {
		if !m.sent {
			m.sent = true
			fs = append(fs, frame{
				Type: "notification", ChannelID: m.channel.id, Version: m.version,
				Data:    base64.RawURLEncoding.EncodeToString(m.data),
				Headers: map[string]string{"encoding": "aes128gcm"},
			})
		}
	}
	return fs, b.wake
}

// deliver hands m to its browser, in place of an unsent one with its topic.
// The lock is held.
func (b *browser) deliver(m *message) {
	if m.topic != "" {
		b.messages = slices.DeleteFunc(b.messages, func(old *message) bool {
			return !old.sent && old.channel == m.channel && old.topic == m.topic
		})
	}
	b.messages = append(b.messages, m)
	b.ring()
}

// forget drops what is on its way to c. The lock is held.
func (b *browser) forget(c *channel) {
	b.messages = slices.DeleteFunc(b.messages, func(m *message) bool { return m.channel == c })
}

func (b *browser) ring() {
	select {
	case b.wake <- struct{}{}:
	default: // it rings already
	}
}

func read(ctx context.Context, conn *websocket.Conn) (f frame, err error) {
	_, b, err := conn.Read(ctx)
	if err != nil {
		return f, err
	}
	if json.Unmarshal(b, &f) != nil {
		return f, errProtocol
	}
	return f, nil
}

func write(ctx context.Context, conn *websocket.Conn, f frame) error {
	b, err := json.Marshal(f)
	if err != nil {
		return err
	}
	return conn.Write(ctx, websocket.MessageText, b)
}
