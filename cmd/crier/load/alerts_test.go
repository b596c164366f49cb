package load

import (
	"testing"
	"time"

	"crier/engine"
	"crier/push"
)

// TestCrowd: a store of the crowd is sorted, everybody in it is somebody else,
// and a sink finds them by the path of their endpoint.
func TestCrowd(t *testing.T) {
	const n = 5000
	c := crowd{Seed: []byte("seed"), Sinks: []string{"127.0.0.1:1", "127.0.0.1:2"}}
	seen, last, at := map[[65]byte]bool{}, push.ID{}, 0
	for r, err := range c.records(n, time.Now()) {
		if err != nil {
			t.Fatal(err)
		}
		s, ok := r.(engine.Subscription)
		if !ok {
			continue
		}
		if string(s.Subscription.ID[:]) <= string(last[:]) || seen[s.Subscription.P256dh] {
			t.Fatalf("subscription %d is out of order or somebody's double", at)
		}
		seen[s.Subscription.P256dh], last = true, s.Subscription.ID
		at++
	}
	if at != n {
		t.Errorf("%d subscriptions, want %d", at, n)
	}
	for _, i := range []int{0, 1, n - 1, 1 << 33} {
		s := c.subscription(i, time.Now())
		path := s.Endpoint[len("https://127.0.0.1:1"):]
		if got, err := number(path); err != nil || got != i {
			t.Errorf("%s is of %d, %v; want %d", path, got, err, i)
		}
		if [65]byte(c.private(i).PublicKey().Bytes()) != s.P256dh || c.auth(i) != s.Auth {
			t.Errorf("the keys of %d are others the second time", i)
		}
	}
	for _, path := range []string{"", "/", "/fcm/send/", "/fcm/send/zz:x", "/fcm/send/12", "/fcm/send/fffffffffffff:x"} {
		if n, err := number(path); err == nil {
			t.Errorf("%q is taken for the path of %d", path, n)
		}
	}
	kinds := map[string]int{}
	for i := range n {
		kinds[c.fault(i, 0.2)]++
	}
	if len(kinds) != 10 || kinds[""] < n*7/10 || kinds[""] > n*9/10 {
		t.Errorf("faults %v", kinds)
	}
}
