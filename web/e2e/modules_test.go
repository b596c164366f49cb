package e2e

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"crier/news"
	"crier/web/browsertest"
)

// TestModules runs the tests of the pages' modules, testdata/modules/*.test.js,
// each file in a page of its own, whose node has no room for readers.
func TestModules(t *testing.T) {
	t.Parallel()
	mux := http.NewServeMux()
	mux.Handle("/assets/", http.StripPrefix("/assets/", http.FileServerFS(os.DirFS("../assets"))))
	mux.Handle("/tests/", http.StripPrefix("/tests/", http.FileServerFS(os.DirFS("testdata/modules"))))
	mux.Handle("/frames/", http.StripPrefix("/frames/", http.FileServerFS(os.DirFS("../../hub/testdata/frames"))))
	full := func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/v1/live/room" {
			w.Header().Set("Retry-After", "40")
		}
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	mux.HandleFunc("/v1/live", full)
	mux.HandleFunc("/v1/live/room", full)
	mux.HandleFunc("/worker.js", func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, "../root/worker.js") })
	mux.HandleFunc("/{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write([]byte(`<!doctype html><title>Modules</title><link rel="icon" href="data:,">`))
	})
	site := httptest.NewServer(mux)
	t.Cleanup(site.Close)
	files, err := filepath.Glob("testdata/modules/*.test.js")
	if err != nil || len(files) == 0 {
		t.Fatalf("there are no tests: %v", err)
	}
	b := browsertest.StartChromium(t)
	for _, file := range files {
		name := filepath.Base(file)
		t.Run(strings.TrimSuffix(name, ".test.js"), func(t *testing.T) {
			p := b.Open(t, site.URL)
			p.Allow("Unexpected response code: 503") // of the node that is full
			p.Allow("the server responded with a status of 503")
			var results []struct{ Name, Problem string }
			p.Eval(&results, `import("/tests/" + args[0]).then(() => import("/tests/harness.js")).then((h) => h.run())`, name)
			if len(results) == 0 {
				t.Error("the file has no tests")
			}
			for _, r := range results {
				if r.Problem != "" {
					t.Errorf("%s\n%s", r.Name, r.Problem)
				}
			}
		})
	}
}

// drawn compares the cards of the server with those that the ticker makes from
// what the API says: pairs of markup that differ, times in words left out.
const drawn = `(async () => {
	const [page, items, alone] = args;
	const base = document.querySelector("link[rel=modulepreload], script[type=module]").href.replace(/js\/.*/, "js/");
	const [{Front}, {readEntry, renderCard}] = await Promise.all(["front.js", "render.js"].map((m) => import(base + m)));
	const server = await new Promise((done, fail) => {
		const r = new XMLHttpRequest(); // the one parser of markup that our own policy leaves
		r.responseType = "document";
		r.onload = () => done(r.response);
		r.onerror = fail;
		r.open("GET", page);
		r.send();
	});
	const plain = (e) => {
		const copy = e.cloneNode(true);
		for (const time of copy.querySelectorAll("time")) time.textContent = "";
		for (const n of [copy, ...copy.querySelectorAll("*")]) {
			for (const {name, value} of [...n.attributes].sort((a, b) => (a.name < b.name ? -1 : 1))) {
				n.removeAttribute(name);
				n.setAttribute(name, value);
			}
		}
		return copy.outerHTML;
	};
	const cards = [...server.querySelectorAll("news-ticker li.story")];
	const front = new Front({alone});
	const view = {base: "", alone};
	const differ = (made) => made.map((m, i) => [cards[i] ? plain(cards[i]) : "", plain(m)]).filter(([a, b]) => a !== b);
	front.reset((await (await fetch(items)).json()).items);
	const fromAPI = front.cards().map((c) => renderCard(c, view));
	front.reset([...server.querySelectorAll("[data-item]")].map(readEntry));
	const fromPage = front.cards().map((c) => c.lead.item.id);
	return {
		cards: cards.length, made: fromAPI.length, differ: differ(fromAPI),
		read: fromPage.join() === cards.map((c) => c.querySelector("[data-item]").dataset.item).join(),
	};
})()`

// TestServerAndTickerDrawTheSame holds the templates and render.js together.
func TestServerAndTickerDrawTheSame(t *testing.T) {
	t.Parallel()
	c := startCrier(t)
	flash := day(t, c)
	c.revise(flash, map[string]any{"kind": "updated", "summary": "The guns are silent.", "level": "bulletin"})
	hard := c.post(news.Post{
		Headline: `"Quotes" & <tags> — שלום`, Summary: `<script>alert("&amp;")</script>`, Language: "he", Topics: []string{"new-york", "world"},
		URL: "https://news.example/?a=1&b=%22",
	})
	c.revise(hard, map[string]any{"kind": "refiled", "headline": `"Quotes" & <tags>: שלום`})
	p := browsertest.StartChromium(t).Open(t, c.URL)
	p.Wait(live)
	story := c.items()[len(c.items())-1].Item.Story
	for _, v := range []struct {
		page, items string
		alone       bool
	}{
		{"/", "/v1/items", false},
		{"/?topics=drill", "/v1/items?topics=drill", false},
		{"/s/" + story, "/v1/items?story=" + story, true},
		{"/s/" + hard.Item.Story, "/v1/items?story=" + hard.Item.Story, true},
	} {
		var got struct {
			Cards, Made int
			Differ      [][2]string
			Read        bool
		}
		p.Eval(&got, drawn, v.page, v.items, v.alone)
		if got.Cards == 0 || got.Cards != got.Made || !got.Read {
			t.Errorf("%s: %d cards from the server, %d from the API, the same when read back: %t", v.page, got.Cards, got.Made, got.Read)
		}
		for _, d := range got.Differ {
			t.Errorf("%s: the server draws\n%s\nthe ticker\n%s", v.page, d[0], d[1])
		}
	}
}

// TestWorkerShowsWhatComes gives the service worker what a push service may
// bring it.
func TestWorkerShowsWhatComes(t *testing.T) {
	t.Parallel()
	c := startCrier(t)
	proxy := browsertest.StartProxy(t, c.URL)
	receipts := make(chan struct{}, 10)
	proxy.Refuse(func(r *http.Request) bool {
		if r.Method == http.MethodPost && r.URL.Path == "/v1/alerts/receipts" {
			receipts <- struct{}{}
		}
		return false
	})
	p := browsertest.StartChromium(t).Open(t, proxy.URL, "notifications")
	p.Wait(live)
	p.Allow("Failed to load resource") // the receipts are of no campaign
	p.Eval(nil, `navigator.serviceWorker.register(trustedTypes.createPolicy("crier-worker", {createScriptURL: (u) => u})
		.createScriptURL("/worker.js")).then(() => undefined)`)
	for _, data := range []string{
		"no JSON",
		`{"web_push":8030}`,
		`{"web_push":8030,"notification":{"title":"Replaced","tag":"s1","data":{"receipt":"none"}}}`,
		`{"web_push":8030,"notification":{"title":"Flash: ceasefire","body":"At midnight.","navigate":"` + proxy.URL + `/s/s1","tag":"s1",
			"lang":"de","dir":"rtl","silent":true,"timestamp":1700000000000,"data":{"receipt":"none","level":"flash"}}}`,
	} {
		p.DeliverPush(proxy.URL+"/", data)
		if strings.Contains(data, "receipt") {
			select {
			case <-receipts: // it has been shown
			case <-time.After(browsertest.Patience):
				t.Fatalf("there is no receipt for %s", data)
			}
		}
	}
	var got []string
	p.Eval(&got, `navigator.serviceWorker.ready.then((r) => r.getNotifications()).then((ns) => ns.map((n) =>
		[n.title, n.body, n.tag, n.lang, n.dir, n.silent, n.requireInteraction, n.data.navigate].join("|")).sort())`)
	want := []string{
		"Flash: ceasefire|At midnight.|s1|de|rtl|true|false|" + proxy.URL + "/s/s1",
		"News has come in|An alert arrived that this browser could not read. Open the live page to see what it was about.|unreadable||auto|false|false|/",
	}
	if !slices.Equal(got, want) {
		t.Errorf("notifications\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
