package browsertest

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
)

// chromiumTab is a page of Chromium in the terms of CDP.
type chromiumTab struct {
	wire    *wire
	target  string
	session string
	faults  *faults

	mu      sync.Mutex
	changed chan struct{}     // closed and made anew when Chromium tells more of the following
	loaded  map[string]bool   // documents, by CDP's loaderId
	scopes  map[string]string // service workers' registration IDs by scope
	active  map[string]bool   // registration IDs whose worker is active
}

func (c *chromiumTab) call(ctx context.Context, method string, params map[string]any, out any) error {
	return c.wire.call(ctx, c.session, method, params, out)
}

func (c *chromiumTab) handle(e event) {
	switch e.Method {
	case "Runtime.exceptionThrown":
		var x struct {
			Details exception `json:"exceptionDetails"`
		}
		if json.Unmarshal(e.Params, &x) == nil {
			c.faults.add(x.Details.String())
		}
	case "Runtime.consoleAPICalled":
		var x struct {
			Type string
			Args []struct {
				Value       any
				Description string
			}
		}
		if json.Unmarshal(e.Params, &x) == nil && (x.Type == "error" || x.Type == "assert") {
			words := []string{"console." + x.Type + ":"}
			for _, a := range x.Args {
				if a.Description == "" {
					a.Description = fmt.Sprint(a.Value)
				}
				words = append(words, a.Description)
			}
			c.faults.add(strings.Join(words, " "))
		}
	case "Log.entryAdded":
		var x struct {
			Entry struct{ Level, Text, URL string }
		}
		if json.Unmarshal(e.Params, &x) == nil && x.Entry.Level == "error" {
			c.faults.add(x.Entry.Text + " (" + x.Entry.URL + ")")
		}
	case "Page.lifecycleEvent":
		var x struct {
			Loader string `json:"loaderId"`
			Name   string
		}
		if json.Unmarshal(e.Params, &x) == nil && x.Name == "load" {
			c.tell(func() { c.loaded[x.Loader] = true })
		}
	case "ServiceWorker.workerRegistrationUpdated", "ServiceWorker.workerVersionUpdated":
		c.handleWorker(e)
	}
}

// exception is CDP's Runtime.ExceptionDetails.
type exception struct {
	Text      string
	URL       string
	Line      int `json:"lineNumber"` // from 0
	Exception struct {
		Description string
		Value       any
	}
}

func (x exception) String() string {
	what := x.Exception.Description
	if what == "" && x.Exception.Value != nil {
		what = fmt.Sprint(x.Exception.Value)
	}
	return fmt.Sprintf("%s %s (%s:%d)", x.Text, what, x.URL, x.Line+1)
}

func (c *chromiumTab) navigate(ctx context.Context, url string) error {
	var r struct {
		ErrorText string
		Loader    string `json:"loaderId"` // none for a move within the document
	}
	if err := c.call(ctx, "Page.navigate", map[string]any{"url": url}, &r); err != nil {
		return err
	}
	if r.ErrorText != "" {
		return fmt.Errorf("%s", r.ErrorText)
	}
	return c.await(ctx, func() bool { return r.Loader == "" || c.loaded[r.Loader] })
}

func (c *chromiumTab) reload(ctx context.Context) error {
	c.mu.Lock()
	before := len(c.loaded)
	c.mu.Unlock()
	if err := c.call(ctx, "Page.reload", nil, nil); err != nil {
		return err
	}
	return c.await(ctx, func() bool { return len(c.loaded) > before })
}

// await waits until cond, called under the lock, holds of what Chromium told.
func (c *chromiumTab) await(ctx context.Context, cond func() bool) error {
	for {
		c.mu.Lock()
		held, changed := cond(), c.changed
		c.mu.Unlock()
		if held {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// tell records what Chromium told, by f under the lock.
func (c *chromiumTab) tell(f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f()
	close(c.changed)
	c.changed = make(chan struct{})
}

func (c *chromiumTab) evaluate(ctx context.Context, expression string) (string, error) {
	var r struct {
		Result    struct{ Value any } // of an exception, the error as an object
		Exception *exception          `json:"exceptionDetails"`
	}
	err := c.call(ctx, "Runtime.evaluate", map[string]any{
		"expression": expression, "awaitPromise": true, "returnByValue": true,
	}, &r)
	if err == nil && r.Exception != nil {
		err = fmt.Errorf("%w: %s", errScript, r.Exception)
	}
	s, _ := r.Result.Value.(string)
	return s, err
}

func (c *chromiumTab) click(ctx context.Context, x, y float64) error {
	for _, kind := range []string{"mouseMoved", "mousePressed", "mouseReleased"} {
		err := c.call(ctx, "Input.dispatchMouseEvent", map[string]any{
			"type": kind, "x": x, "y": y, "button": "left", "clickCount": 1,
		}, nil)
		if err != nil {
			return err
		}
	}
	return nil
}

func (c *chromiumTab) press(ctx context.Context, ch chord) error {
	held := 0
	for _, m := range ch.held {
		held |= m.bit
	}
	for _, kind := range []string{"keyDown", "keyUp"} {
		params := map[string]any{
			"type": kind, "key": ch.key.name, "windowsVirtualKeyCode": ch.key.code, "modifiers": held,
		}
		if kind == "keyDown" {
			params["text"] = ch.key.text
		}
		if err := c.call(ctx, "Input.dispatchKeyEvent", params, nil); err != nil {
			return err
		}
	}
	return nil
}

func (c *chromiumTab) viewport(ctx context.Context, width, height int) error {
	return c.call(ctx, "Emulation.setDeviceMetricsOverride", map[string]any{
		"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false,
	}, nil)
}

func (c *chromiumTab) screenshot(ctx context.Context) ([]byte, error) {
	var r struct{ Data string }
	if err := c.call(ctx, "Page.captureScreenshot", map[string]any{"format": "png"}, &r); err != nil {
		return nil, err
	}
	return base64.StdEncoding.DecodeString(r.Data)
}

// moved is nil: Chromium answers an evaluation when its page goes away.
func (c *chromiumTab) moved() <-chan struct{} { return nil }

func (c *chromiumTab) close(ctx context.Context) error {
	return c.wire.call(ctx, "", "Target.closeTarget", map[string]any{"targetId": c.target}, nil)
}
