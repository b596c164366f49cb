package push

import (
	"bytes"
	"context"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"crier/news"
	"crier/push/seal"
)

// The canary sends a drill by the way that every notification goes: its payload
// is made, sealed and signed, and an origin sends it over connections of its
// own, HTTP/2 with TLS, to a push service that this node plays for as long as
// that takes. That checks the token and opens the message. Nothing of it is in
// the store: neither its subscription, which is made for it, nor its campaign.
// So it can reach nobody, and a stop does not keep it from being sent. It does
// not see what lies beyond this machine, nor the claiming of ranges, of which
// the reports of real campaigns tell.

const (
	// canaryTime is how long the canary may take before it has failed.
	canaryTime = 8 * time.Second
	// canaryLate is how long it may take before something is wrong: what it does
	// takes some milliseconds.
	canaryLate = 2 * time.Second
)

// Canary counts what the canary has found, on this node.
type Canary struct {
	Runs     int64         `json:"runs"`
	Failures int64         `json:"failures"` // of these: it failed or came late
	Took     time.Duration `json:"-"`        // the last time
}

// canary keeps the counts.
type canary struct{ runs, failures, took atomic.Int64 }

func (c *canary) count() Canary {
	return Canary{c.runs.Load(), c.failures.Load(), time.Duration(c.took.Load())}
}

// SendCanary sends the canary and waits for it, some seconds at most. If it
// fails or is late an alarm of CanaryService is raised, and lowered when it is
// well again. The error is the store's.
func (s *Service) SendCanary(ctx context.Context) error {
	begun := time.Now()
	within, cancel := context.WithTimeout(ctx, canaryTime)
	defer cancel()
	err := s.flyCanary(within)
	if ctx.Err() != nil {
		return ctx.Err() // we are stopping: it says nothing
	}
	return s.judgeCanary(ctx, time.Since(begun), err)
}

// judgeCanary counts a flight, and raises or lowers the alarm.
func (s *Service) judgeCanary(ctx context.Context, took time.Duration, err error) error {
	if err == nil && took > canaryLate {
		err = fmt.Errorf("it took %.1f seconds", took.Seconds())
	}
	s.canary.runs.Add(1)
	s.canary.took.Store(int64(took))
	if err != nil {
		s.canary.failures.Add(1)
		s.o.Logger.Error("the canary failed", "error", err)
		return s.store.RaiseAlarm(ctx, Alarm{CanaryService, "the canary failed: " + err.Error(), time.Now().UTC().Truncate(time.Millisecond)})
	}
	return s.store.LowerAlarm(ctx, CanaryService)
}

// flyCanary is nil if the canary has arrived as it was sent.
func (s *Service) flyCanary(ctx context.Context) error {
	sink, err := openPerch(ctx, s.PublicKey())
	if err != nil {
		return fmt.Errorf("play a push service: %w", err)
	}
	defer sink.close()
	hosts, err := ParseHosts([]string{sink.addr})
	if err != nil {
		return err
	}
	quiet := slog.New(slog.DiscardHandler) // what goes wrong is told once, by our caller
	n := &network{transport: newTransport(hosts, sink.roots), keys: s.keys, guard: newGuard(quiet), stock: newStock(0), nodes: 1, logger: quiet,
		conns: 1, fill: half, timeout: canaryTime, origins: map[string]*origin{}, paces: map[string]*pace{}}
	defer n.close()
	now := time.Now()
	c := Campaign{ID: CanaryService, Token: newToken(), OpenedAt: now, Deadline: now.Add(canaryTime), Entry: news.Entry{Kind: news.Posted, Item: news.Item{
		ID: CanaryService, Story: CanaryService, Level: news.Flash, Headline: "The canary sings", Language: "en", RevisedAt: now,
		Topics: []string{news.DrillTopic + "-" + CanaryService}, Drill: true,
	}}}
	text, err := payload(c, s.o.PublicURL, s.o.Icon, false)
	if err != nil {
		return err
	}
	sub := sink.subscription()
	sub.Key = s.keys.now.Load().vapid.Newest()
	to, fault := hosts.target(sub.Endpoint)
	if fault != nil {
		return news.Invalid{*fault}
	}
	t := &task{Service: s, lease: Lease{Campaign: c}, loud: text, silent: text}
	p := t.newPage([]Delivery{{Subscription: sub}})
	sending, stop := context.WithCancel(ctx)
	defer stop() // before the network is closed, which waits for what it has going
	n.submit(sending, &job{page: p, target: to, voice: Loud})
	select {
	case <-p.done:
	case <-ctx.Done():
		return errors.New("it got no answer in time")
	}
	if out := p.results[0]; out.fate != accepted {
		return errors.Join(errors.New("it was not taken"), sink.problem())
	}
	return sink.arrived(text)
}

// perch is the push service that the canary is sent to, and the browser behind
// it.
type perch struct {
	addr   string
	roots  *x509.CertPool
	server *http.Server
	public string // the sender's VAPID key
	key    *ecdh.PrivateKey
	auth   [16]byte

	mu    sync.Mutex
	got   []byte
	wrong error
}

func openPerch(ctx context.Context, public string) (*perch, error) {
	cert, roots, err := perchCertificate()
	if err != nil {
		return nil, err
	}
	key, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	ln, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &perch{addr: ln.Addr().String(), roots: roots, public: public, key: key}
	rand.Read(p.auth[:])
	p.server = &http.Server{Handler: http.HandlerFunc(p.take), ReadHeaderTimeout: canaryTime, ErrorLog: log.New(io.Discard, "", 0),
		TLSConfig: &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}}
	go func() { _ = p.server.ServeTLS(ln, "", "") }() // ends with close, and says only that
	return p, nil
}

func (p *perch) close() { _ = p.server.Close() } // nobody listens any more

func (p *perch) subscription() Subscription {
	endpoint := "https://" + p.addr + "/" + CanaryService
	return Subscription{ID: EndpointID(endpoint), Endpoint: endpoint, Auth: p.auth, P256dh: [65]byte(p.key.PublicKey().Bytes())}
}

// take answers as a push service does, and as strictly.
func (p *perch) take(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, seal.Size+1))
	if err == nil {
		err = seal.Check(r.Header.Get("Authorization"), p.public, "https://"+p.addr, time.Now())
	}
	var text []byte
	if err == nil {
		text, err = seal.Open(p.key, p.auth, body)
	}
	p.mu.Lock()
	p.got, p.wrong = text, err
	p.mu.Unlock()
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	w.WriteHeader(http.StatusCreated)
}

// problem is what was wrong with what came, nil if nothing was.
func (p *perch) problem() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.wrong
}

// arrived is nil if the text has arrived.
func (p *perch) arrived(text []byte) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.wrong != nil || !bytes.Equal(p.got, text) {
		return errors.Join(errors.New("what arrived is not what was sent"), p.wrong)
	}
	return nil
}

// perchCertificate is for one flight, and trusted by nobody else.
func perchCertificate() (tls.Certificate, *x509.CertPool, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, nil, err
	}
	now := time.Now()
	t := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: now.Add(-time.Minute), NotAfter: now.Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	der, err := x509.CreateCertificate(rand.Reader, t, t, &key.PublicKey, key)
	if err != nil {
		return tls.Certificate{}, nil, err
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return tls.Certificate{}, nil, err
	}
	roots := x509.NewCertPool()
	roots.AddCert(leaf)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, roots, nil
}
