package browsertest_test

import (
	"embed"
	"image/png"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"crier/web/browsertest"
)

//go:embed testdata
var testdata embed.FS

// site serves testdata, and /wait, which answers when the request ends.
func site(t *testing.T) string {
	t.Helper()
	files, err := fs.Sub(testdata, "testdata")
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/", http.FileServerFS(files))
	mux.HandleFunc("/wait", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	})
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	t.Cleanup(s.CloseClientConnections)
	return s.URL
}

// onEach runs f on a page in each browser.
func onEach(t *testing.T, f func(t *testing.T, open func(url string) *browsertest.Page)) {
	t.Run("Chromium", func(t *testing.T) {
		t.Parallel()
		b := browsertest.StartChromium(t)
		f(t, func(url string) *browsertest.Page { return b.Open(t, url).Page })
	})
	t.Run("Firefox", func(t *testing.T) {
		t.Parallel()
		b := browsertest.StartFirefox(t, nil)
		f(t, func(url string) *browsertest.Page { return b.Open(t, url) })
	})
}

func TestPage(t *testing.T) {
	url := site(t)
	onEach(t, func(t *testing.T, open func(string) *browsertest.Page) {
		p := open(url)

		var got struct {
			Sum  int
			Text []string
		}
		p.Eval(&got, `Promise.resolve({sum: args[0] + 1, text: [args[1]]})`, 41, `"quoted"`)
		if got.Sum != 42 || !slices.Equal(got.Text, []string{`"quoted"`}) {
			t.Errorf("Eval gave %+v", got)
		}
		p.Eval(nil, `undefined`)

		p.Click("[name=name]")
		p.Type("Ünï <3")
		p.Press("Tab", "Shift+Tab", "Tab")
		p.Type("one\ntwo")
		p.Press("Space", "x", "Backspace", "Control+k")
		p.Wait(`document.querySelector("#log").textContent.includes("Control+k\n")`)
		p.Click("#send") // disabled and covered at first
		p.Click("test-box >>> button")
		p.Click("#below") // out of sight
		p.Wait(`document.querySelector("#log").textContent.includes("below")`)
		want := "Control+k\n" + `{"name":"Ünï <3","more":"one\ntwo "}true` + "\ninside\nbelow true\n"
		if got := p.Text(`document.querySelector("#log").textContent`); got != want {
			t.Errorf("the page logged\n%s\nwant\n%s", got, want)
		}

		// A condition outlives the document it was first asked of.
		p.Eval(nil, `void setTimeout(() => location.assign("/?second"), 100)`)
		p.Wait(`location.search === "?second" && document.readyState === "complete"`)
		p.Eval(nil, `window.old = true`)
		p.Reload()
		p.Eval(&got.Sum, `window.old ? 1 : 2`)
		if got.Sum != 2 {
			t.Error("Reload returned with the old document")
		}

		p.Viewport(360, 740)
		file := filepath.Join(t.TempDir(), "page.png")
		p.Screenshot(file)
		f, err := os.Open(file)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = f.Close() }()
		img, err := png.Decode(f)
		if err != nil {
			t.Fatal(err)
		}
		if s := img.Bounds().Size(); s.X != 360 || s.Y != 740 {
			t.Errorf("screenshot of %v, want 360 by 740", s)
		}
	})
}

func TestFaults(t *testing.T) {
	url := site(t)
	onEach(t, func(t *testing.T, open func(string) *browsertest.Page) {
		p := open(url)
		if f := p.Faults(); f != nil {
			t.Errorf("faults of a sound page: %q", f)
		}
		p.Eval(nil, `void setTimeout(() => { throw new Error("of a timer") })`)
		p.Eval(nil, `void Promise.reject(new Error("of a promise"))`)
		p.Eval(nil, `console.error("of the console", 7)`)
		p.Eval(nil, `console.warn("no fault")`)
		p.Wait(`new Promise((after) => setTimeout(after, 10, true))`)
		faults := p.Faults()
		for _, want := range []string{"of a timer", "of a promise", "of the console"} {
			if !slices.ContainsFunc(faults, func(f string) bool { return strings.Contains(f, want) }) {
				t.Errorf("no fault %q in %q", want, faults)
			}
		}
		if len(faults) != 3 {
			t.Errorf("faults %q, want 3", faults)
		}
		p.Allow("of a timer")
		p.Allow("of a promise")
		p.Allow("of the console")
		if f := p.Faults(); len(f) != 0 {
			t.Errorf("faults %q after all were allowed", f)
		}
	})
}

func TestChromiumPage(t *testing.T) {
	t.Parallel()
	url := site(t)
	p := browsertest.StartChromium(t).Open(t, url, "notifications")

	p.Scheme("dark")
	p.Calm()
	if got := p.Text(`getComputedStyle(document.body).backgroundColor`); got != "rgb(0, 0, 0)" {
		t.Errorf("background %s in the dark", got)
	}
	p.Wait(`matchMedia("(prefers-reduced-motion: reduce)").matches`)
	p.Scheme("light")
	if got := p.Text(`getComputedStyle(document.body).backgroundColor`); got != "rgb(255, 255, 255)" {
		t.Errorf("background %s in the light", got)
	}

	p.Offline(true)
	p.Wait(`!navigator.onLine && document.querySelector("#log").textContent === "offline\n"`)
	p.Offline(false)
	p.Wait(`navigator.onLine && document.querySelector("#log").textContent === "offline\nonline\n"`)

	find := func(role, name string) browsertest.AXNode {
		for _, n := range p.Accessibility() {
			if n.Role == role && n.Name == name {
				return n
			}
		}
		t.Errorf("no %s %q in the accessibility tree %+v", role, name, p.Accessibility())
		return browsertest.AXNode{}
	}
	if h := find("heading", "Heading"); h.Properties["level"] != "1" {
		t.Errorf("heading %+v, want level 1", h)
	}
	find("button", "Inside")
	find("textbox", "Name")

	// The profile is shared with pages beside, and with no others.
	p.Eval(nil, `localStorage.setItem("kept", "yes")`)
	beside := p.Beside(url)
	if got := beside.Text(`localStorage.getItem("kept") ?? "no"`); got != "yes" {
		t.Errorf("beside: kept %q", got)
	}
	beside.Close() // the worker's faults would be its too

	p.Eval(nil, `navigator.serviceWorker.register("/worker.js").then(() => undefined)`)
	p.Wait(`navigator.serviceWorker.controller`)
	p.DeliverPush(url+"/", "News")
	p.Wait(`document.querySelector("#log").textContent.endsWith("shown News\n")`)
	p.Allow("the worker failed")
	p.DeliverPush(url+"/", "fail")
	p.DeliverPush(url+"/", "after")
	p.Wait(`document.querySelector("#log").textContent.endsWith("shown after\n")`)
	titles := p.Text(`navigator.serviceWorker.ready.then((r) => r.getNotifications()).then((ns) => ns.map((n) => n.title).join())`)
	if titles != "News,after" {
		t.Errorf("notifications %s, want News,after", titles)
	}

	p.NoScript()
	if got := p.Text(`document.querySelector("#none")?.innerText ?? "hidden"`); got != "No script" {
		t.Errorf("without scripts noscript is %q", got)
	}
}

func TestProfilesApart(t *testing.T) {
	t.Parallel()
	url := site(t)
	b := browsertest.StartChromium(t)
	b.Open(t, url).Eval(nil, `localStorage.setItem("kept", "yes")`)
	if got := b.Open(t, url).Text(`localStorage.getItem("kept") ?? "no"`); got != "no" {
		t.Error("a page keeps what another profile's page stored")
	}
}

func TestProxy(t *testing.T) {
	t.Parallel()
	proxy := browsertest.StartProxy(t, site(t))
	p := browsertest.StartChromium(t).Open(t, proxy.URL)
	p.Allow("Failed to load resource")
	p.Eval(nil, `void (window.source = new EventSource("/wait"))`)
	p.Wait(`source.readyState === EventSource.OPEN`)

	proxy.Cut()
	p.Wait(`source.readyState === EventSource.CONNECTING`)
	p.Wait(`fetch("/").then(() => false, () => true)`)
	proxy.Mend()
	p.Wait(`source.readyState === EventSource.OPEN`)

	proxy.CutAfter("GET", "/worker.js")
	p.Wait(`fetch("/worker.js").then(() => false, () => true)`)
	p.Wait(`fetch("/").then(() => false, () => true)`)
	proxy.Mend()
	p.Wait(`fetch("/worker.js").then((r) => r.ok)`)

	proxy.Refuse(func(r *http.Request) bool { return r.URL.Path == "/wait" })
	p.Wait(`source.readyState === EventSource.CLOSED`) // 403 is final
	p.Wait(`fetch("/").then((r) => r.ok)`)
	if !slices.Contains(proxy.Requests(), "GET /wait") {
		t.Errorf("requests %q", proxy.Requests())
	}
}
