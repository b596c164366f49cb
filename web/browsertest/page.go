package browsertest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Page is one tab of a browser. It is closed with its test at the latest.
type Page struct {
	t      testing.TB
	d      driver
	faults *faults
	closed bool
	// artifacts is where a failed test leaves a picture of the page.
	artifacts string
}

// driver is what a page needs of its browser, in that browser's protocol.
type driver interface {
	// navigate and reload return when the document has loaded.
	navigate(ctx context.Context, url string) error
	reload(ctx context.Context) error
	// evaluate awaits an expression that is a promise of a string.
	evaluate(ctx context.Context, expression string) (string, error)
	click(ctx context.Context, x, y float64) error
	press(ctx context.Context, c chord) error
	viewport(ctx context.Context, width, height int) error
	screenshot(ctx context.Context) ([]byte, error)
	// moved is closed when the page is next taken away by a navigation; nil if
	// evaluate returns then by itself.
	moved() <-chan struct{}
	close(ctx context.Context) error
}

// errScript is an exception thrown by what a test evaluates.
var errScript = errors.New("exception")

// errMoved is the end of an attempt by a navigation.
var errMoved = errors.New("the page went elsewhere")

func newPage(t testing.TB, d driver, f *faults) *Page {
	p := &Page{t: t, d: d, faults: f, artifacts: t.ArtifactDir()} // which must be asked for before the cleanup
	t.Cleanup(func() {
		if t.Failed() && !p.closed {
			p.remains()
		}
		p.Close()
		for _, f := range p.faults.unexpected() {
			t.Errorf("the page went wrong: %s", f)
		}
	})
	return p
}

// Navigate goes to url and returns when it has loaded.
func (p *Page) Navigate(url string) {
	p.t.Helper()
	ctx, cancel := limited(p.t)
	defer cancel()
	if err := p.d.navigate(ctx, url); err != nil {
		p.t.Fatalf("navigate to %s: %v", url, err)
	}
}

// Reload loads the page again and returns when it has loaded.
func (p *Page) Reload() {
	p.t.Helper()
	ctx, cancel := limited(p.t)
	defer cancel()
	if err := p.d.reload(ctx); err != nil {
		p.t.Fatalf("reload: %v", err)
	}
}

// Eval evaluates a JavaScript expression in the page and decodes its value, or
// that of the promise it is, into out by way of JSON. The expression finds args
// in the array args. An out of nil drops the value.
func (p *Page) Eval(out any, js string, args ...any) {
	p.t.Helper()
	ctx, cancel := limited(p.t)
	defer cancel()
	if err := p.eval(ctx, out, "("+js+")", args); err != nil {
		p.t.Fatalf("evaluate %s: %v", js, err)
	}
}

// Text is what Eval gives for an expression that is a string.
func (p *Page) Text(js string, args ...any) string {
	p.t.Helper()
	var s string
	p.Eval(&s, js, args...)
	return s
}

// eval awaits the value of js, an expression in which args is an array.
func (p *Page) eval(ctx context.Context, out any, js string, args []any) error {
	if args == nil {
		args = []any{}
	}
	a, err := json.Marshal(args)
	if err != nil {
		return err
	}
	s, err := p.d.evaluate(ctx, fmt.Sprintf("(async (args) => JSON.stringify(await %s) ?? 'null')(%s)", js, a))
	if err != nil || out == nil {
		return err
	}
	return json.Unmarshal([]byte(s), out)
}

// attempt asks for a condition inside the page until it holds or the time is
// over. The page asks, not the test: nothing crosses the wire meanwhile.
const attempt = `(async () => {
	const until = performance.now() + args[0];
	for (let last; ; await new Promise((again) => setTimeout(again, 20))) {
		try {
			const value = await (async (args) => (%s))(args[1]);
			if (value) return {held: true, value};
			last = String(value);
		} catch (e) {
			last = String(e);
		}
		if (performance.now() > until) return {held: false, last};
	}
})()`

// Wait waits until a JavaScript expression, which may be a promise, is true in
// the page, through exceptions and navigations. The expression finds args in
// the array args.
func (p *Page) Wait(js string, args ...any) {
	p.t.Helper()
	p.WaitFor(nil, js, args...)
}

// WaitFor is Wait that decodes the true value into out.
func (p *Page) WaitFor(out any, js string, args ...any) {
	p.t.Helper()
	p.waitFor("for "+js, out, js, args)
}

// waitFor is WaitFor that says what it waits for when it fails.
func (p *Page) waitFor(what string, out any, js string, args []any) {
	p.t.Helper()
	if args == nil {
		args = []any{}
	}
	ctx, cancel := limited(p.t)
	defer cancel()
	last := "never asked"
	for {
		var r struct {
			Held  bool
			Value json.RawMessage
			Last  string
		}
		err := p.attempt(ctx, &r, fmt.Sprintf(attempt, js), args)
		switch {
		case ctx.Err() != nil:
			p.t.Fatalf("waiting %s: %v; last: %s", what, context.Cause(ctx), last)
		case errors.Is(err, errScript):
			p.t.Fatalf("waiting %s: %v", what, err) // not even an expression
		case err != nil:
			last = err.Error() // a navigation took the page away: ask the new one
		case r.Held && out != nil:
			if err := json.Unmarshal(r.Value, out); err != nil {
				p.t.Fatalf("waiting %s: %v", what, err)
			}
			return
		case r.Held:
			return
		default:
			last = r.Last
		}
	}
}

// attempt is one turn of WaitFor. It ends with the document it was asked of.
func (p *Page) attempt(ctx context.Context, out any, js string, args []any) error {
	const turn = 2 * time.Second // so that the last value is known when time is over
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	moved, done := p.d.moved(), ctx.Done()
	go func() {
		select {
		case <-moved:
			cancel(errMoved)
		case <-done:
		}
	}()
	return p.eval(ctx, out, js, []any{turn.Milliseconds(), args})
}

// Viewport sets the size of the page in CSS pixels.
func (p *Page) Viewport(width, height int) {
	p.t.Helper()
	ctx, cancel := limited(p.t)
	defer cancel()
	if err := p.d.viewport(ctx, width, height); err != nil {
		p.t.Fatalf("set the viewport: %v", err)
	}
	p.Wait(`innerWidth === args[0]`, width)
}

// Screenshot writes what the viewport shows to a PNG file.
func (p *Page) Screenshot(file string) {
	p.t.Helper()
	ctx, cancel := limited(p.t)
	defer cancel()
	if err := p.shoot(ctx, file); err != nil {
		p.t.Fatalf("screenshot: %v", err)
	}
}

func (p *Page) shoot(ctx context.Context, file string) error {
	b, err := p.d.screenshot(ctx)
	if err != nil {
		return err
	}
	return os.WriteFile(file, b, 0o644)
}

// Allow expects faults that contain text: they do not fail the test.
func (p *Page) Allow(text string) { p.faults.allow(text) }

// Faults is what went wrong on the page so far and was not allowed.
func (p *Page) Faults() []string { return p.faults.unexpected() }

// Close closes the page, if it is open.
func (p *Page) Close() {
	p.t.Helper()
	if p.closed {
		return
	}
	p.closed = true
	ctx, cancel := context.WithTimeout(context.Background(), Patience) // the test's own has ended in its cleanup
	defer cancel()
	if err := p.d.close(ctx); err != nil {
		p.t.Errorf("close the page: %v", err)
	}
}

// remains keeps what a failed test left on the page.
func (p *Page) remains() {
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	var text string
	if err := p.eval(ctx, &text, `(location.href + "\n" + document.body.innerText.slice(0, 2000))`, nil); err != nil {
		p.t.Logf("the page cannot be read: %v", err)
		return
	}
	p.t.Logf("the page when the test failed: %s", strings.TrimSpace(text))
	file := filepath.Join(p.artifacts, "page.png")
	if err := p.shoot(ctx, file); err != nil {
		p.t.Logf("the page cannot be photographed: %v", err)
	}
}
