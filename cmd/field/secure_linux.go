package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"time"
)

// certificate writes one for the loopback address, and its key, to files in dir
// as serve wants them. It is good for a day.
func certificate(dir string) (cert, key string, err error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return "", "", err
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(24 * time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, c, c, private.Public(), private)
	if err != nil {
		return "", "", err
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return "", "", err
	}
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	return cert, key, errors.Join(
		os.WriteFile(cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600),
		os.WriteFile(key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}), 0o600))
}

// secure makes member i, over TLS. Its session needs a goroutine to read it.
func (c *crowd) secure(i int, addr netip.AddrPort) error {
	m := &c.members[i]
	ctx, cancel := context.WithTimeout(context.Background(), readTime)
	defer cancel()
	d := tls.Dialer{
		NetDialer: &net.Dialer{LocalAddr: &net.TCPAddr{IP: c.source()}, KeepAlive: -1},
		Config:    &tls.Config{InsecureSkipVerify: true}, //nolint:gosec // it is our own server, with a key made a moment ago
	}
	conn, err := d.DialContext(ctx, "tcp", addr.String())
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	m.over = conn
	if err := conn.SetDeadline(time.Now().Add(readTime)); err != nil {
		return err
	}
	if _, err := io.WriteString(conn, upgrade); err != nil {
		return fmt.Errorf("handshake: %w", err)
	}
	if m.part, err = answered(conn.Read); err != nil {
		return err
	}
	return conn.SetDeadline(time.Time{})
}

// listen reads what comes to a member over TLS, until an error.
func (c *crowd) listen(m *member) error {
	var buf [2 << 10]byte
	for {
		n, err := m.over.Read(buf[:])
		if err != nil {
			return fmt.Errorf("a reader was sent away after item %d: %w", m.next-1, err)
		}
		if err := c.take(m, bytes.Clone(buf[:n]), time.Now()); err != nil {
			return err
		}
	}
}
