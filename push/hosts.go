package push

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"crier/news"
)

// maxEndpoint bounds an endpoint in bytes. Windows has the longest we know of,
// under 1024.
const maxEndpoint = 2048

// Hosts says which push services we send to: the browser vendors' and those
// the operator named. The zero value knows the vendors' only.
type Hosts struct {
	named  map[string]bool // by host:port, in lower case
	byName map[string]bool // of these, those that campaigns count by name
}

// vendors are the push services of browser vendors, as their pace is learned
// and their notifications are counted.
func vendors() []string {
	return []string{"fcm.googleapis.com", "updates.push.services.mozilla.com", "push.apple.com", "notify.windows.com"}
}

// counted is the name under which campaigns count a push service: its own, if
// it is a vendor's or among the first that the operator named.
func (h Hosts) counted(service string) string {
	if h.byName[service] || slices.Contains(vendors(), service) {
		return service
	}
	return OtherServices
}

// ParseHosts reads the operator's further hosts, each HOST or HOST:PORT. A
// host without a port stands for https on 443 and http on 80. Only a host that
// is named here may be reached over plain http or at an address that is not
// public.
func ParseHosts(named []string) (Hosts, error) {
	h := Hosts{named: map[string]bool{}, byName: map[string]bool{}}
	for _, entry := range named {
		host, port, err := splitNamed(strings.ToLower(strings.TrimSpace(entry)))
		if err != nil {
			return Hosts{}, fmt.Errorf("alert host %.80q: %w", entry, err)
		}
		ports := []string{port}
		if port == "" {
			ports = []string{"443", "80"}
		}
		for _, port := range ports {
			addr := net.JoinHostPort(host, port)
			h.named[addr] = true
			if len(h.byName)+len(vendors()) < MaxServices {
				h.byName[addr] = true
			}
		}
	}
	return h, nil
}

func splitNamed(entry string) (host, port string, err error) {
	host = strings.TrimSuffix(strings.TrimPrefix(entry, "["), "]")
	if h, p, err := net.SplitHostPort(entry); err == nil {
		n, err := strconv.ParseUint(p, 10, 16)
		if err != nil || n == 0 {
			return "", "", fmt.Errorf("%.20q is not a port", p)
		}
		host, port = h, strconv.FormatUint(n, 10)
	}
	u, err := url.Parse("//" + net.JoinHostPort(host, "1"))
	if err != nil || host == "" || u.Hostname() != host || strings.ContainsAny(host, "/*@?# ") {
		return "", "", errors.New("give HOST or HOST:PORT, such as push.example or 127.0.0.1:9000")
	}
	return host, port, nil
}

// vendor is the push service that the host belongs to, "" if to none. The name
// is what its pace is learned under.
func vendor(host string) string {
	switch host {
	case "fcm.googleapis.com", "android.googleapis.com", "jmt17.google.com":
		return "fcm.googleapis.com"
	case "updates.push.services.mozilla.com":
		return host
	}
	for _, domain := range []string{"push.apple.com", "notify.windows.com"} {
		if strings.HasSuffix(host, "."+domain) {
			return domain
		}
	}
	return ""
}

// target is an endpoint taken apart.
type target struct {
	url     *url.URL
	scheme  string
	addr    string // host:port to connect to
	origin  string // as VAPID tokens name it (RFC 6454 section 6.1)
	service string // whose pace it shares
	named   bool   // by the operator
}

// target checks an endpoint, as browsers send it, and takes it apart. The
// fault names at most the host: the rest is a secret.
func (h Hosts) target(endpoint string) (target, *news.Fault) {
	fault := func(problem, mend string) (target, *news.Fault) {
		return target{}, &news.Fault{Field: "endpoint", Problem: problem, Mend: mend}
	}
	const asGiven = "send the endpoint as the browser gives it"
	if len(endpoint) > maxEndpoint {
		return fault("is too long", fmt.Sprintf("use at most %d bytes", maxEndpoint))
	}
	odd := strings.ContainsFunc(endpoint, func(r rune) bool { return r <= ' ' || r >= 0x7f || r == '\\' || r == '#' })
	u, err := url.Parse(endpoint)
	if err != nil || odd || u.Opaque != "" || u.Hostname() == "" {
		return fault("is not an address", asGiven)
	}
	if u.User != nil {
		return fault("carries a user name", asGiven)
	}
	if u.Scheme != "https" && u.Scheme != "http" {
		return fault(fmt.Sprintf("has the scheme %.20q", u.Scheme), "use https")
	}
	host, port := strings.ToLower(u.Hostname()), u.Port()
	standard := map[string]string{"https": "443", "http": "80"}[u.Scheme]
	if port == "" {
		port = standard
	}
	t := target{url: u, scheme: u.Scheme, addr: net.JoinHostPort(host, port), service: vendor(host)}
	switch {
	case h.named[t.addr]:
		t.service, t.named = t.addr, true
	case t.service == "":
		return fault(fmt.Sprintf("is at %.100q, which is no push service we know", host), "use a browser's own push service, or have the operator name the host in --alert-hosts")
	case u.Scheme != "https":
		return fault("is not https", "use https")
	case port != "443":
		return fault("has the port "+port, "use port 443")
	}
	if len(u.Path) < 2 {
		return fault("has no path", asGiven)
	}
	t.origin = t.scheme + "://" + t.addr
	if port == standard {
		t.origin = t.scheme + "://" + strings.TrimSuffix(t.addr, ":"+port)
	}
	return t, nil
}
