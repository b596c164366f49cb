package push

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"syscall"
	"time"
)

// errNotPublic: the host of an endpoint led to an address inside somebody's
// network. Its name was checked when the subscription came; this is where the
// name leads now.
var errNotPublic = errors.New("the push service's name leads to an address that is not public")

// Bounds on what a push service may cost us.
const (
	dialTimeout = 5 * time.Second
	maxAnswer   = 4 << 10  // bytes of a response's body that are read
	maxHeaders  = 16 << 10 // bytes of its headers
	answerTime  = time.Second / 4

	// What it may send beyond that before we have read it, by HTTP/2's windows. Go
	// would take 4 MB a stream and 1 GB a connection.
	streamWindow = 64 << 10
	connWindow   = 256 << 10
	idleTime     = time.Minute // before a connection without requests is closed
)

// newTransport makes the transport that all requests to push services go
// through. It takes no proxy from the environment: a proxy would resolve names
// for us and undo the check of addresses. MaxConnsPerHost must stay 0: Go 1.26
// panics when a ClientConn is closed with it. Greetings, which are not sent
// over connections of our own, are bounded by their workers.
func newTransport(hosts Hosts, roots *x509.CertPool) *http.Transport {
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(true)
	return &http.Transport{
		DialContext:            hosts.dial,
		TLSClientConfig:        &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12, ClientSessionCache: tls.NewLRUClientSessionCache(64)},
		TLSHandshakeTimeout:    dialTimeout,
		MaxResponseHeaderBytes: maxHeaders,
		DisableCompression:     true,
		IdleConnTimeout:        idleTime,
		Protocols:              &protocols,
		HTTP2: &http.HTTP2Config{
			SendPingTimeout:  15 * time.Second, // a silent connection is asked whether it lives …
			PingTimeout:      5 * time.Second,  // … and closed if it does not say
			WriteByteTimeout: 10 * time.Second,

			MaxReceiveBufferPerStream:     streamWindow,
			MaxReceiveBufferPerConnection: connWindow,
		},
	}
}

// dial connects to addr, host:port. Unless the operator named it, what the
// host resolves to must be public: the check is of the very address that is
// connected to, so a name cannot change its mind in between.
func (h Hosts) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	d := net.Dialer{Timeout: dialTimeout}
	if !h.named[strings.ToLower(addr)] {
		d.Control = func(_, address string, _ syscall.RawConn) error {
			ap, err := netip.ParseAddrPort(address)
			if err != nil || !public(ap.Addr()) {
				return errNotPublic
			}
			return nil
		}
	}
	c, err := d.DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	return newGathering(c), nil
}

// public reports whether a is an address of the public internet. For IPv6 it
// asks for global unicast (2000::/3) rather than listing what is not; forms
// that carry an IPv4 address are as public as that.
func public(a netip.Addr) bool {
	a = a.Unmap()
	if a.Zone() != "" || !a.IsGlobalUnicast() || a.IsPrivate() {
		return false
	}
	if a.Is4() {
		return !inside(a, "0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24",
			"198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "240.0.0.0/4")
	}
	b := a.As16()
	switch {
	case inside(a, "64:ff9b::/96"): // NAT64 (RFC 6052)
		return public(netip.AddrFrom4([4]byte(b[12:])))
	case inside(a, "2002::/16"): // 6to4 (RFC 3056)
		return public(netip.AddrFrom4([4]byte(b[2:])))
	}
	// Teredo and other protocols' own, documentation
	return inside(a, "2000::/3") && !inside(a, "2001::/23", "2001:db8::/32", "3fff::/20")
}

func inside(a netip.Addr, prefixes ...string) bool {
	for _, p := range prefixes {
		if netip.MustParsePrefix(p).Contains(a) {
			return true
		}
	}
	return false
}

// bare is err without the address that net/http puts into its text: endpoints
// are secrets and never logged.
func bare(err error) error {
	if request := (*url.Error)(nil); errors.As(err, &request) {
		err = request.Err
	}
	var op *net.OpError
	var dns *net.DNSError
	switch {
	case err == nil:
		return nil
	case errors.Is(err, errNotPublic):
		return errNotPublic
	case errors.As(err, &dns):
		return fmt.Errorf("resolve the push service's name: %s", dns.Err)
	case errors.As(err, &op):
		return fmt.Errorf("%s: %w", op.Op, op.Err)
	case errors.Is(err, context.DeadlineExceeded):
		return context.DeadlineExceeded
	}
	return err
}
