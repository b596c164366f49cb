package api_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"crier/api"
	"crier/hub"
	"crier/push"
)

// TestCrowd: readers who come too fast, from one address or all together, are
// told when to come back, and not all at the same time.
func TestCrowd(t *testing.T) {
	for _, c := range []struct {
		name  string
		o     api.Options
		from  func(i int) string
		least int    // who are let in before
		other string // an address that is let in after, if any is
	}{
		{"from one address", api.Options{AddressJoinRate: 1}, func(int) string { return "192.0.2.1" }, 100, "192.0.2.2"},
		{"from many", api.Options{JoinRate: 20}, func(i int) string { return fmt.Sprintf("198.51.%d.%d", i/250, i%250) }, 40, ""},
	} {
		s := newSite(t, func(_ *api.Parts, o *api.Options) {
			*o = c.o
			o.Proxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
		})
		join := func(from string) answer {
			return s.do(call{"GET", "/v1/live/poll?wait=0s", "", map[string]string{"X-Forwarded-For": from}})
		}
		refused, waits := 0, map[int]bool{}
		for i := 0; len(waits) < 3; i++ {
			if i == 5000 {
				t.Fatalf("%s: %d were refused in a moment, with the waits %v", c.name, refused, waits)
			}
			a := join(c.from(i))
			if a.status == http.StatusOK {
				continue
			}
			a.want(t, http.StatusServiceUnavailable, "crowd")
			wait, err := strconv.Atoi(a.header.Get("Retry-After"))
			if err != nil || wait < 1 || wait > 8 {
				t.Errorf("%s: come back after %q s", c.name, a.header.Get("Retry-After"))
			}
			if waits[wait] = true; refused == 0 && i < c.least {
				t.Errorf("%s: refused after %d", c.name, i)
			}
			refused++
		}
		if c.other != "" {
			join(c.other).want(t, http.StatusOK, "")
		}
	}
}

// TestCrowded: one address has no more places than it may, and this machine's
// own has them all.
func TestCrowded(t *testing.T) {
	s := newSite(t, func(p *api.Parts, o *api.Options) {
		o.Proxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
		live, err := hub.New(p.Log.(hub.Source), hub.Options{PerAddress: 2, DrainWindow: time.Millisecond})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
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
	})
	poll := func(from string) answer {
		return s.do(call{"GET", "/v1/live/poll?wait=0s", "", map[string]string{"X-Forwarded-For": from}})
	}
	for range 2 {
		next(t, s.stream("", map[string]string{"X-Forwarded-For": "192.0.2.1"}))
	}
	a := poll("192.0.2.1")
	a.want(t, http.StatusServiceUnavailable, "crowded")
	if wait, err := strconv.Atoi(a.header.Get("Retry-After")); err != nil || wait < 1 {
		t.Errorf("come back after %q s", a.header.Get("Retry-After"))
	}
	poll("192.0.2.2").want(t, http.StatusOK, "")
	for range 3 {
		next(t, s.stream("", nil))
	}
	poll("127.0.0.1").want(t, http.StatusOK, "")
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
	if after, err := strconv.Atoi(a.header.Get("Retry-After")); err != nil || after < 5 || after > 30 {
		t.Errorf("Retry-After %q", a.header.Get("Retry-After"))
	}
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
