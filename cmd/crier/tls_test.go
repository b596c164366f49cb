package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"
)

// writeCert makes a certificate for 127.0.0.1 in dir.
func writeCert(t *testing.T, dir string, serial int64) (cert, key string, leaf *x509.Certificate) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(serial), NotBefore: time.Unix(0, 0), NotAfter: time.Now().Add(240 * time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}, &x509.Certificate{SerialNumber: big.NewInt(serial)}, k.Public(), k)
	if err != nil {
		t.Fatal(err)
	}
	if leaf, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	der8, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for name, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: der8}} {
		if err := os.WriteFile(name, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cert, key, leaf
}

// TestTLS has a service end TLS itself: pages come over HTTP/2, readers live.
func TestTLS(t *testing.T) {
	cert, key, leaf := writeCert(t, t.TempDir(), 1)
	url, stop := service(t, "serve", "--data", filepath.Join(t.TempDir(), "data"), "--tls-cert", cert, "--tls-key", key)
	if !strings.HasPrefix(url, "https://127.0.0.1:") {
		t.Fatal(url)
	}
	roots := x509.NewCertPool()
	roots.AddCert(leaf)
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, ForceAttemptHTTP2: true}}
	defer client.CloseIdleConnections()
	resp, err := client.Get(url + "/")
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusOK || resp.ProtoMajor != 2 || resp.TLS.Version != tls.VersionTLS13 {
		t.Errorf("the front comes with %s over %s", resp.Status, resp.Proto)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	socket := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}}
	c, _, err := websocket.Dial(ctx, url+"/v1/live", &websocket.DialOptions{HTTPClient: socket})
	if err != nil {
		t.Fatal(err)
	}
	defer c.CloseNow() //nolint:errcheck // the test is over
	if _, msg, err := c.Read(ctx); err != nil || !strings.HasPrefix(string(msg), `{"type":"hello"`) {
		t.Errorf("a reader gets %s, %v", msg, err)
	}
	if code := stop(); code != 0 {
		t.Errorf("it ends with %d", code)
	}
}

// TestCertificateRenewed: a certificate that is renewed under us is served
// soon, and one that is broken never.
func TestCertificateRenewed(t *testing.T) {
	dir := t.TempDir()
	cert, key, _ := writeCert(t, dir, 1)
	synctest.Test(t, func(t *testing.T) {
		k := &keyPair{cert: cert, key: key, logger: slog.New(slog.DiscardHandler)}
		serves := func(want int64) {
			t.Helper()
			c, err := k.get(nil)
			if err != nil || c.Leaf.SerialNumber.Int64() != want {
				t.Errorf("serves %v, %v; want number %d", c, err, want)
			}
		}
		change := func(n int64, at time.Time) {
			if n > 0 {
				writeCert(t, dir, n)
			} else if err := os.WriteFile(cert, []byte("half a certifi"), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.Chtimes(cert, at, at); err != nil { // the bubble's clock is not the disk's
				t.Fatal(err)
			}
		}
		serves(1)
		change(2, time.Unix(1e9, 0))
		serves(1)
		time.Sleep(renewal)
		serves(2)
		change(0, time.Unix(1e9+1, 0))
		time.Sleep(renewal)
		serves(2)
		change(3, time.Unix(1e9+2, 0))
		time.Sleep(renewal)
		serves(3)
	})
}

func TestTLSFlags(t *testing.T) {
	cert, key, _ := writeCert(t, t.TempDir(), 1)
	for _, c := range []struct {
		args []string
		says string
	}{
		{[]string{"--tls-cert", cert}, "go together"},
		{[]string{"--tls-key", key}, "go together"},
		{[]string{"--tls-cert", key, "--tls-key", key}, "--tls-cert, --tls-key"},
		{[]string{"--tls-cert", filepath.Join(t.TempDir(), "none"), "--tls-key", key}, "no such file"},
		{[]string{"--tls-cert", cert, "--tls-key", key, "--acme-domain", "news.example"}, "--acme-domain gets certificates by itself"},
	} {
		_, said, code := command(t, append([]string{"serve", "--listen", "127.0.0.1:0", "--data", filepath.Join(t.TempDir(), "data")}, c.args...)...)
		if code != 1 || !strings.Contains(said, c.says) {
			t.Errorf("%q: %d, %s", c.args, code, said)
		}
	}
	acme := serveCmd{tlsFlags: tlsFlags{ACMEDomain: []string{"news.example"}}}
	if _, err := acme.tlsConfig(storeFlags{Redis: "redis://localhost"}, slog.Default()); err == nil {
		t.Error("nodes that share no certificates each get their own")
	}
	config, err := acme.tlsConfig(storeFlags{dataFlag: dataFlag{t.TempDir()}}, slog.Default())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := config.GetCertificate(&tls.ClientHelloInfo{ServerName: "other.example"}); err == nil || !strings.Contains(err.Error(), "not configured") {
		t.Errorf("a certificate is asked for a domain that is not ours: %v", err)
	}
	for port, want := range map[int]string{443: "https://news.example", 8443: "https://news.example:8443"} {
		if got := acme.local(&net.TCPAddr{IP: net.IPv4zero, Port: port}); got != want {
			t.Errorf("at port %d: %s", port, got)
		}
	}
}
