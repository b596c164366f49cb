package main

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/crypto/acme"
	"golang.org/x/crypto/acme/autocert"
)

// tlsFlags have the public listener speak TLS.
type tlsFlags struct {
	TLSCert       string   `name:"tls-cert" help:"Certificate chain, in PEM; read anew when it changes." type:"path" placeholder:"FILE"`
	TLSKey        string   `name:"tls-key" help:"Its private key, in PEM." type:"path" placeholder:"FILE"`
	ACMEDomain    []string `name:"acme-domain" help:"Domains to get certificates for from Let's Encrypt, kept in the data directory; listen on port 443. You agree to its terms." placeholder:"DOMAIN"`
	ACMEDirectory string   `name:"acme-directory" help:"Another ACME service to get them from. You agree to its terms." default:"https://acme-v02.api.letsencrypt.org/directory" placeholder:"URL"`
}

// tlsConfig is how the public listener speaks TLS; nil if it does not.
// Certificates come from files, which are read anew when they change, or from
// an ACME service (RFC 8555; Let's Encrypt), by the challenge of RFC 8737,
// which needs port 443 and nothing else.
func (f tlsFlags) tlsConfig(st storeFlags, logger *slog.Logger) (*tls.Config, error) {
	files, byACME := f.TLSCert != "" || f.TLSKey != "", len(f.ACMEDomain) > 0
	switch {
	case !files && !byACME:
		return nil, nil
	case files && byACME:
		return nil, errors.New("--acme-domain gets certificates by itself: leave --tls-cert and --tls-key out")
	case byACME && st.Redis != "":
		return nil, errors.New("--acme-domain is for one node, whose data directory keeps the certificates: of many, have the proxy in front end TLS")
	case byACME:
		m := &autocert.Manager{Prompt: autocert.AcceptTOS, HostPolicy: autocert.HostWhitelist(f.ACMEDomain...), Cache: autocert.DirCache(filepath.Join(st.Data, "acme")),
			Client: &acme.Client{DirectoryURL: f.ACMEDirectory, UserAgent: "crier/" + version}}
		c := m.TLSConfig()
		return oneRecord(c), nil
	case f.TLSCert == "" || f.TLSKey == "":
		return nil, errors.New("--tls-cert and --tls-key go together")
	}
	k := &keyPair{cert: f.TLSCert, key: f.TLSKey, logger: logger}
	if _, err := k.get(nil); err != nil {
		return nil, err
	}
	return oneRecord(&tls.Config{NextProtos: []string{"h2", "http/1.1"}, GetCertificate: k.get}), nil
}

// oneRecord has a message be one record and so one write(2): crypto/tls would
// cut the first hundred kilobytes of a connection into packets, for browsers to
// begin with a page sooner.
func oneRecord(c *tls.Config) *tls.Config {
	c.MinVersion, c.DynamicRecordSizingDisabled = tls.VersionTLS12, true
	return c
}

// keyPair is a certificate in files that something else renews.
type keyPair struct {
	cert, key string
	logger    *slog.Logger

	mu      sync.Mutex
	loaded  *tls.Certificate
	of      time.Time // when the file had last changed
	checked time.Time
}

// renewal is how often the files are looked at.
const renewal = 10 * time.Second

// get is the certificate as the files have it. One that cannot be read does
// not take the place of one that could.
func (k *keyPair) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	now := time.Now()
	if k.loaded != nil && now.Sub(k.checked) < renewal {
		return k.loaded, nil
	}
	k.checked = now
	info, err := os.Stat(k.cert)
	if err == nil && k.loaded != nil && info.ModTime().Equal(k.of) {
		return k.loaded, nil
	}
	var pair tls.Certificate
	if err == nil {
		pair, err = tls.LoadX509KeyPair(k.cert, k.key)
	}
	switch {
	case err == nil:
		k.loaded, k.of = &pair, info.ModTime()
	case k.loaded == nil:
		return nil, fmt.Errorf("--tls-cert, --tls-key: %w", err)
	default:
		k.logger.Warn("the renewed certificate cannot be used; the one before stays", "cert", k.cert, "error", err)
	}
	return k.loaded, nil
}
