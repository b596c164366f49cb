package chaos

import (
	"bytes"
	crand "crypto/rand"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// fleet is nodes of the real program.
type fleet struct {
	t     testing.TB
	key   string // an admin's
	nodes []*node
}

// node is one process at a fixed address, which may have died.
type node struct {
	URL  string
	addr string
	args []string // of serve, but for --listen
	said *transcript
	live atomic.Bool // it is ready, and was not killed

	mu   sync.Mutex
	cmd  *exec.Cmd
	gone chan struct{} // closed when it has ended
}

// startFleet runs n nodes for the time of the test; args are those of serve.
// What detects races or panics in a node fails the test.
func startFleet(t testing.TB, n int, args ...string) *fleet {
	t.Helper()
	f := &fleet{t: t, key: crand.Text() + crand.Text()}
	t.Cleanup(func() {
		for _, n := range f.nodes {
			n.kill()
			if said := n.said.String(); t.Failed() || strings.Contains(said, "DATA RACE") || strings.Contains(said, "panic:") {
				t.Errorf("the node at %s said:\n%s", n.addr, said)
			}
		}
	})
	for range n {
		f.launch(f.add(args...))
	}
	for _, n := range f.nodes {
		f.ready(n)
	}
	return f
}

// add makes a node that does not run yet. It has an address of its own at
// which no connection of ours ends, so that its port stays free while it is
// dead.
func (f *fleet) add(args ...string) *node {
	f.t.Helper()
	l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.%d:0", 11+len(f.nodes)))
	if err != nil {
		f.t.Fatal(err)
	}
	addr := l.Addr().String()
	if err := l.Close(); err != nil {
		f.t.Fatal(err)
	}
	n := &node{URL: "http://" + addr, addr: addr, args: args, said: &transcript{}}
	f.nodes = append(f.nodes, n)
	return n
}

// restart runs a node that was killed, and returns when it is ready.
func (f *fleet) restart(n *node) {
	f.t.Helper()
	f.launch(n)
	f.ready(n)
}

func (f *fleet) launch(n *node) {
	f.t.Helper()
	cmd := exec.Command(binary, append([]string{"serve", "--listen", n.addr, "--drain-window", "100ms"}, n.args...)...)
	cmd.Env = append(os.Environ(), "CRIER_ADMIN_KEY="+f.key)
	cmd.Stdout, cmd.Stderr = n.said, n.said
	n.mu.Lock()
	defer n.mu.Unlock()
	if err := cmd.Start(); err != nil {
		f.t.Fatal(err)
	}
	gone := make(chan struct{})
	n.cmd, n.gone = cmd, gone
	go func() {
		_ = cmd.Wait() // "signal: killed"
		close(gone)
	}()
}

// ready returns when the node takes readers and posts.
func (f *fleet) ready(n *node) {
	f.t.Helper()
	n.mu.Lock()
	gone, ended := n.gone, false
	n.mu.Unlock()
	is := until(func() bool {
		select {
		case <-gone:
			ended = true
		default:
		}
		w, err := http.Get(n.URL + "/readyz")
		if err == nil {
			_ = w.Body.Close()
		}
		return ended || err == nil && w.StatusCode == http.StatusOK
	})
	if ended || !is {
		f.t.Fatalf("the node at %s does not get ready, ended: %v", n.addr, ended)
	}
	n.live.Store(true)
}

// any is one of the nodes, dead or alive.
func (f *fleet) any() *node { return f.nodes[rand.IntN(len(f.nodes))] }

// living is one of those that live, as a balancer would choose, or any if none
// does.
func (f *fleet) living() *node {
	n := f.any()
	for range 8 * len(f.nodes) {
		if n.live.Load() {
			break
		}
		n = f.any()
	}
	return n
}

// kill ends the node as a crash would, and returns when it has ended.
func (n *node) kill() {
	n.live.Store(false)
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.cmd == nil {
		return
	}
	_ = n.cmd.Process.Kill() // it may have ended by itself
	<-n.gone
}

// signal stops the process where it is, or lets it go on.
func (n *node) signal(s os.Signal) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.cmd.Process.Signal(s)
}

// transcript is what a node writes.
type transcript struct {
	mu  sync.Mutex
	all bytes.Buffer
}

var _ io.Writer = (*transcript)(nil)

func (l *transcript) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.all.Write(p)
}

func (l *transcript) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.all.String()
}
