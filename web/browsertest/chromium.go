package browsertest

import (
	"context"
	"encoding/json"
	"os"
	"sync"
	"testing"
)

// Chromium is a running Chromium.
type Chromium struct {
	wire *wire

	mu   sync.Mutex
	tabs map[string]*chromiumTab // by the session of the page or of one of its workers
}

// StartChromium starts Chromium for the time of the test.
func StartChromium(t testing.TB) *Chromium {
	t.Helper()
	dir := profile(t)
	args := []string{
		"--headless", "--disable-gpu", "--disable-quic", "--disable-dev-shm-usage", "--no-first-run",
		"--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-breakpad",
		"--hide-scrollbars",
		"--user-data-dir=" + dir, "--remote-debugging-port=0", "about:blank",
	}
	if os.Geteuid() == 0 {
		args = append([]string{"--no-sandbox"}, args...) // the sandbox refuses to run for root
	}
	url := start(t, "apt-get install chromium", []string{"chromium", "chromium-browser", "google-chrome"}, args, dir,
		`DevTools listening on (ws://\S+)`)
	b := &Chromium{tabs: map[string]*chromiumTab{}}
	ctx, cancel := limited(t)
	defer cancel()
	w, err := dial(ctx, url, b.handle)
	if err != nil {
		t.Fatal(err)
	}
	b.wire = w
	t.Cleanup(w.close)
	return b
}

// ChromiumPage is a page of Chromium, with what only CDP can do.
type ChromiumPage struct {
	*Page
	browser  *Chromium
	tab      *chromiumTab
	profile  string            // the browser context it lives in
	features map[string]string // of its user's preferences, as media queries name them
}

// Open opens a page at url in a profile of its own: nothing is kept from pages
// opened before. Where grant names permissions ("notifications"), all origins
// of the profile have them.
func (b *Chromium) Open(t testing.TB, url string, grant ...string) *ChromiumPage {
	t.Helper()
	ctx, cancel := limited(t)
	defer cancel()
	var made struct {
		ID string `json:"browserContextId"`
	}
	err := b.wire.call(ctx, "", "Target.createBrowserContext", map[string]any{"disposeOnDetach": true}, &made)
	if err == nil && len(grant) > 0 {
		err = b.wire.call(ctx, "", "Browser.grantPermissions", map[string]any{
			"permissions": grant, "browserContextId": made.ID,
		}, nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.open(t, made.ID, url)
}

// Beside opens another page at url in the same profile.
func (p *ChromiumPage) Beside(url string) *ChromiumPage {
	p.t.Helper()
	return p.browser.open(p.t, p.profile, url)
}

func (b *Chromium) open(t testing.TB, profile, url string) *ChromiumPage {
	t.Helper()
	ctx, cancel := limited(t)
	defer cancel()
	tab := &chromiumTab{
		wire: b.wire, faults: &faults{}, changed: make(chan struct{}),
		loaded: map[string]bool{}, scopes: map[string]string{}, active: map[string]bool{},
	}
	var made struct {
		ID string `json:"targetId"`
	}
	err := b.wire.call(ctx, "", "Target.createTarget", map[string]any{
		"url": "about:blank", "browserContextId": profile,
	}, &made)
	if err != nil {
		t.Fatal(err)
	}
	tab.target = made.ID
	var attached struct {
		ID string `json:"sessionId"`
	}
	err = b.wire.call(ctx, "", "Target.attachToTarget", map[string]any{"targetId": tab.target, "flatten": true}, &attached)
	if err != nil {
		t.Fatal(err)
	}
	tab.session = attached.ID
	b.mu.Lock()
	b.tabs[tab.session] = tab
	b.mu.Unlock()
	commands := append(listening(), command{"Page.enable", nil},
		command{"Page.setLifecycleEventsEnabled", map[string]any{"enabled": true}})
	for _, c := range commands {
		if err := tab.call(ctx, c.method, c.params, nil); err != nil {
			t.Fatal(err)
		}
	}
	p := &ChromiumPage{newPage(t, tab, tab.faults), b, tab, profile, map[string]string{}}
	p.Navigate(url)
	return p
}

// command is a call without its session.
type command struct {
	method string
	params map[string]any
}

// listening makes a page or a worker tell of its faults, and of its workers.
func listening() []command {
	return []command{
		{"Runtime.enable", nil},
		{"Log.enable", nil},
		{"Target.setAutoAttach", map[string]any{"autoAttach": true, "waitForDebuggerOnStart": false, "flatten": true}},
	}
}

// handle takes what Chromium says unasked.
func (b *Chromium) handle(e event) {
	b.mu.Lock()
	tab := b.tabs[e.Session]
	b.mu.Unlock()
	if tab == nil {
		return // the browser's own
	}
	if e.Method == "Target.attachedToTarget" {
		var child struct {
			Session string `json:"sessionId"`
		}
		if json.Unmarshal(e.Params, &child) != nil {
			return
		}
		b.mu.Lock()
		b.tabs[child.Session] = tab
		b.mu.Unlock()
		for _, c := range listening() {
			// Not waited for: this is the goroutine that would read the answer.
			_, _, _ = b.wire.send(context.Background(), child.Session, c.method, c.params)
		}
		return
	}
	tab.handle(e)
}
