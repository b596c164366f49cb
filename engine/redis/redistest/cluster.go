package redistest

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"
)

// slots is how many slots a Cluster has.
const slots = 16384

// Cluster is a Cluster of three masters on ports of the loopback.
type Cluster struct {
	Nodes []*Server
	ports []int
	moved map[int64]int // slots that Move moved, and to which node
}

// StartCluster starts one that ends with the test, with the slots spread
// evenly.
func StartCluster(t testing.TB) *Cluster {
	t.Helper()
	c := &Cluster{moved: map[int64]int{}}
	for range 3 {
		port, bus := FreePort(t), FreePort(t)
		c.ports = append(c.ports, port)
		c.Nodes = append(c.Nodes, Start(t, "--port", strconv.Itoa(port), "--bind", "127.0.0.1", "--cluster-enabled", "yes",
			"--cluster-port", strconv.Itoa(bus), "--cluster-node-timeout", "2000"))
		if n := len(c.Nodes) - 1; n > 0 {
			c.Nodes[0].Say(t, "CLUSTER", "MEET", "127.0.0.1", port, bus)
		}
	}
	for i, n := range c.Nodes {
		n.Say(t, "CLUSTER", "ADDSLOTSRANGE", i*slots/3, (i+1)*slots/3-1)
	}
	c.agree(t)
	return c
}

// agree returns when every node knows where all slots are.
func (c *Cluster) agree(t testing.TB) {
	t.Helper()
	for deadline := time.Now().Add(patience); ; {
		agreed := 0
		for _, n := range c.Nodes {
			info := fmt.Sprint(n.Say(t, "CLUSTER", "INFO"))
			if strings.Contains(info, "cluster_state:ok") && strings.Contains(info, "cluster_size:3") {
				agreed++
			}
		}
		if agreed == len(c.Nodes) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("the cluster does not come up")
		}
		<-time.After(10 * time.Millisecond)
	}
}

// URL names two of the nodes; they know the third.
func (c *Cluster) URL() string {
	return fmt.Sprintf("redis+cluster://127.0.0.1:%d,127.0.0.1:%d", c.ports[0], c.ports[1])
}

// Save is Server.Save for all nodes.
func (c *Cluster) Save(t testing.TB) (restore func(testing.TB)) {
	t.Helper()
	var restores []func(testing.TB)
	for _, n := range c.Nodes {
		restores = append(restores, n.Save(t))
	}
	return func(t testing.TB) {
		t.Helper()
		for _, restore := range restores {
			restore(t)
		}
		c.agree(t)
	}
}

// Move moves the slot of a key to the next master, key by key, and returns how
// many keys it had. Meanwhile the slot is in two places.
func (c *Cluster) Move(t testing.TB, key string) (keys int) {
	t.Helper()
	slot := c.Nodes[0].Say(t, "CLUSTER", "KEYSLOT", key).(int64)
	from := c.owner(slot)
	to := (from + 1) % len(c.Nodes)
	id := func(n int) string { return fmt.Sprint(c.Nodes[n].Say(t, "CLUSTER", "MYID")) }
	c.Nodes[to].Say(t, "CLUSTER", "SETSLOT", slot, "IMPORTING", id(from))
	c.Nodes[from].Say(t, "CLUSTER", "SETSLOT", slot, "MIGRATING", id(to))
	source := c.Nodes[from].Client(t)
	for {
		next := say(t, source, "CLUSTER", "GETKEYSINSLOT", slot, 1).([]any)
		if len(next) == 0 {
			break
		}
		keys += len(next)
		say(t, source, append([]any{"MIGRATE", "127.0.0.1", c.ports[to], "", 0, 5000, "KEYS"}, next...)...)
	}
	for _, n := range []int{to, from, 3 - from - to} { // the new owner first, so that the slot is always somebody's
		c.Nodes[n].Say(t, "CLUSTER", "SETSLOT", slot, "NODE", id(to))
	}
	c.moved[slot] = to
	return keys
}

// owner is the node that has the slot.
func (c *Cluster) owner(slot int64) int {
	if n, ok := c.moved[slot]; ok {
		return n
	}
	n := 0
	for slot >= int64((n+1)*slots/3) {
		n++
	}
	return n
}
