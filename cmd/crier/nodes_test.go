package main

import (
	"bytes"
	"net"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// startRedis runs a redis-server of the test's own and returns its address.
func startRedis(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("redis-server")
	if err != nil {
		t.Fatal("redis-server is missing; on Debian: sudo apt-get install redis-server")
	}
	dir := t.TempDir()
	socket := filepath.Join(dir, "s")
	var said bytes.Buffer
	server := exec.Command(path, "--port", "0", "--unixsocket", socket, "--dir", dir, "--save", "", "--appendonly", "yes", "--appendfsync", "always")
	server.Stdout, server.Stderr = &said, &said
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = server.Process.Kill() // it is ours and holds nothing anybody needs
		_ = server.Wait()
	})
	ready := time.NewTicker(10 * time.Millisecond)
	defer ready.Stop()
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); <-ready.C {
		c, err := net.Dial("unix", socket)
		if err == nil {
			_ = c.Close()
			return "unix://" + socket
		}
	}
	t.Fatalf("redis-server does not listen: %s", said.String())
	return ""
}

func TestNodesOnOneRedis(t *testing.T) {
	redis := startRedis(t)
	one, stop := service(t, "serve", "--redis", redis)
	two, _ := service(t, "serve", "--redis", redis)
	secret, said, code := command(t, "keys", "create", "--role", "editor", "--name", "Ada", "--redis", redis)
	if code != 0 {
		t.Fatal(said)
	}
	_, key := get(t, one+"/v1/alerts/key")
	if _, other := get(t, two+"/v1/alerts/key"); other != key {
		t.Errorf("the nodes subscribe browsers with different keys: %s, %s", key, other)
	}
	_, front := get(t, two+"/v1/items")
	m := regexp.MustCompile(`"cursor":"([^"]+)"`).FindStringSubmatch(front)
	if m == nil {
		t.Fatalf("no cursor in %s", front)
	}
	id, said, code := command(t, "post", "--url", one, "--key", strings.TrimSpace(secret), "The bell rings")
	if code != 0 {
		t.Fatal(said)
	}
	if _, live := get(t, two+"/v1/live/poll?wait=20s&cursor="+m[1]); !strings.Contains(live, strings.TrimSpace(id)) {
		t.Errorf("the other node's readers do not get it: %s", live)
	}
	if code := stop(); code != 0 {
		t.Errorf("the first node ended with %d", code)
	}
	if _, said, code := command(t, "post", "--url", two, "--key", strings.TrimSpace(secret), "Still here"); code != 0 {
		t.Errorf("the node that is left takes no post: %s", said)
	}
}

func TestRedisThatCannotBeUsed(t *testing.T) {
	for name, c := range map[string]struct{ address, says string }{
		"nobody there": {"redis://127.0.0.1:1", "127.0.0.1:1"},
		"no address":   {"127.0.0.1:6379", "not a Redis URL"},
	} {
		_, said, code := command(t, "serve", "--redis", c.address, "--listen", "127.0.0.1:0")
		if code != 1 || !strings.Contains(said, c.says) || strings.Contains(said, "panic") {
			t.Errorf("%s: code %d, said %s", name, code, said)
		}
	}
}
