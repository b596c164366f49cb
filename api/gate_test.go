package api

import (
	"net/netip"
	"testing"
	"testing/synctest"
	"time"
)

// TestGate: who is refused has cost nothing, neither its address, when all are
// too many, nor all, when its address is.
func TestGate(t *testing.T) {
	a, b := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
	inner := netip.MustParseAddr("10.0.0.1")
	type step struct {
		who  netip.Addr
		ok   bool
		why  reason
		wait time.Duration // before
	}
	for _, c := range []struct {
		name  string
		gate  func() *gate
		steps []step
	}{
		{"all are too many", func() *gate { return newGate(1, 4, 1, 2) }, []step{
			{a, true, 0, 0}, {a, true, 0, 0}, {a, false, tooFast, 0}, {a, false, tooFast, 0}, {b, false, tooFast, 0}, {inner, false, tooFast, 0},
			{b, true, 0, time.Second}, {b, false, tooFast, 0}, // of a's four, two are left, and one has come back
			{a, true, 0, 2 * time.Second}, {a, true, 0, 0}, {a, false, tooFast, 0},
		}},
		{"an address is too many", func() *gate { return newGate(1, 1, 1, 3) }, []step{
			{a, true, 0, 0}, {a, false, addressFast, 0}, {a, false, addressFast, 0}, {a, false, addressFast, 0},
			{b, true, 0, 0}, {inner, true, 0, 0}, {inner, false, tooFast, 0},
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := c.gate()
				for i, s := range c.steps {
					time.Sleep(s.wait)
					if open := g.open(s.who); open != s.ok {
						t.Errorf("step %d: open says %t", i, open)
					}
					if why, ok := g.pass(s.who); ok != s.ok || !ok && why != s.why {
						t.Errorf("step %d: %s, %t; want %s, %t", i, why, ok, s.why, s.ok)
					}
				}
			})
		})
	}
	g := newGate(1, 4, 1, 1)
	g.pass(a)
	for range 10 {
		g.pass(a)
	}
	if left := g.address.of(a).tokens.Tokens(); left < 3 {
		t.Errorf("an address that was let in once of 11 times has %v of 4 left", left)
	}
}
