package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/letsencrypt/pebble/v2/ca"
	"github.com/letsencrypt/pebble/v2/db"
	"github.com/letsencrypt/pebble/v2/va"
	"github.com/letsencrypt/pebble/v2/wfe"
	"github.com/miekg/dns"
)

// TestACME has a service get its certificate from an ACME service, by the
// challenge on its own port, and serve it again after a restart without asking.
func TestACME(t *testing.T) {
	const domain = "news.example"
	service := startACME(t)
	data := filepath.Join(t.TempDir(), "data")
	serve := func() (address string, stop func()) {
		t.Helper()
		program := exec.Command(os.Args[0], "serve", "--data", data, "--listen", "127.0.0.1:0", "--drain-window", "10ms",
			"--acme-domain", domain, "--acme-directory", service.directory)
		program.Env = append(os.Environ(), asProgram+"=1", "SSL_CERT_FILE="+service.trusted)
		logged, err := program.StderrPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := program.Start(); err != nil {
			t.Fatal(err)
		}
		stop = sync.OnceFunc(func() {
			_ = program.Process.Signal(syscall.SIGTERM)
			_ = program.Wait()
		})
		t.Cleanup(stop)
		u, err := url.Parse(listening(t, logged).url)
		if err != nil || u.Hostname() != domain {
			t.Fatalf("readers are sent to %v, %v", u, err)
		}
		return net.JoinHostPort("127.0.0.1", u.Port()), stop
	}
	visit := func(address, name string) (*x509.Certificate, error) {
		d := tls.Dialer{Config: &tls.Config{ServerName: name, RootCAs: service.issuers(), NextProtos: []string{"h2", "http/1.1"}}}
		c, err := d.DialContext(t.Context(), "tcp", address)
		if err != nil {
			return nil, err
		}
		defer c.Close() //nolint:errcheck // it was only looked at
		state := c.(*tls.Conn).ConnectionState()
		if state.NegotiatedProtocol != "h2" {
			t.Errorf("it speaks %q", state.NegotiatedProtocol)
		}
		return state.PeerCertificates[0], nil
	}

	address, stop := serve()
	service.open(t, address)
	first, err := visit(address, domain)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := visit(address, "other.example"); err == nil {
		t.Error("a certificate was had for a domain that is not ours")
	}
	stop()

	service.shut()
	address, _ = serve()
	again, err := visit(address, domain)
	if err != nil {
		t.Fatalf("after a restart without an ACME service: %v", err)
	}
	if !again.Equal(first) {
		t.Error("the certificate was not kept")
	}
}

// acmeService is Pebble, the test server of those who run Let's Encrypt.
type acmeService struct {
	directory string // its address
	trusted   string // the file with the certificate it is reached with
	handler   atomic.Pointer[http.Handler]
	roots     atomic.Pointer[x509.CertPool]
}

func startACME(t *testing.T) *acmeService {
	t.Helper()
	t.Setenv("PEBBLE_VA_NOSLEEP", "1") // its pauses stand for a network's
	s := &acmeService{}
	s.shut()
	front := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { (*s.handler.Load()).ServeHTTP(w, r) }))
	t.Cleanup(front.Close)
	s.directory = front.URL + wfe.DirectoryPath
	s.trusted = filepath.Join(t.TempDir(), "acme.pem")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: front.Certificate().Raw})
	if err := os.WriteFile(s.trusted, block, 0o600); err != nil {
		t.Fatal(err)
	}
	return s
}

// open has the service give certificates to who answers its challenges at the
// address.
func (s *acmeService) open(t *testing.T, address string) {
	t.Helper()
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	tlsPort, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	logger := log.New(t.Output(), "pebble ", 0)
	store := db.NewMemoryStore()
	issuer := ca.New(logger, store, "", "ecdsa", 0, 1, map[string]ca.Profile{"default": {Description: "the only one"}})
	front := wfe.New(logger, store, va.New(logger, 1, tlsPort, false, resolver(t), store), issuer, nil, false, false, 1, 1)
	roots := x509.NewCertPool()
	roots.AddCert(issuer.GetRootCert(0).Cert)
	s.roots.Store(roots)
	handler := front.Handler()
	s.handler.Store(&handler)
}

// shut has the service answer nobody any more.
func (s *acmeService) shut() {
	handler := http.Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) }))
	s.handler.Store(&handler)
}

// issuers are whom its certificates are good with.
func (s *acmeService) issuers() *x509.CertPool { return s.roots.Load() }

// resolver is a name server that has every name at 127.0.0.1.
func resolver(t *testing.T) (address string) {
	t.Helper()
	ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &dns.Server{Listener: ln, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, question *dns.Msg) {
		answer := new(dns.Msg).SetReply(question)
		for _, q := range question.Question {
			if q.Qtype == dns.TypeA {
				header := dns.RR_Header{Name: q.Name, Rrtype: q.Qtype, Class: q.Qclass, Ttl: 1}
				answer.Answer = append(answer.Answer, &dns.A{Hdr: header, A: net.IPv4(127, 0, 0, 1)})
			}
		}
		_ = w.WriteMsg(answer) // who asked is gone if this fails
	})}
	up, done := make(chan struct{}), make(chan error, 1)
	server.NotifyStartedFunc = func() { close(up) }
	go func() { done <- server.ActivateAndServe() }()
	select {
	case <-up:
	case err := <-done:
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(server.Shutdown(), <-done); err != nil {
			t.Error(err)
		}
	})
	return ln.Addr().String()
}
