package chaos

import (
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"

	"crier/engine/redis/redistest"
)

// TestChaosRolling restarts two nodes in turn, as an operator does who brings
// a new version, while items flow. The readers of each are sent to the other
// over the drain window, and nobody is cut off.
func TestChaosRolling(t *testing.T) {
	window := sized(5*time.Second, time.Second)
	s := playOn(t, 2, redistest.Start(t).URL(), sized(3000, 300), "--drain-window", window.String())
	s.flow(some())
	for range sized(3, 1) {
		for _, n := range s.fleet.nodes {
			s.fault("two nodes restarted in turn, SIGTERM", func() time.Time {
				if err := n.terminate(); err != nil {
					t.Error(err)
				}
				return time.Now()
			})
			s.fleet.restart(n)
		}
	}
	s.flow(some())
	s.finish()
	for i, r := range s.crowd.readers {
		if len(r.ends) == 0 {
			t.Errorf("reader %d was never sent away", i)
		}
		for _, code := range r.ends {
			if code != websocket.StatusServiceRestart {
				t.Errorf("reader %d: its connections ended with %v, every one should with %d", i, r.ends, websocket.StatusServiceRestart)
				break
			}
		}
	}
}

// terminate ends the node as an operator would: nobody new is sent to it, it
// is asked to go, and it goes without an error.
func (n *node) terminate() error {
	n.live.Store(false)
	if err := n.signal(syscall.SIGTERM); err != nil {
		return fmt.Errorf("terminate the node at %s: %w", n.addr, err)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	select {
	case <-n.gone:
	case <-time.After(patience):
		return fmt.Errorf("the node at %s does not end", n.addr)
	}
	if code := n.cmd.ProcessState.ExitCode(); code != 0 {
		return fmt.Errorf("the node at %s ended with %d", n.addr, code)
	}
	return nil
}
