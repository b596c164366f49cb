package hub

import (
	"net/netip"
	"testing"
	"unsafe"
)

// TestHomes: who shares a bound.
func TestHomes(t *testing.T) {
	for _, c := range []struct {
		a, b string
		same bool
	}{
		{"192.0.2.1", "192.0.2.1", true},
		{"192.0.2.1", "::ffff:192.0.2.1", true},
		{"192.0.2.1", "192.0.2.2", false},
		{"192.0.2.1", "64:ff9b::192.0.2.1", false},
		{"2001:db8:1:2::3", "2001:db8:1:2:ffff:ffff:ffff:ffff", true},
		{"2001:db8:1:2::3", "2001:db8:1:3::3", false},
		{"fe80::1%eth0", "fe80::1", true},
	} {
		a, b := homeOf(netip.MustParseAddr(c.a)), homeOf(netip.MustParseAddr(c.b))
		if (a == b) != c.same || a == nowhere || b == nowhere {
			t.Errorf("%s and %s: %x, %x", c.a, c.b, a, b)
		}
	}
	if homeOf(netip.Addr{}) != nowhere {
		t.Error("an address that is not known is bounded")
	}
}

// BenchmarkDoor is a reader in and out, among 10,000 of other addresses.
func BenchmarkDoor(b *testing.B) {
	h := &Hub{ready: make(chan struct{})}
	close(h.ready)
	h.door.init(1<<20, 10)
	for i := range 10_000 {
		if err := h.admit(home(i + 2)); err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		where := homeOf(netip.AddrFrom4([4]byte{192, 0, 2, 1}))
		if err := h.admit(where); err != nil {
			b.Fatal(err)
		}
		h.door.leave(where)
	}
	b.ReportMetric(float64(unsafe.Sizeof(reader{})), "B/reader")
}
