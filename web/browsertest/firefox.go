package browsertest

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// Firefox is a running Firefox. Its pages share one profile.
type Firefox struct {
	wire *wire

	mu   sync.Mutex
	tabs map[string]*firefoxTab // by browsing context
}

// StartFirefox starts Firefox for the time of the test. The prefs, of types
// bool, int and string, come before its own defaults and before those that
// automation sets.
func StartFirefox(t testing.TB, prefs map[string]any) *Firefox {
	t.Helper()
	dir := profile(t)
	if err := os.WriteFile(filepath.Join(dir, "user.js"), userPrefs(t, prefs), 0o600); err != nil {
		t.Fatal(err)
	}
	url := start(t, "apt-get install firefox-esr", []string{"firefox-esr", "firefox"}, []string{
		"--headless", "--no-remote", "--profile", dir, "--remote-debugging-port=0", "about:blank",
	}, dir, `WebDriver BiDi listening on (ws://\S+)`)
	b := &Firefox{tabs: map[string]*firefoxTab{}}
	ctx, cancel := limited(t)
	defer cancel()
	w, err := dial(ctx, url+"/session", b.handle)
	if err != nil {
		t.Fatal(err)
	}
	b.wire = w
	t.Cleanup(w.close)
	err = w.call(ctx, "", "session.new", map[string]any{"capabilities": struct{}{}}, nil)
	if err == nil {
		err = w.call(ctx, "", "session.subscribe", map[string]any{"events": []string{"log.entryAdded", "browsingContext.domContentLoaded"}}, nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// userPrefs is the file user.js of a profile.
func userPrefs(t testing.TB, prefs map[string]any) []byte {
	t.Helper()
	all := map[string]any{
		// Firefox has neither a desktop nor the internet here.
		"app.normandy.enabled":                       false,
		"browser.aboutwelcome.enabled":               false,
		"datareporting.policy.dataSubmissionEnabled": false,
		"network.captive-portal-service.enabled":     false,
		"network.connectivity-service.enabled":       false,
	}
	maps.Copy(all, prefs)
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(all)) {
		v, err := json.Marshal(all[name])
		if err != nil {
			t.Fatalf("preference %s: %v", name, err)
		}
		fmt.Fprintf(&b, "user_pref(%q, %s);\n", name, v)
	}
	return []byte(b.String())
}

// handle takes what Firefox says unasked.
func (b *Firefox) handle(e event) {
	var told struct {
		Context string // of a navigation
		Level   string // and the others of a line on the console
		Text    string
		Source  struct{ Context string }
		Stack   struct {
			Frames []struct {
				URL  string
				Line int `json:"lineNumber"`
			} `json:"callFrames"`
		} `json:"stackTrace"`
	}
	if json.Unmarshal(e.Params, &told) != nil {
		return
	}
	switch e.Method {
	case "browsingContext.domContentLoaded":
		if f := b.tab(told.Context); f != nil {
			f.move()
		}
	case "log.entryAdded":
		if len(told.Stack.Frames) > 0 {
			told.Text += fmt.Sprintf(" (%s:%d)", told.Stack.Frames[0].URL, told.Stack.Frames[0].Line+1)
		}
		if f := b.tab(told.Source.Context); f != nil && told.Level == "error" {
			f.faults.add(told.Text)
		}
	}
}

func (b *Firefox) tab(id string) *firefoxTab {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.tabs[id]
}

// Open opens a page at url.
func (b *Firefox) Open(t testing.TB, url string) *Page {
	t.Helper()
	ctx, cancel := limited(t)
	defer cancel()
	var made struct{ Context string }
	if err := b.wire.call(ctx, "", "browsingContext.create", map[string]any{"type": "tab"}, &made); err != nil {
		t.Fatal(err)
	}
	tab := &firefoxTab{wire: b.wire, id: made.Context, faults: &faults{}, left: make(chan struct{})}
	b.mu.Lock()
	b.tabs[tab.id] = tab
	b.mu.Unlock()
	p := newPage(t, tab, tab.faults)
	p.Navigate(url)
	return p
}

// firefoxTab is a page of Firefox in the terms of WebDriver BiDi.
type firefoxTab struct {
	wire   *wire
	id     string
	faults *faults

	mu   sync.Mutex
	left chan struct{} // closed and made anew when a new document has come
}

// move tells that a new document has come. An evaluation in the old one would
// never be answered.
func (f *firefoxTab) move() {
	f.mu.Lock()
	defer f.mu.Unlock()
	close(f.left)
	f.left = make(chan struct{})
}

func (f *firefoxTab) moved() <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.left
}

func (f *firefoxTab) call(ctx context.Context, method string, params map[string]any, out any) error {
	params["context"] = f.id
	return f.wire.call(ctx, "", method, params, out)
}

func (f *firefoxTab) navigate(ctx context.Context, url string) error {
	return f.call(ctx, "browsingContext.navigate", map[string]any{"url": url, "wait": "complete"}, nil)
}

func (f *firefoxTab) reload(ctx context.Context) error {
	return f.call(ctx, "browsingContext.reload", map[string]any{"wait": "complete"}, nil)
}

func (f *firefoxTab) evaluate(ctx context.Context, expression string) (string, error) {
	var r struct {
		Type      string
		Result    struct{ Value string }
		Exception struct{ Text string } `json:"exceptionDetails"`
	}
	err := f.wire.call(ctx, "", "script.evaluate", map[string]any{
		"expression": expression, "awaitPromise": true, "target": map[string]any{"context": f.id},
	}, &r)
	if err == nil && r.Type == "exception" {
		err = fmt.Errorf("%w: %s", errScript, r.Exception.Text)
	}
	return r.Result.Value, err
}

func (f *firefoxTab) click(ctx context.Context, x, y float64) error {
	return f.act(ctx, map[string]any{"type": "pointer", "id": "mouse", "actions": []any{
		map[string]any{"type": "pointerMove", "x": int(x), "y": int(y)},
		map[string]any{"type": "pointerDown", "button": 0},
		map[string]any{"type": "pointerUp", "button": 0},
	}})
}

func (f *firefoxTab) press(ctx context.Context, c chord) error {
	var actions []any
	add := func(kind string, r rune) {
		actions = append(actions, map[string]any{"type": kind, "value": string(r)})
	}
	for _, m := range c.held {
		add("keyDown", m.rune)
	}
	add("keyDown", c.key.rune)
	add("keyUp", c.key.rune)
	for _, m := range c.held {
		add("keyUp", m.rune)
	}
	return f.act(ctx, map[string]any{"type": "key", "id": "keyboard", "actions": actions})
}

func (f *firefoxTab) act(ctx context.Context, source map[string]any) error {
	return f.call(ctx, "input.performActions", map[string]any{"actions": []any{source}}, nil)
}

func (f *firefoxTab) viewport(ctx context.Context, width, height int) error {
	return f.call(ctx, "browsingContext.setViewport", map[string]any{
		"viewport": map[string]any{"width": width, "height": height},
	}, nil)
}

func (f *firefoxTab) screenshot(ctx context.Context) ([]byte, error) {
	var r struct{ Data string }
	if err := f.call(ctx, "browsingContext.captureScreenshot", map[string]any{}, &r); err != nil {
		return nil, err
	}
	return base64.StdEncoding.DecodeString(r.Data)
}

func (f *firefoxTab) close(ctx context.Context) error {
	return f.call(ctx, "browsingContext.close", map[string]any{}, nil)
}
