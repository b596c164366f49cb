package redis

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"crier/engine/redis/redistest"
	"crier/news"
)

func TestAddresses(t *testing.T) {
	for _, c := range []struct {
		address string
		err     error
		says    string // of the error
	}{
		{"", ErrAddress, ""},
		{"localhost:6379", ErrAddress, ""},
		{"http://localhost", ErrAddress, ""},
		{"redis+http://localhost", ErrAddress, ""},
		{"unix+cluster:///x", ErrAddress, ""},
		{"redis+sentinel://localhost", ErrAddress, "name the master"},
		{"redis+sentinel://localhost/?db=1", ErrAddress, "name the master"},
		{"redis://:secret@localhost/notanumber", nil, "database number"},
		{"redis://:secret@localhost:port/0", nil, "port"},
		{"redis://localhost?bogus=1", nil, "bogus"},
		{"redis+cluster://a,b?bogus=1", nil, "bogus"},
		{"redis+cluster://:sec%zzret@a,b", nil, "escape"},
	} {
		_, err := Open(t.Context(), c.address, Options{})
		if err == nil || c.err != nil && !errors.Is(err, c.err) || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: %v", c.address, err)
		}
	}
	for address, name := range map[string]string{
		"redis://user:secret@host:1/2":                               "redis://host:1/2",
		"rediss://:secret@host":                                      "rediss://host",
		"unix://:secret@/run/redis.sock?db=3":                        "unix:///run/redis.sock",
		"redis+sentinel://:secret@a,b:2,[::1]/news?db=1":             "redis+sentinel://a,b:2,[::1]/news",
		"rediss+cluster://user:secret@a:1,b,[::1]:7?dial_timeout=1s": "rediss+cluster://a:1,b,[::1]:7",
	} {
		s, err := dial(address, Options{})
		if err != nil || s.name != name {
			t.Errorf("%q: %q, %v", address, s.name, err)
			continue
		}
		if err := s.client.Close(); err != nil {
			t.Error(err)
		}
	}
	if got := fmt.Sprint(spread("a,b:2,,[::1],[::1]:3", "6379")); got != "[a:6379 b:2 localhost:6379 [::1]:6379 [::1]:3]" {
		t.Error(got)
	}
	for _, prefix := range []string{"a b", "{x}", "ä", strings.Repeat("x", 41)} {
		if _, err := Open(t.Context(), "redis://localhost", Options{Prefix: prefix}); !errors.Is(err, ErrPrefix) {
			t.Errorf("prefix %q: %v", prefix, err)
		}
	}
}

// TestRefusals opens servers that cannot be trusted with a log, or do not
// trust us.
func TestRefusals(t *testing.T) {
	s := redistest.Start(t)
	for _, c := range []struct {
		name     string
		do, undo [][]any
		err      error
		says     string
	}{
		{"evicts", [][]any{{"CONFIG", "SET", "maxmemory-policy", "allkeys-lru"}}, [][]any{{"CONFIG", "SET", "maxmemory-policy", "noeviction"}},
			ErrEvicts, "allkeys-lru"},
		{"foreign log", [][]any{{"SET", "{crier:log}", "x"}}, [][]any{{"DEL", "{crier:log}"}}, ErrForeign, "{crier:log} is a string and not a hash"},
		{"foreign stream", [][]any{{"SADD", "{crier:log}:entries", "x"}}, [][]any{{"DEL", "{crier:log}:entries"}}, ErrForeign, "is a set"},
		{"newer", [][]any{{"HSET", "{crier:log}", "schema", schema + 1}}, [][]any{{"DEL", "{crier:log}"}}, ErrNewer, "schema 2"},
		{"replica", [][]any{{"REPLICAOF", "127.0.0.1", "1"}}, [][]any{{"REPLICAOF", "NO", "ONE"}}, ErrReplica, "master"},
		{"password", [][]any{{"ACL", "SETUSER", "default", "resetpass", ">secret"}}, nil, news.ErrUnavailable, "NOAUTH"},
	} {
		for _, args := range c.do {
			s.Say(t, args...)
		}
		if _, err := Open(t.Context(), s.URL(), Options{}); !errors.Is(err, c.err) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", c.name, err)
		}
		for _, args := range c.undo {
			s.Say(t, args...)
		}
	}
	wrong := strings.Replace(s.URL(), "unix://", "unix://:guess@", 1)
	if _, err := Open(t.Context(), wrong, Options{}); !errors.Is(err, news.ErrUnavailable) || !strings.Contains(err.Error(), "WRONGPASS") || strings.Contains(err.Error(), "guess") {
		t.Errorf("wrong password: %v", err)
	}
	openTest(t, strings.Replace(s.URL(), "unix://", "unix://:secret@", 1), Options{})
	if _, err := Open(t.Context(), "unix://"+filepath.Join(t.TempDir(), "none"), Options{}); !errors.Is(err, news.ErrUnavailable) {
		t.Errorf("no server: %v", err)
	}
}

// TestLateForeigner: a key of another program appears while we run.
func TestLateForeigner(t *testing.T) {
	s := redistest.Start(t)
	e := openTest(t, s.URL(), Options{})
	s.Say(t, "SET", e.keys.live(), "x")
	if _, err := e.Append(t.Context(), news.Key{}, testDraft("n1")); !errors.Is(err, ErrForeign) {
		t.Fatalf("append over a foreign key: %v", err)
	}
	s.Say(t, "DEL", e.keys.live())
	if r := mustAppend(t, e, news.Key{}, testDraft("n1")); r.Cursor.Offset != 1 {
		t.Fatalf("the refused append left a trace: %+v", r)
	}
}

// TestPermissions has a user who may touch our keys and channel only.
func TestPermissions(t *testing.T) {
	s := redistest.Start(t)
	s.Say(t, "ACL", "SETUSER", "crier", "on", ">secret", "resetkeys", "resetchannels", "-@all",
		"~{crier:*", "&{crier:*", "+@read", "+@write", "+@pubsub", "+@connection", "+@scripting", "+info", "+time", "+wait", "-flushall", "-flushdb")
	e := openTest(t, strings.Replace(s.URL(), "unix://", "unix://crier:secret@", 1), Options{})
	exercise(t, e, func() {})
}

// TestPrefixes: two sites on one server know nothing of each other.
func TestPrefixes(t *testing.T) {
	s := redistest.Start(t)
	a, b := openTest(t, s.URL(), Options{Prefix: "a"}), openTest(t, s.URL(), Options{Prefix: "b"})
	mustAppend(t, a, news.Key{Value: "k"}, testDraft("n1"))
	if got := head(t, b); got.Offset != 0 || got.Epoch == head(t, a).Epoch {
		t.Fatalf("the other site's head is %q", got)
	}
	if r := mustAppend(t, b, news.Key{Value: "k"}, testDraft("n1")); r.Replayed {
		t.Fatalf("the other site's key: %+v", r)
	}
}

func TestClosed(t *testing.T) {
	s := redistest.Start(t)
	e := openTest(t, s.URL(), Options{})
	for range 2 {
		if err := e.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := e.Head(t.Context()); !errors.Is(err, news.ErrUnavailable) {
		t.Fatalf("head of a closed engine: %v", err)
	}
	if _, err := e.Append(t.Context(), news.Key{}, testDraft("n1")); !errors.Is(err, news.ErrUnavailable) {
		t.Fatalf("append to a closed engine: %v", err)
	}
}

func TestTLS(t *testing.T) {
	cert, key, roots := makeCertificate(t)
	port := redistest.FreePort(t)
	redistest.Start(t, "--tls-port", fmt.Sprint(port), "--bind", "127.0.0.1", "--tls-cert-file", cert, "--tls-key-file", key, "--tls-auth-clients", "no", "--tls-ca-cert-file", cert)
	url := fmt.Sprintf("rediss://127.0.0.1:%d", port)
	if _, err := Open(t.Context(), url, Options{}); !errors.As(err, new(*tls.CertificateVerificationError)) {
		t.Fatalf("a certificate that nobody vouches for: %v", err)
	}
	e := openTest(t, url, Options{TLS: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS13}})
	mustAppend(t, e, news.Key{}, testDraft("n1"))
}

func makeCertificate(t testing.TB) (cert, key string, roots *x509.CertPool) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, c, c, k.Public(), k)
	if err != nil {
		t.Fatal(err)
	}
	kder, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for path, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: kder}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	roots = x509.NewCertPool()
	roots.AddCert(parsed)
	return cert, key, roots
}
