package chaos

import (
	"testing"
	"time"

	"crier/engine/redis/redistest"
)

// TestChaosNodes kills one node after another while items flow.
func TestChaosNodes(t *testing.T) {
	s := play(t, redistest.Start(t).URL(), sized(3000, 300))
	next := time.NewTicker(sized(4*time.Second, 500*time.Millisecond))
	defer next.Stop()
	for i := 0; i < 3 || s.room.taken() < sized(2000, 200); i++ {
		n := s.fleet.nodes[i%3]
		s.fault("a node killed -9, again and again", func() time.Time {
			n.kill()
			return time.Now()
		})
		s.fleet.restart(n)
		<-next.C
	}
	s.finish()
}
