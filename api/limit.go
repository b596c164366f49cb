package api

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// limiter bounds a rate per client. It remembers at most maxClients; when
// they are more it forgets those that have been idle longest, who by then
// have all their tokens back or nearly so.
type limiter struct {
	every time.Duration // one token
	burst int
	pause time.Duration // what a refused client is told to wait

	mu      sync.Mutex
	clients map[netip.Addr]*client
}

type client struct {
	tokens *rate.Limiter
	seen   time.Time
}

const maxClients = 10_000

func newLimiter(every time.Duration, burst int) *limiter {
	return &limiter{every: every, burst: burst, pause: max(every, time.Second), clients: map[netip.Addr]*client{}}
}

// take uses one token of who, if there is one.
func (l *limiter) take(who netip.Addr) bool { return l.of(who).tokens.Allow() }

// left reports whether who has a token, without using it.
func (l *limiter) left(who netip.Addr) bool { return l.of(who).tokens.Tokens() >= 1 }

func (l *limiter) of(who netip.Addr) *client {
	if who.Is6() && !who.Is4In6() { // one household or host has a whole /64
		p, _ := who.Prefix(64)
		who = p.Addr()
	}
	now := time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	c := l.clients[who]
	if c == nil {
		if len(l.clients) >= maxClients {
			l.forget(now)
		}
		c = &client{tokens: rate.NewLimiter(rate.Every(l.every), l.burst)}
		l.clients[who] = c
	}
	c.seen = now
	return c
}

// forget drops the clients that have their tokens back, or failing that the
// half that was seen longest ago.
func (l *limiter) forget(now time.Time) {
	refilled := now.Add(-l.every * time.Duration(l.burst))
	seen := make([]time.Time, 0, len(l.clients))
	for who, c := range l.clients {
		if c.seen.Before(refilled) {
			delete(l.clients, who)
			continue
		}
		seen = append(seen, c.seen)
	}
	if len(l.clients) < maxClients {
		return
	}
	slices.SortFunc(seen, time.Time.Compare)
	middle := seen[len(seen)/2]
	for who, c := range l.clients {
		if !c.seen.After(middle) {
			delete(l.clients, who)
		}
	}
}

// limit refuses what goes over l's rate for the client's address.
func (s *server) limit(l *limiter, h handler) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		if !l.take(s.address(r)) {
			return tooMany("Too many requests came from your address.", l.pause)
		}
		return h(w, r)
	}
}

func tooMany(detail string, pause time.Duration) *Problem {
	p := problem(http.StatusTooManyRequests, "rate", "Too many requests", detail, "wait for Retry-After")
	p.retryAfter = pause
	return p
}

// address is the client's: of the connection, or if that is a trusted proxy
// the last one in X-Forwarded-For that no trusted proxy wrote for another.
func (s *server) address(r *http.Request) netip.Addr {
	ap, _ := netip.ParseAddrPort(r.RemoteAddr)
	who := ap.Addr().Unmap()
	if inside(who) && !s.trusted(who) && (r.Header.Get("X-Forwarded-For") != "" || r.Header.Get("Forwarded") != "") {
		s.unnamed.Do(func() {
			s.o.Logger.Warn("a proxy that is not named in --proxies forwards requests: all its clients share the bounds of one address", "address", who.String())
		})
	}
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(hops) - 1; i >= 0 && s.trusted(who); i-- {
		hop, err := netip.ParseAddr(strings.TrimSpace(hops[i]))
		if err != nil {
			break
		}
		who = hop.Unmap().WithZone("")
	}
	return who
}

// inside reports whether the address is of this machine or a private network
// (RFC 1918, RFC 4193): a proxy's whom nobody has named, rather than one
// reader's. All readers come from there then, and are not bounded together.
func inside(a netip.Addr) bool { return a.IsLoopback() || a.IsPrivate() || a.IsLinkLocalUnicast() }

func (s *server) trusted(a netip.Addr) bool {
	return slices.ContainsFunc(s.o.Proxies, func(p netip.Prefix) bool { return p.Contains(a) })
}
