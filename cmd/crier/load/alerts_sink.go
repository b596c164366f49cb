package load

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"crier/push/pushtest"
	"crier/push/seal"
)

// order is what a sink is told, a line of JSON each: how to answer from now on.
// It then says what it has counted since the order before.
type order struct {
	Crowd   crowd
	Key     string // the sender's public VAPID key
	Latency time.Duration
	Faults  float64
}

// sunk is what a sink has counted.
type sunk struct {
	Requests, Accepted int64
	Opened             int64 // of a sample, that the browser could read
	Repeated           int64 // accepted more than once
	Wrong              int64 // requests that broke a rule of RFC 8030, 8291 or 8292
	Problem            string
	Firsts             map[string]int64 // when the first of a topic was accepted, in ns since 1970
	Conns              int64            // connections that were made
}

// hello is the first that a sink says.
type hello struct{ Addr, Cert string }

// sample is how many messages there are to one that is opened.
const sample = 64

// sink is a push service on this machine.
type sink struct {
	origin string
	tokens sync.Map // Authorization → when it expires
	conns  atomic.Int64

	mu       sync.Mutex
	order    order
	sunk     sunk
	accepted map[int]bool
	tried    map[int]bool // that have had their fault
}

// Sink is a push service of a run, until in ends or ctx does. It listens on a
// port of the loopback, over HTTP/2 with TLS.
func Sink(ctx context.Context, in io.Reader, out io.Writer) error {
	cert, err := selfSigned()
	if err != nil {
		return err
	}
	ln, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	s := &sink{origin: "https://" + ln.Addr().String(), accepted: map[int]bool{}, tried: map[int]bool{}, sunk: sunk{Firsts: map[string]int64{}}}
	server := &http.Server{
		Handler: s, TLSConfig: &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12},
		ReadHeaderTimeout: 10 * time.Second, ErrorLog: log.New(io.Discard, "", 0),
		HTTP2: &http.HTTP2Config{MaxConcurrentStreams: 100}, // as FCM has it
		ConnState: func(_ net.Conn, state http.ConnState) {
			if state == http.StateNew {
				s.conns.Add(1)
			}
		},
	}
	served := make(chan error, 1)
	go func() { served <- server.ServeTLS(ln, "", "") }()
	answers := json.NewEncoder(out)
	err = answers.Encode(hello{ln.Addr().String(), string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Certificate[0]}))})
	if err == nil {
		err = s.obey(bufio.NewReader(in), answers)
	}
	_ = server.Close() // nobody listens any more
	if end := <-served; !errors.Is(end, http.ErrServerClosed) {
		err = errors.Join(err, end)
	}
	return err
}

// obey follows orders until there are no more.
func (s *sink) obey(in *bufio.Reader, answers *json.Encoder) error {
	for {
		line, err := in.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		var o order
		if err := json.Unmarshal(line, &o); err != nil {
			return fmt.Errorf("an order: %w", err)
		}
		s.mu.Lock()
		said := s.sunk
		said.Conns = s.conns.Load()
		s.order, s.sunk = o, sunk{Firsts: map[string]int64{}}
		clear(s.accepted)
		clear(s.tried)
		s.mu.Unlock()
		if err := answers.Encode(said); err != nil {
			return err
		}
	}
}

// ServeHTTP takes a message as a push service does.
func (s *sink) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, seal.Size+1))
	s.mu.Lock()
	o := s.order
	s.mu.Unlock()
	n, pathErr := number(r.URL.Path)
	if err == nil {
		err = pathErr
	}
	opened := false
	if err == nil {
		opened, err = s.check(r, o, n, body)
	}
	fault := ""
	s.mu.Lock()
	s.sunk.Requests++
	switch {
	case err != nil:
		s.sunk.Wrong++
		s.sunk.Problem = err.Error()
	case o.Faults > 0:
		fault = o.Crowd.fault(n, o.Faults)
		lasts := fault == "404" || fault == "410" || fault == "413"
		if fault != "" && !lasts && s.tried[n] {
			fault = ""
		}
		s.tried[n] = true
	}
	if opened {
		s.sunk.Opened++
	}
	s.mu.Unlock()
	if o.Latency > 0 {
		wait(r.Context(), o.Latency)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	s.answer(w, r, n, fault)
}

// check holds a request against the rules, and opens one of some.
func (s *sink) check(r *http.Request, o order, n int, body []byte) (opened bool, err error) {
	ttl, err := strconv.Atoi(r.Header.Get("Ttl"))
	switch {
	case r.Method != http.MethodPost || r.ProtoMajor != 2:
		return false, fmt.Errorf("%s over %s", r.Method, r.Proto)
	case err != nil || ttl < 0:
		return false, fmt.Errorf("TTL %q", r.Header.Get("Ttl"))
	case len(body) != seal.Size || r.Header.Get("Content-Encoding") != "aes128gcm":
		return false, fmt.Errorf("%d bytes of %q", len(body), r.Header.Get("Content-Encoding"))
	}
	authorization, now := r.Header.Get("Authorization"), time.Now()
	if until, known := s.tokens.Load(authorization); !known || now.After(until.(time.Time)) {
		_, expires, err := pushtest.CheckVAPID(authorization, s.origin, now)
		if err != nil {
			return false, err
		}
		s.tokens.Store(authorization, expires)
	}
	if !bytes.HasSuffix([]byte(authorization), []byte(o.Key)) {
		return false, errors.New("another's VAPID key")
	}
	if n%sample > 0 {
		return false, nil
	}
	_, err = seal.Open(o.Crowd.private(n), o.Crowd.auth(n), body)
	return err == nil, err
}

// answer accepts the nth subscription's message, or has its fault.
func (s *sink) answer(w http.ResponseWriter, r *http.Request, n int, fault string) {
	switch fault {
	case "", "slow":
		s.mu.Lock()
		if s.sunk.Accepted++; s.accepted[n] {
			s.sunk.Repeated++
		}
		if topic := r.Header.Get("Topic"); s.sunk.Firsts[topic] == 0 {
			s.sunk.Firsts[topic] = time.Now().UnixNano()
		}
		s.accepted[n] = true
		s.mu.Unlock()
		w.WriteHeader(http.StatusCreated)
		for range 5 * len(fault) / 4 { // a slow body
			if _, err := w.Write(make([]byte, 512)); err != nil {
				return
			}
			_ = http.NewResponseController(w).Flush() // the next write says what is wrong
			wait(r.Context(), 100*time.Millisecond)
		}
	case "stall":
		<-r.Context().Done()
	case "reset":
		panic(http.ErrAbortHandler)
	default:
		if fault == "429" || fault == "503" {
			w.Header().Set("Retry-After", "1")
		}
		code, _ := strconv.Atoi(fault) // the others are numbers
		w.WriteHeader(code)
	}
}

func wait(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// selfSigned is a certificate for the loopback.
func selfSigned() (c tls.Certificate, err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return c, err
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(now.UnixNano()), NotBefore: now.Add(-time.Hour), NotAfter: now.Add(24 * time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, err
}
