package e2e

import (
	"slices"
	"testing"

	"crier/web/browsertest"
)

// TestReaderOfAFullNode has a page come to a node whose only place is taken:
// the browser hides why, the page finds out, waits, and gets the place, by
// WebSocket, when it is free.
func TestReaderOfAFullNode(t *testing.T) {
	t.Parallel()
	c := startCrier(t, "--max-readers", "1")
	proxy := browsertest.StartProxy(t, c.URL)
	b := browsertest.StartChromium(t)
	first := b.Open(t, c.URL)
	first.Wait(live)
	p := b.Open(t, "about:blank")
	p.Allow("Unexpected response code: 503")
	p.Allow("the server responded with a status of 503")
	p.Navigate(proxy.URL)
	p.Wait(`document.querySelector("news-ticker").dataset.state === "waiting"`)
	p.Eval(nil, `void (window.ways = [], addEventListener("news-state", (e) => e.detail.transport && ways.push(e.detail.transport)))`)
	p.Wait(`/^Reconnecting in \d+ s$/.test(document.querySelector("news-ticker .state").innerText)`)
	if !slices.Contains(proxy.Requests(), "GET /v1/live/room") {
		t.Errorf("the page did not ask for room, but for %q", proxy.Requests())
	}
	first.Navigate("about:blank") // its place is free
	p.Wait(live)
	var ways []string
	if p.Eval(&ways, `ways`); !slices.Equal(ways, []string{"websocket"}) {
		t.Errorf("the place is taken by %q", ways)
	}
}
