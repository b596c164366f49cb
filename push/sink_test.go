package push

import (
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"crier/news"
	"crier/push/seal"
)

// Sink is a push service on this machine: over HTTP/2 with TLS, or plain
// HTTP/1.1. It checks every request as RFC 8030, 8291 and 8292 say, decrypts
// it as the browser would, and answers as the first part of its path says.
type Sink struct {
	Server *httptest.Server
	Keys   VAPID
	// Answers are how to answer, by the first part of the path. Others get 201.
	Answers map[string]http.HandlerFunc

	t        testing.TB
	mu       sync.Mutex
	browsers map[string]browser // by path
	got      map[string][]Received
	tokens   map[string]bool // that are known to be right
	senders  map[string]bool // the sender keys that have been seen
	conns    map[string]int  // requests under way, by the client's address
	mostAt   int             // the most of them at once on one connection
	dialled  int
	order    []string // paths as they came
}

type browser struct {
	private *ecdh.PrivateKey
	auth    [16]byte
	key     int
}

// Received is a message that came.
type Received struct {
	TTL            time.Duration
	Topic, Urgency string
	Text           string
	At             time.Time
}

// NewSink starts a sink that ends with the test.
func NewSink(t testing.TB, tls bool, answers map[string]http.HandlerFunc) *Sink {
	t.Helper()
	return newSink(t, tls, answers, nil)
}

func newSink(t testing.TB, tls bool, answers map[string]http.HandlerFunc, h2 *http.HTTP2Config) *Sink {
	t.Helper()
	keys, err := VAPID{}.Rotated()
	if err != nil {
		t.Fatal(err)
	}
	k := &Sink{Keys: keys, Answers: answers, t: t, browsers: map[string]browser{}, got: map[string][]Received{},
		tokens: map[string]bool{}, senders: map[string]bool{}, conns: map[string]int{}}
	k.Server = httptest.NewUnstartedServer(k)
	k.Server.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			k.mu.Lock()
			k.dialled++
			k.mu.Unlock()
		}
	}
	k.Server.Config.HTTP2 = h2
	if tls {
		k.Server.EnableHTTP2 = true
		k.Server.StartTLS()
	} else {
		k.Server.Start()
	}
	t.Cleanup(k.Server.Close)
	return k
}

// Options let a service send to the sink.
func (k *Sink) Options() Options {
	o := Options{AlertHosts: []string{k.Server.Listener.Addr().String()}, Subject: "desk@news.example"}
	if cert := k.Server.Certificate(); cert != nil {
		o.RootCAs = x509.NewCertPool()
		o.RootCAs.AddCert(cert)
	}
	return o
}

// Subscribe makes a new browser and its subscription.
func (k *Sink) Subscribe(answer string) Subscription {
	private, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		k.t.Fatal(err)
	}
	path := "/" + answer + "/" + rand.Text()
	k.mu.Lock()
	defer k.mu.Unlock()
	s := Subscription{Endpoint: k.Server.URL + path, Level: news.Urgent, Key: k.Keys.Newest()}
	s.ID = EndpointID(s.Endpoint)
	copy(s.P256dh[:], private.PublicKey().Bytes())
	rand.Read(s.Auth[:])
	s.CreatedAt = time.Now().UTC().Truncate(time.Millisecond)
	s.SeenAt = s.CreatedAt
	k.browsers[path] = browser{private, s.Auth, s.Key}
	return s
}

// Got is what came for s, oldest first.
func (k *Sink) Got(s Subscription) []Received {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.got[strings.TrimPrefix(s.Endpoint, k.Server.URL)]
}

// Order is the first parts of the paths, in the order they came.
func (k *Sink) Order() []string {
	k.mu.Lock()
	defer k.mu.Unlock()
	var out []string
	for _, path := range k.order {
		out = append(out, strings.Split(path, "/")[1])
	}
	return out
}

func (k *Sink) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	k.mu.Lock()
	k.conns[r.RemoteAddr]++
	k.mostAt = max(k.mostAt, k.conns[r.RemoteAddr])
	k.mu.Unlock()
	defer func() {
		k.mu.Lock()
		k.conns[r.RemoteAddr]--
		k.mu.Unlock()
	}()
	m, err := k.receive(r)
	if err != nil {
		k.t.Errorf("request for %s: %v", r.URL.Path, err)
	}
	defer func() { // a message is kept when it is answered: that is what makes it the last
		k.mu.Lock()
		defer k.mu.Unlock()
		k.order = append(k.order, r.URL.Path)
		k.got[r.URL.Path] = append(k.got[r.URL.Path], m)
	}()
	if answer := k.Answers[strings.Split(r.URL.Path, "/")[1]]; answer != nil {
		answer(w, r)
		return
	}
	w.WriteHeader(http.StatusCreated)
}

// receive checks and opens a request.
func (k *Sink) receive(r *http.Request) (m Received, err error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return m, fmt.Errorf("body: %w", err)
	}
	ttl, err := strconv.Atoi(r.Header.Get("TTL"))
	switch {
	case r.Method != http.MethodPost:
		return m, fmt.Errorf("method %s", r.Method)
	case err != nil || ttl < 0:
		return m, fmt.Errorf("TTL %q", r.Header.Get("TTL"))
	case r.Header.Get("Content-Encoding") != "aes128gcm":
		return m, fmt.Errorf("coding %q", r.Header.Get("Content-Encoding"))
	case len(body) != seal.Size:
		return m, fmt.Errorf("%d bytes of body", len(body))
	case len(r.Header.Get("Topic")) > 32:
		return m, fmt.Errorf("topic %q", r.Header.Get("Topic"))
	}
	number, err := k.checkToken(r.Header.Get("Authorization"))
	if err != nil {
		return m, err
	}
	k.mu.Lock()
	b, ok := k.browsers[r.URL.Path]
	sender := string(body[21:86]) // RFC 8188 section 2.1: after salt, record size and length
	used := k.senders[sender]
	k.senders[sender] = true
	k.mu.Unlock()
	if used {
		return m, fmt.Errorf("its sender key was used before")
	}
	if !ok || b.key != number {
		return m, fmt.Errorf("no such browser with key %d", number)
	}
	text, err := seal.Open(b.private, b.auth, body)
	if err != nil {
		return m, err
	}
	var n notice
	if err := json.Unmarshal(text, &n); err != nil || n.WebPush != 8030 || n.Notification.Title == "" {
		return m, fmt.Errorf("message %q: %w", text, err)
	}
	return Received{time.Duration(ttl) * time.Second, r.Header.Get("Topic"), r.Header.Get("Urgency"), string(text), time.Now()}, nil
}

// Rotate gives browsers that subscribe from now on another key.
func (k *Sink) Rotate(keys VAPID) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.Keys = keys
}

// checkToken returns the number of the key that has signed the token.
func (k *Sink) checkToken(authorization string) (number int, err error) {
	text, key, ok := strings.Cut(strings.TrimPrefix(authorization, "vapid t="), ", k=")
	k.mu.Lock()
	known := k.tokens[authorization]
	number, ours := k.Keys.Number(key)
	k.mu.Unlock()
	if known {
		return number, nil
	}
	if !ok || !ours {
		return 0, fmt.Errorf("authorization %q", authorization)
	}
	point, err := base64.RawURLEncoding.DecodeString(key)
	if err != nil {
		return 0, err
	}
	public, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point)
	if err != nil {
		return 0, err
	}
	_, err = jwt.Parse(text, func(*jwt.Token) (any, error) { return public, nil }, jwt.WithValidMethods([]string{"ES256"}),
		jwt.WithAudience(k.Server.URL), jwt.WithSubject("mailto:desk@news.example"), jwt.WithExpirationRequired())
	if err != nil {
		return 0, fmt.Errorf("token: %w", err)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.tokens[authorization] = true
	return number, nil
}

// Answer is an answer of the status, and nothing else.
func Answer(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}
