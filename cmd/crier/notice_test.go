package main

import (
	"bufio"
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestNotice: a node that is told to stop says on /readyz that it is going, and
// serves everybody, on new connections too, until balancers have heard of it.
// Then it drains.
func TestNotice(t *testing.T) {
	n := startNode(t, "--data", t.TempDir(), "--admin", "127.0.0.1:0", "--drain-window", "1h", "--drain-notice", "10s")
	fresh := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	ask := func(url, accept string) *http.Response {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Accept", accept)
		resp, err := fresh.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = resp.Body.Close() })
		return resp
	}
	for _, url := range []string{n.url + "/readyz", n.url + "/v1/items"} {
		if got := ask(url, ""); got.StatusCode != http.StatusOK {
			t.Fatalf("%s is answered %s", url, got.Status)
		}
	}
	ended := make(chan int, 1)
	go func() { ended <- n.stop() }()
	eventually(t, "the node says that it is going", func() bool { return ask(n.url+"/readyz", "").StatusCode == http.StatusServiceUnavailable })
	if code, why := get(t, n.url+"/readyz"); code != http.StatusServiceUnavailable || !strings.Contains(why, "urn:crier:problem:draining") {
		t.Errorf("/readyz says %d %s", code, why)
	}
	if code, why := get(t, n.admin+"/readyz"); code != http.StatusServiceUnavailable || !strings.Contains(why, "going down") {
		t.Errorf("operators are told %d %s", code, why)
	}
	if got := ask(n.url+"/v1/live/room", "").StatusCode; got != http.StatusServiceUnavailable {
		t.Errorf("who asks for room is answered %d", got)
	}
	for _, url := range []string{n.url + "/v1/items", n.url + "/healthz"} {
		if got := ask(url, ""); got.StatusCode != http.StatusOK {
			t.Errorf("%s is answered %s", url, got.Status)
		}
	}
	live := ask(n.url+"/v1/live", "text/event-stream")
	if live.StatusCode != http.StatusOK {
		t.Fatalf("a reader who comes is answered %s", live.Status)
	}
	lines := bufio.NewScanner(live.Body)
	for !strings.Contains(lines.Text(), `"drain"`) {
		if !lines.Scan() {
			t.Fatal("the stream ended without a drain: ", lines.Err())
		}
	}
	_ = live.Body.Close() // the last reader has gone
	select {
	case code := <-ended:
		if code != 0 {
			t.Errorf("exit code %d: %s", code, n.said())
		}
	case <-time.After(time.Minute):
		t.Fatal("the node does not end")
	}
}

// TestNoNotice: where nobody asks /readyz there is nobody to wait for.
func TestNoNotice(t *testing.T) {
	n := startNode(t, "--data", t.TempDir(), "--drain-window", "1h", "--drain-notice", "1h")
	ended := make(chan int, 1)
	go func() { ended <- n.stop() }()
	select {
	case code := <-ended:
		if code != 0 {
			t.Errorf("exit code %d: %s", code, n.said())
		}
	case <-time.After(time.Minute):
		t.Fatal("the node waits for an hour")
	}
}
