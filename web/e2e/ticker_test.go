package e2e

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"crier/news"
	"crier/web/browsertest"
)

// live is true while the page's ticker follows the log.
const live = `document.querySelector("news-ticker")?.dataset.state === "live"`

// shown is the IDs of the items on the page, top first.
const shown = `[...document.querySelectorAll("news-ticker [data-item]")].map((e) => e.dataset.item)`

// listen keeps the ID of every entry that comes on screen in arrived.
const listen = `void (window.arrived = [], addEventListener("news-entry", (e) => arrived.push(e.detail.item.id)))`

func ids(entries []news.Entry) []string {
	var out []string
	for _, e := range entries {
		out = append(out, e.Item.ID)
	}
	return out
}

// newestFirst is entries as the page shows them.
func newestFirst(entries []news.Entry) []string {
	out := ids(entries)
	slices.Reverse(out)
	return out
}

// allowCuts expects what browsers say of connections that break.
func allowCuts(p *browsertest.Page) {
	p.Allow("net::ERR_")
	p.Allow("WebSocket connection to")
}

func TestReaderFollowsThroughACut(t *testing.T) {
	t.Parallel()
	c := startCrier(t)
	proxy := browsertest.StartProxy(t, c.URL)
	p := browsertest.StartChromium(t).Open(t, proxy.URL)
	p.Wait(live)
	p.Eval(nil, listen)

	var posted []news.Entry
	for _, h := range headlines(t) {
		posted = append(posted, c.post(h))
	}
	p.Wait(`arrived.length === args[0]`, len(posted))
	check := func(when string, want []news.Entry) {
		t.Helper()
		var arrived, on []string
		p.Eval(&arrived, `arrived`)
		p.Eval(&on, shown)
		if !slices.Equal(arrived, ids(want)) {
			t.Errorf("%s: arrived %v, want %v", when, arrived, ids(want))
		}
		if !slices.Equal(on, newestFirst(want)) {
			t.Errorf("%s: the page shows %v, want %v", when, on, newestFirst(want))
		}
	}
	check("live", posted)
	var texts []string
	p.Eval(&texts, `[...document.querySelectorAll("news-ticker li.story h2")].map((e) => e.innerText)`)
	for i, text := range texts {
		if want := posted[len(posted)-1-i].Item.Headline; text != want {
			t.Errorf("card %d says %q, want %q", i, text, want)
		}
	}

	allowCuts(p.Page)
	p.Offline(true)
	proxy.Cut()
	p.Wait(`document.querySelector("news-ticker").dataset.state === "offline"`)
	p.Wait(`document.querySelector("news-ticker .state").innerText.startsWith("You’re offline")`)
	for i := range 3 {
		posted = append(posted, c.post(news.Post{Headline: fmt.Sprintf("While the reader is away, %d", i+1), Level: news.Urgent}))
	}
	check("cut off", posted[:len(posted)-3])

	proxy.Mend()
	p.Offline(false)
	p.Wait(live)
	p.Wait(`document.querySelector("news-ticker .state").innerText.includes("3 items came while you were away")`)
	check("back", posted)

	item := fmt.Sprintf(`document.getElementById(%q)`, posted[1].Item.ID)
	corrected := c.revise(posted[1], map[string]any{
		"kind": "corrected", "headline": "Highlights of China’s political event", "reason": "The event is not key.",
	})
	p.Wait(item + `.querySelector(".notice.correction .reason")?.innerText === "The event is not key."`)
	if got := p.Text(item + `.querySelector(".headline").innerText`); got != "Highlights of China’s political event" {
		t.Errorf("after the correction the headline is %q", got)
	}
	c.revise(corrected, map[string]any{"kind": "withdrawn", "reason": "It did not happen."})
	p.Wait(item + `.querySelector(".notice.withdrawal .reason")?.innerText === "It did not happen."`)
	p.Wait(item + `.querySelector(".headline > s") && !` + item + `.querySelector(".correction, .headline a")`)
	var on []string
	if p.Eval(&on, shown); !slices.Equal(on, newestFirst(posted)) {
		t.Errorf("after the withdrawal the page shows %v, want %v", on, newestFirst(posted))
	}

	// The server's page and the one that was kept up to date are the same.
	const cards = `[...document.querySelectorAll("news-ticker li.story")].map((e) => e.innerText.replace(/\s+/g, " "))`
	var kept, loaded []string
	p.Eval(&kept, cards)
	p.Reload()
	p.Wait(live)
	if p.Eval(&loaded, cards); !slices.Equal(kept, loaded) {
		t.Errorf("kept up to date the cards are\n%s\nand loaded\n%s", strings.Join(kept, "\n"), strings.Join(loaded, "\n"))
	}
}

// TestReaderBehindAStrictNetwork has a proxy refuse WebSockets, then event
// streams too, and then nothing any more: the reader goes down the ladder and
// climbs back while news comes in.
func TestReaderBehindAStrictNetwork(t *testing.T) {
	t.Parallel()
	c := startCrier(t)
	proxy := browsertest.StartProxy(t, c.URL)
	var sockets, streams, polls atomic.Int64
	var noSockets, noStreams atomic.Bool
	noSockets.Store(true)
	refuse := func(r *http.Request) bool {
		switch {
		case r.URL.Path == "/v1/live/poll":
			polls.Add(1)
		case r.Header.Get("Upgrade") != "":
			sockets.Add(1)
			return noSockets.Load()
		case r.Header.Get("Accept") == "text/event-stream":
			streams.Add(1)
			return noStreams.Load()
		}
		return false
	}
	proxy.Refuse(refuse)
	b := browsertest.StartChromium(t)
	p := b.Open(t, proxy.URL)
	allowCuts(p.Page)
	p.Allow("Failed to load resource: the server responded with a status of 403")
	p.Wait(live)
	p.Eval(nil, listen)
	p.Eval(nil, `void (window.states = [], addEventListener("news-state", (e) => states.push([e.detail.state, e.detail.transport].join(" "))))`)
	first := c.post(news.Post{Headline: "By event stream"})
	p.Wait(`arrived.includes(args[0])`, first.Item.ID)
	if sockets.Load() == 0 || streams.Load() == 0 || polls.Load() != 0 {
		t.Errorf("asked for %d sockets, %d streams and %d polls; want some, some and none", sockets.Load(), streams.Load(), polls.Load())
	}

	noStreams.Store(true)
	proxy.Refuse(refuse) // breaks what stands
	p.Wait(`document.querySelector("news-ticker").dataset.state !== "live"`)
	second := c.post(news.Post{Headline: "By long poll"})
	p.Wait(live)
	p.Wait(`arrived.includes(args[0])`, second.Item.ID)
	third := c.post(news.Post{Headline: "By long poll too"})
	p.Wait(`arrived.includes(args[0])`, third.Item.ID)
	if polls.Load() == 0 {
		t.Error("nothing was polled")
	}

	noStreams.Store(false)
	noSockets.Store(false) // breaks nothing: the poll goes on
	p.Eval(nil, `states.length = 0`)
	posted := []news.Entry{first, second, third}
	for climbed := false; !climbed; {
		e := c.post(news.Post{Headline: fmt.Sprintf("Dispatch %d while the reader climbs", len(posted)), NewStory: true})
		posted = append(posted, e)
		p.Wait(`arrived.includes(args[0])`, e.Item.ID)
		p.Eval(&climbed, `states.length > 0`)
	}
	last := c.post(news.Post{Headline: "By WebSocket at last"})
	p.Wait(`arrived.includes(args[0])`, last.Item.ID)
	polled := polls.Load()
	after := c.post(news.Post{Headline: "Nobody polls for this"})
	p.Wait(`arrived.includes(args[0])`, after.Item.ID)
	if n := polls.Load(); n != polled {
		t.Errorf("%d polls beside the socket", n-polled)
	}
	posted = append(posted, last, after)
	var arrived, states []string
	p.Eval(&arrived, `arrived`)
	if want := ids(posted); !slices.Equal(arrived, want) {
		t.Errorf("arrived %v, want %v", arrived, want)
	}
	if p.Eval(&states, `states`); !slices.Equal(states, []string{"live websocket"}) {
		t.Errorf("climbing, the page said %q", states)
	}
}

func TestReaderWithoutJavaScript(t *testing.T) {
	t.Parallel()
	c := startCrier(t)
	var posted []news.Entry
	for _, h := range headlines(t) {
		posted = append(posted, c.post(h))
	}
	c.revise(posted[2], map[string]any{"kind": "corrected", "reason": "The figure was of January.", "headline": "Inflation drops"})
	c.revise(posted[3], map[string]any{"kind": "withdrawn", "reason": "A hoax."})
	p := browsertest.StartChromium(t).Open(t, c.URL)
	p.NoScript()
	var on []string
	if p.Eval(&on, shown); !slices.Equal(on, newestFirst(posted)) {
		t.Errorf("the page shows %v, want %v", on, newestFirst(posted))
	}
	const says = `document.getElementById(args[0]).querySelector(args[1])?.innerText.trim() ?? ""`
	for _, c := range []struct {
		of            news.Entry
		element, want string
	}{
		{posted[0], "h2 a", posted[0].Item.Headline},
		{posted[2], ".correction strong", "Correction:"},
		{posted[2], ".correction .reason", "The figure was of January."},
		{posted[3], ".withdrawal strong", "Withdrawn:"},
		{posted[3], ".withdrawal .reason", "A hoax."},
		{posted[3], "h2 s", posted[3].Item.Headline},
	} {
		if got := p.Text(says, c.of.Item.ID, c.element); got != c.want {
			t.Errorf("%s says %q, want %q", c.element, got, c.want)
		}
	}
	if got := p.Text(`document.querySelector("main noscript").innerText`); !strings.Contains(got, "reload it for the latest") {
		t.Errorf("what is said without JavaScript is %q", got)
	}
	p.Navigate(p.Text(`document.getElementById(args[0]).querySelector("h2 a").href`, posted[6].Item.ID))
	if got, want := p.Text(`location.pathname`), "/s/"+posted[6].Item.Story; got != want {
		t.Errorf("the headline leads to %s, want %s", got, want)
	}
	if got := p.Text(`document.querySelector("news-ticker h2").innerText`); got != posted[6].Item.Headline {
		t.Errorf("the story's page says %q", got)
	}
}

// TestTickerOnAnotherSite embeds the ticker with the two lines of the README.
func TestTickerOnAnotherSite(t *testing.T) {
	t.Parallel()
	c := startCrier(t)
	c.post(news.Post{Headline: "Of the world", Topics: []string{"world"}, Level: news.Flash})
	c.post(news.Post{Headline: "Of sport", Topics: []string{"sport"}})
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = fmt.Fprintf(w, `<!doctype html><html lang="en"><title>Another site</title><link rel="icon" href="data:,">
			<script type="module" src="%[1]s/ticker.js"></script>
			<news-ticker src="%[1]s" topics="world"></news-ticker>`, c.URL)
	}))
	t.Cleanup(site.Close)
	p := browsertest.StartChromium(t).Open(t, site.URL)
	const says = `[...document.querySelector("news-ticker").shadowRoot.querySelectorAll("h2")].map((e) => e.innerText).join("|")`
	p.Wait(live)
	p.Wait(says + ` === "Of the world"`)
	c.post(news.Post{Headline: "Of sport again", Topics: []string{"sport"}})
	c.post(news.Post{Headline: "Live and of the world", Topics: []string{"world", "politics"}})
	p.Wait(says + ` === "Live and of the world|Of the world"`)
	if got := p.Text(`document.querySelector("news-ticker").shadowRoot.querySelector("h2 a").href`); !strings.HasPrefix(got, c.URL+"/s/") {
		t.Errorf("the headline leads to %s", got)
	}
}
