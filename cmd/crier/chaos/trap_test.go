package chaos

import "sync"

// step is where in its work a worker is killed.
type step int

const (
	beforeCheckpoint step = iota
	afterCheckpoint
	beforeRemovals
	afterClaim
	underWay
	steps
)

func (s step) String() string {
	return [...]string{"before a checkpoint", "after it, before its answer", "between it and its removals", "after a claim, before its answer", "while requests are under way"}[s]
}

// trap kills a node once at each step that it is set for.
type trap struct {
	node   *node
	sprung chan struct{} // closed when the node is dead

	mu   sync.Mutex
	set  bool
	step step
	left int // requests to let pass
}

// arm sets the trap.
func (t *trap) arm(at step) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.set, t.step, t.left, t.sprung = true, at, 20, make(chan struct{})
}

// spring kills the node if the trap is set for the step.
func (t *trap) spring(at step) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.set || t.step != at {
		return false
	}
	if at == underWay && t.left > 0 {
		t.left--
		return false
	}
	t.set = false
	t.node.kill()
	close(t.sprung)
	return true
}
