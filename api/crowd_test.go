package api_test

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"crier/api"
	"crier/hub"
	"crier/push"
)

// joins are the ways to join.
var joins = map[string]call{
	"WebSocket": {"GET", "/v1/live", "", map[string]string{"Connection": "keep-alive, Upgrade", "Upgrade": "h2c, WebSocket",
		"Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="}},
	"event stream": {"GET", "/v1/live", "", map[string]string{"Accept": "text/event-stream"}},
	"poll":         {"GET", "/v1/live/poll?wait=0s", "", nil},
}

// from is c as it comes from an address.
func (c call) from(address string) call {
	c.header = maps.Clone(c.header)
	if c.header == nil {
		c.header = map[string]string{}
	}
	c.header["X-Forwarded-For"] = address
	return c
}

// in reports whether the answer let a reader in.
func (a answer) in() bool { return a.status < 400 }

// behindProxy has the clients' addresses come from X-Forwarded-For.
func behindProxy(_ *api.Parts, o *api.Options) {
	o.Proxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
}

// onHub has a site's readers on a hub of its own, which ends with stop.
func onHub(t *testing.T, o hub.Options) (with options, stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	return func(p *api.Parts, _ *api.Options) {
		live, err := hub.New(p.Log.(hub.Source), o)
		if err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() { ended <- live.Run(ctx) }()
		t.Cleanup(func() {
			cancel()
			if err := <-ended; err != nil {
				t.Error(err)
			}
		})
		<-live.Ready()
		p.Live = live
	}, cancel
}

// wait is the answer's Retry-After, which must be from 1 to most seconds.
func (a answer) wait(t *testing.T, most int) int {
	t.Helper()
	wait, err := strconv.Atoi(a.header.Get("Retry-After"))
	if err != nil || wait < 1 || wait > most {
		t.Errorf("come back after %q s, want 1 to %d", a.header.Get("Retry-After"), most)
	}
	return wait
}

// spreads asks until those who are refused have been told three different
// waits.
func (s *site) spreads(c call, kind string, most int) {
	s.t.Helper()
	waits := map[int]bool{}
	for i := 0; len(waits) < 3; i++ {
		if i == 100 {
			s.t.Fatalf("%s: all are told to come back after %v s", kind, waits)
		}
		a := s.do(c)
		a.want(s.t, http.StatusServiceUnavailable, kind)
		waits[a.wait(s.t, most)] = true
	}
}

// TestCrowd: readers who come too fast, from one address or all together, are
// told when to come back, and not all at the same time, however they join.
func TestCrowd(t *testing.T) {
	for _, c := range []struct {
		name   string
		o      api.Options
		from   func(i int) string
		least  int    // who are let in before
		other  string // an address that is let in after, if any is
		reason string
	}{
		{"from one address", api.Options{AddressJoinRate: 1}, func(int) string { return "192.0.2.1" }, 100, "192.0.2.2", "address_rate"},
		{"from many", api.Options{JoinRate: 20}, func(i int) string { return fmt.Sprintf("198.51.%d.%d", i/250, i%250) }, 40, "", "rate"},
	} {
		for way, join := range joins {
			t.Run(c.name+" by "+way, func(t *testing.T) {
				refused := new(api.Refusals)
				s := newSite(t, func(_ *api.Parts, o *api.Options) { *o = c.o; o.Refusals = refused }, behindProxy)
				waits, n := map[int]bool{}, uint64(0)
				for i := 0; len(waits) < 3; i++ {
					if i == 5000 {
						t.Fatalf("%d were refused in a moment, with the waits %v", n, waits)
					}
					a := s.do(join.from(c.from(i)))
					if a.in() {
						continue
					}
					a.want(t, http.StatusServiceUnavailable, "crowd")
					waits[a.wait(t, 8)] = true
					if n++; i < c.least {
						t.Errorf("refused after %d", i)
					}
				}
				if got := refused.Counts()[c.reason]; got != n {
					t.Errorf("%d were refused, counted are %v", n, refused.Counts())
				}
				// There is no room for the next either, and the place of asking is not
				// one of joining.
				ask := call{"GET", "/v1/live/room", "", nil}.from(c.from(0))
				a := s.do(ask)
				for i := 0; a.status == http.StatusNoContent; a = s.do(ask) { // there may be again, by now
					if s.do(join.from(c.from(0))); i == 1000 {
						t.Fatal("there is always room")
					}
					i++
				}
				a.want(t, http.StatusServiceUnavailable, "crowd")
				if c.other != "" {
					s.do(call{"GET", "/v1/live/room", "", nil}.from(c.other)).want(t, http.StatusNoContent, "")
					if a := s.do(join.from(c.other)); !a.in() {
						t.Errorf("another is answered %d %s", a.status, a.body)
					}
				}
			})
		}
	}
}

// TestFull: when all places are taken, or all of an address, who comes is told
// when to come back, however it joins, and nobody else is kept out.
func TestFull(t *testing.T) {
	for _, c := range []struct {
		kind string
		o    hub.Options
	}{
		{"full", hub.Options{MaxReaders: 2, DrainWindow: -1}},
		{"crowded", hub.Options{PerAddress: 2, DrainWindow: -1}},
	} {
		t.Run(c.kind, func(t *testing.T) {
			refused := new(api.Refusals)
			with, _ := onHub(t, c.o)
			s := newSite(t, func(_ *api.Parts, o *api.Options) { o.Refusals = refused }, behindProxy, with)
			room := call{"GET", "/v1/live/room", "", nil}.from("192.0.2.1")
			for range 2 {
				s.do(room).want(t, http.StatusNoContent, "")
				next(t, s.stream("", map[string]string{"X-Forwarded-For": "192.0.2.1"}))
			}
			n := uint64(0)
			for _, join := range joins {
				s.spreads(join.from("192.0.2.1"), c.kind, 30)
				n = refused.Counts()[c.kind]
			}
			if n < 9 {
				t.Errorf("counted are %v", refused.Counts())
			}
			s.spreads(room, c.kind, 30)
			if got := refused.Counts()[c.kind]; got != n {
				t.Error("who asks is counted as who joins")
			}
			if c.kind == "full" {
				return
			}
			s.do(joins["poll"].from("192.0.2.2")).want(t, http.StatusOK, "")
			for range 3 { // this machine's own are not bounded together
				next(t, s.stream("", nil))
			}
			s.do(joins["poll"].from("127.0.0.1")).want(t, http.StatusOK, "")
		})
	}
}

// TestRoom: asking takes no place and uses up nothing of what may join, any
// page may ask, and nobody may without end.
func TestRoom(t *testing.T) {
	with, _ := onHub(t, hub.Options{MaxReaders: 1, DrainWindow: -1})
	s := newSite(t, func(_ *api.Parts, o *api.Options) { o.AddressJoinRate = 1 }, behindProxy, with)
	room, join := call{"GET", "/v1/live/room", "", nil}.from("192.0.2.1"), joins["poll"].from("192.0.2.1")
	for range 150 {
		a := s.do(room)
		a.want(t, http.StatusNoContent, "")
		if len(a.body) != 0 || a.header.Get("Access-Control-Allow-Origin") != "*" || a.header.Get("Cache-Control") != "no-store" {
			t.Fatalf("answered %v %q", a.header, a.body)
		}
	}
	for range 100 {
		s.do(join).want(t, http.StatusOK, "")
	}
	s.do(room).want(t, http.StatusServiceUnavailable, "crowd")
	a := s.do(room)
	for i := 0; a.status != http.StatusTooManyRequests; i++ {
		if a = s.do(room); i == 1000 {
			t.Fatal("an address may ask without end")
		}
	}
	a.wait(t, 8)
	if a.header.Get("Access-Control-Expose-Headers") == "" {
		t.Error("a page of another origin does not see when to come back")
	}
	s.do(call{"HEAD", "/v1/live/room", "", nil}.from("192.0.2.2")).want(t, http.StatusNoContent, "")
}

// TestDrainingHub: a node that goes down says so to who comes and to who asks.
func TestDrainingHub(t *testing.T) {
	refused := new(api.Refusals)
	with, stop := onHub(t, hub.Options{DrainWindow: time.Hour})
	s := newSite(t, func(_ *api.Parts, o *api.Options) { o.Refusals = refused }, with)
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	read := s.streamWith(ctx, "", nil)
	next(t, read)
	stop()
	if m := next(t, read); m.Type != "drain" {
		t.Fatalf("got %+v", m)
	}
	for _, c := range joins {
		s.spreads(c, "draining", 4)
	}
	if got := refused.Counts()["draining"]; got < 9 {
		t.Errorf("counted are %v", refused.Counts())
	}
	s.spreads(call{"GET", "/v1/live/room", "", nil}, "draining", 4)
}

// TestPollsAreNoJoins: who polls on after each item uses up nothing of what may
// join; who polls with no cursor, or one of before, joins.
func TestPollsAreNoJoins(t *testing.T) {
	s := newSite(t, func(_ *api.Parts, o *api.Options) { o.AddressJoinRate = 1 }, behindProxy)
	poll := func(cursor string) answer {
		return s.do(call{"GET", "/v1/live/poll?wait=0s&cursor=" + cursor, "", nil}.from("192.0.2.1"))
	}
	here := s.epoch() + ".0"
	for range 300 {
		poll(here).want(t, http.StatusOK, "")
	}
	for i := range 100 {
		poll([]string{"", "elsewhere.7"}[i%2]).want(t, http.StatusOK, "")
	}
	for poll("").in() || poll("elsewhere.7").in() { // a token or two may have come since
	}
	poll(here).want(t, http.StatusOK, "")
	for i := 0; poll(here).in(); i++ {
		if i == 5000 {
			t.Fatal("an address may poll without end")
		}
	}
}

// TestHead: asking for the head of a stream opens none, and takes no place.
func TestHead(t *testing.T) {
	with, _ := onHub(t, hub.Options{MaxReaders: 1, DrainWindow: -1})
	s := newSite(t, with)
	for _, c := range []call{
		{"HEAD", "/v1/live", "", map[string]string{"Accept": "text/event-stream"}},
		{"HEAD", "/v1/live", "", joins["WebSocket"].header},
		{"HEAD", "/v1/live/poll", "", nil},
	} {
		a := s.do(c)
		if a.status != http.StatusMethodNotAllowed || a.header.Get("Allow") != "GET" || len(a.body) != 0 {
			t.Errorf("HEAD %s: %d, Allow %q, %q", c.path, a.status, a.header.Get("Allow"), a.body)
		}
		s.do(call{"GET", "/v1/live/room", "", nil}).want(t, http.StatusNoContent, "")
	}
}

// TestRefusalsHaveNames: what is counted is counted from the first.
func TestRefusalsHaveNames(t *testing.T) {
	got := slices.Sorted(maps.Keys(new(api.Refusals).Counts()))
	if want := []string{"address_rate", "crowded", "draining", "full", "rate", "starting"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// besieged has as many sign-ups as it takes.
type besieged struct{ api.Alerts }

func (besieged) Subscribe(context.Context, push.Subscription) (bool, error) {
	return false, push.ErrBusy
}

func TestSignUpsAreBoundedInAll(t *testing.T) {
	s := newSite(t, func(p *api.Parts, _ *api.Options) { p.Alerts = besieged{p.Alerts} })
	sub, _ := browser(t, "https://"+alertHost+"/one")
	a := s.do(call{"PUT", "/v1/alerts/subscription", sub, nil})
	a.want(t, http.StatusServiceUnavailable, "sign-ups")
	a.wait(t, 30)
}

// TestAProxyThatNobodyHasNamedIsTold once, and one that is named never.
func TestAProxyThatNobodyHasNamedIsTold(t *testing.T) {
	for named, want := range map[string]int{"": 1, "127.0.0.0/8": 0} {
		for _, header := range []string{"X-Forwarded-For", "Forwarded"} {
			var log logged
			s := newSite(t, func(_ *api.Parts, o *api.Options) {
				o.Logger = slog.New(slog.NewTextHandler(&log, nil))
				if named != "" {
					o.Proxies = []netip.Prefix{netip.MustParsePrefix(named)}
				}
			})
			const told = "not named in --proxies"
			s.do(call{method: "GET", path: "/v1/items"})
			if log.count(told) != 0 {
				t.Errorf("%q named: told though nobody forwards", named)
			}
			for range 3 {
				s.do(call{"GET", "/v1/items", "", map[string]string{header: "192.0.2.1"}})
			}
			if n := log.count(told); n != want {
				t.Errorf("%q named, %s: told %d times, want %d", named, header, n, want)
			}
		}
	}
}

type logged struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logged) count(what string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.text.String(), what)
}
