package main

import (
	"fmt"
	"net"
	"net/url"
	"strings"
)

// publicURL is the address readers use, without a slash at the end.
func (c serveCmd) publicURL(addr net.Addr) (string, error) {
	given := c.PublicURL
	if given == "" {
		return c.local(addr), nil
	}
	u, err := url.Parse(given)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" {
		return "", fmt.Errorf("--public-url %q: give a scheme and a host, such as https://news.example", given)
	}
	return u.Scheme + "://" + u.Host, nil
}

// local is how the listener at addr is reached: by the domain that it has a
// certificate for, else on this machine.
func (c serveCmd) local(addr net.Addr) string {
	host, port, _ := net.SplitHostPort(addr.String()) // a listener's address has both
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = "localhost"
	}
	switch {
	case len(c.ACMEDomain) > 0 && port == "443":
		return "https://" + c.ACMEDomain[0]
	case len(c.ACMEDomain) > 0:
		return "https://" + net.JoinHostPort(c.ACMEDomain[0], port)
	case c.TLSCert != "":
		return "https://" + net.JoinHostPort(host, port)
	}
	return "http://" + net.JoinHostPort(host, port)
}
