package main

import (
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"crier/engine/redis/redistest"
)

// metric is the value of a metric with its labels, as /metrics shows it.
func metric(t *testing.T, admin, name string) float64 {
	t.Helper()
	code, page := get(t, admin+"/metrics")
	if code != http.StatusOK {
		t.Fatalf("/metrics answers %d: %s", code, page)
	}
	m := regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(name) + ` (\S+)$`).FindStringSubmatch(page)
	if m == nil {
		t.Fatalf("no %s in:\n%s", name, page)
	}
	v, err := strconv.ParseFloat(m[1], 64)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// eventually waits until what is asked for is so.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(time.Minute); !is(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatal("waited in vain: ", what)
		}
	}
}

func newKey(t *testing.T, redis string) string {
	t.Helper()
	secret, said, code := command(t, "keys", "create", "--role", "chief", "--name", "Ada", "--redis", redis)
	if code != 0 {
		t.Fatal(said)
	}
	return strings.TrimSpace(secret)
}

func TestAdmin(t *testing.T) {
	server := redistest.Start(t)
	key := newKey(t, server.URL())
	n := startNode(t, "--redis", server.URL(), "--admin", "127.0.0.1:0", "--canary-every", "1s")
	eventually(t, "the canary flies", func() bool { return metric(t, n.admin, "crier_canary_seconds") > 0 })
	if _, said, code := command(t, "post", "--url", n.url, "--key", key, "--alert", "--level", "flash", "The bell rings"); code != 0 {
		t.Fatal(said)
	}
	eventually(t, "what became of the promise is counted", func() bool { return metric(t, n.admin, `crier_campaigns_total{promise="void"}`) == 1 })
	eventually(t, "the hub broadcasts the post", func() bool { return metric(t, n.admin, "crier_log_offset") == 1 })
	for name, want := range map[string]float64{
		"crier_leader": 1,
		`crier_append_seconds_count{outcome="appended"}`: 1,
		`crier_readers{transport="websocket"}`:           0,
		"crier_log_history_lost_total":                   0,
		`crier_readers_topic{topic="world"}`:             0,
		"crier_log_stale":                                0,
		"crier_alarms":                                   0,
		"crier_canary_failures_total":                    0,
	} {
		if got := metric(t, n.admin, name); got != want {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
	if code, page := get(t, n.admin+"/debug/pprof/"); code != http.StatusOK || !strings.Contains(page, "heap") {
		t.Errorf("profiles: %d", code)
	}
	if code, _ := get(t, n.url+"/metrics"); code != http.StatusNotFound {
		t.Errorf("the public listener shows metrics: %d", code)
	}

	// A Redis without memory: posts are refused, the node is not ready, and
	// operators are told what to do. Readers keep what they have.
	server.Say(t, "CONFIG", "SET", "maxmemory", "1")
	if code, why := get(t, n.admin+"/readyz"); code != http.StatusServiceUnavailable || !strings.Contains(why, "maxmemory: raise that") {
		t.Errorf("operators are told %d %s", code, why)
	}
	if code, why := get(t, n.url+"/readyz"); code != http.StatusServiceUnavailable || strings.Contains(why, "maxmemory") {
		t.Errorf("the public is told %d %s", code, why)
	}
	if _, said, code := command(t, "post", "--url", n.url, "--key", key, "Nobody hears"); code != 1 || !strings.Contains(said, "nothing was kept") {
		t.Errorf("the editor is told %d %s", code, said)
	}
	if code, front := get(t, n.url+"/v1/items"); code != http.StatusOK || !strings.Contains(front, "The bell rings") || strings.Contains(front, "Nobody hears") {
		t.Errorf("readers see %d %s", code, front)
	}
	server.Say(t, "CONFIG", "SET", "maxmemory", "0")
	if code, why := get(t, n.admin+"/readyz"); code != http.StatusOK {
		t.Errorf("with memory again: %d %s", code, why)
	}

	// History is lost: the log has a new epoch, readers one reset, operators a
	// metric.
	cursor := cursorOf(t, n.url)
	server.Say(t, "FLUSHALL")
	eventually(t, "the loss is counted", func() bool { return metric(t, n.admin, "crier_log_history_lost_total") == 1 })
	eventually(t, "the hub has the new epoch", func() bool { return cursorOf(t, n.url) != cursor })
	_, live := get(t, n.url+"/v1/live/poll?wait=0s&cursor="+cursor)
	if strings.Count(live, `"type":"reset"`) != 1 {
		t.Errorf("a reader from before gets %s", live)
	}
	if said := n.said(); !strings.Contains(said, "level=ERROR") || !strings.Contains(said, "Redis has lost history") {
		t.Errorf("the log says %s", said)
	}
}

// cursorOf is where a node's front stands.
func cursorOf(t *testing.T, url string) string {
	t.Helper()
	_, front := get(t, url+"/v1/items")
	m := regexp.MustCompile(`"cursor":"([^"]+)"`).FindStringSubmatch(front)
	if m == nil {
		t.Fatalf("no cursor in %s", front)
	}
	return m[1]
}

// TestRefusedJoins: who is not let in is counted by why, and told when to come
// back.
func TestRefusedJoins(t *testing.T) {
	n := startNode(t, "--data", t.TempDir(), "--admin", "127.0.0.1:0", "--max-readers", "2", "--address-readers", "1", "--address-join-rate", "1", "--proxies", "127.0.0.0/8")
	join := func(path, from string) *http.Response {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, n.url+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("X-Forwarded-For", from)
		if path == "/v1/live" {
			req.Header.Set("Accept", "text/event-stream")
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = resp.Body.Close() })
		return resp
	}
	refused := func(reason string) float64 {
		return metric(t, n.admin, `crier_joins_refused_total{reason="`+reason+`"}`)
	}
	for _, reason := range []string{"full", "crowded", "rate", "address_rate", "starting", "draining"} {
		if got := refused(reason); got != 0 {
			t.Errorf("nobody has come, and %v were refused: %s", got, reason)
		}
	}
	if got := join("/v1/live", "192.0.2.1").StatusCode; got != http.StatusOK {
		t.Fatalf("the first is answered %d", got)
	}
	expect := func(path, from, reason string, want float64) {
		t.Helper()
		resp := join(path, from)
		if wait, err := strconv.Atoi(resp.Header.Get("Retry-After")); resp.StatusCode != http.StatusServiceUnavailable || err != nil || wait < 1 {
			t.Errorf("answered %s, come back after %q", resp.Status, resp.Header.Get("Retry-After"))
		}
		if got := refused(reason); got != want {
			t.Errorf("%s: %v, want %v", reason, got, want)
		}
	}
	expect("/v1/live", "192.0.2.1", "crowded", 1)
	expect("/v1/live/room", "192.0.2.1", "crowded", 1)
	if got := join("/v1/live", "192.0.2.2").StatusCode; got != http.StatusOK {
		t.Fatalf("another is answered %d", got)
	}
	expect("/v1/live", "192.0.2.3", "full", 1)
	for range 99 {
		expect("/v1/live/poll", "192.0.2.3", "full", refused("full")+1)
	}
	for i := 0; refused("address_rate") == 0; i++ {
		if join("/v1/live/poll", "192.0.2.3"); i == 1000 {
			t.Fatal("an address may come without end")
		}
	}
}
