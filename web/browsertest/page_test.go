package browsertest

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// recorder is a test that may fail without failing this one.
type recorder struct {
	testing.TB
	said    []string
	cleanup []func()
}

func (r *recorder) Helper()             {}
func (r *recorder) Cleanup(f func())    { r.cleanup = append(r.cleanup, f) }
func (r *recorder) Failed() bool        { return len(r.said) > 0 }
func (r *recorder) Logf(string, ...any) {}
func (r *recorder) Errorf(format string, args ...any) {
	r.said = append(r.said, fmt.Sprintf(format, args...))
}
func (r *recorder) Fatal(args ...any) { r.Fatalf("%s", fmt.Sprint(args...)) }
func (r *recorder) Fatalf(format string, args ...any) {
	r.Errorf(format, args...)
	runtime.Goexit()
}

// record runs f as a test would and returns how it failed.
func record(t *testing.T, f func(t testing.TB)) []string {
	t.Helper()
	r := &recorder{TB: t}
	done := make(chan struct{})
	go func() {
		defer close(done)
		f(r)
	}()
	<-done
	for _, c := range slices.Backward(r.cleanup) {
		c()
	}
	return r.said
}

func TestPageFailsItsTest(t *testing.T) {
	t.Parallel()
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte(`<!doctype html><title>T</title><link rel="icon" href="data:,"><p>text`))
	}))
	t.Cleanup(site.Close)
	b := StartChromium(t)
	for _, c := range []struct {
		name string
		do   func(p *Page)
		want string
	}{
		{"fault", func(p *Page) { p.Eval(nil, `console.error("by itself")`) }, "the page went wrong: console.error: by itself"},
		{"exception", func(p *Page) { p.Eval(nil, `nothing.at.all`) }, "nothing is not defined"},
		{"no expression", func(p *Page) { p.Wait(`{`) }, "SyntaxError"},
		{"no server", func(p *Page) { p.Navigate("http://127.0.0.1:1/") }, "ERR_"},
		{"no key", func(p *Page) { p.Press("Any") }, "there is no key Any"},
		{"nothing", func(*Page) {}, ""},
	} {
		said := record(t, func(t testing.TB) { c.do(b.Open(t, site.URL).Page) })
		if c.want == "" && said == nil {
			continue
		}
		if len(said) != 1 || c.want == "" || !strings.Contains(said[0], c.want) {
			t.Errorf("%s: the test failed with %q, want %q", c.name, said, c.want)
		}
	}
}
