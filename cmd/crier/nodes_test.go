package main

import (
	"regexp"
	"strings"
	"testing"

	"crier/engine/redis/redistest"
)

// startRedis runs a redis-server of the test's own and returns its address.
func startRedis(t *testing.T) string {
	t.Helper()
	return redistest.Start(t).URL()
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
