package api_test

import (
	"fmt"
	"net/http"
	"net/netip"
	"strconv"
	"testing"

	"crier/api"
)

// TestCrowd: readers who come too fast, one address or all together, are told
// when to come back, not all at the same time; who is quicker than a rate only
// for a moment is let in.
func TestCrowd(t *testing.T) {
	s := newSite(t, func(_ *api.Parts, o *api.Options) {
		o.JoinRate = 4000
		o.Proxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	})
	join := func(from string) answer {
		return s.do(call{"GET", "/v1/live/poll?wait=0s", "", map[string]string{"X-Forwarded-For": from}})
	}
	waits := map[int]bool{}
	refused := func(from func(i int) string, most int) (after int) {
		for i := range most {
			a := join(from(i))
			if a.status == http.StatusOK {
				continue
			}
			a.want(t, http.StatusServiceUnavailable, "crowd")
			wait, err := strconv.Atoi(a.header.Get("Retry-After"))
			if err != nil || wait < 1 || wait > 8 {
				t.Errorf("come back after %q s", a.header.Get("Retry-After"))
			}
			waits[wait] = true
			if after == 0 {
				after = i
			}
			if len(waits) > 2 {
				return after
			}
		}
		t.Fatalf("%d came in a moment and were all let in", most)
		return 0
	}
	if n := refused(func(int) string { return "192.0.2.1" }, 20_000); n < 5000 {
		t.Errorf("an address is refused after %d", n)
	}
	if a := join("192.0.2.2"); a.status != http.StatusOK {
		t.Errorf("another address is refused: %d", a.status)
	}
	clear(waits)
	refused(func(i int) string { return fmt.Sprintf("198.51.%d.%d", i/250%250, i%250) }, 100_000)
}
