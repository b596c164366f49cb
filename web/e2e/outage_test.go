package e2e

import (
	"net/http"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"crier/engine/redis/redistest"
	"crier/news"
	"crier/web/browsertest"
)

// TestReaderThroughAnOutage has the Redis behind a node die under a reader:
// the page keeps what it shows and says that it is reconnecting, an editor is
// told that nothing was kept, and all goes on when Redis is back, without
// anybody reloading anything.
func TestReaderThroughAnOutage(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t)
	c := startCrier(t, "--redis", redis.URL())
	c.troubled = true
	key, err := exec.Command(binary, "keys", "create", "--role", "admin", "--name", "Night desk", "--redis", redis.URL()).Output()
	if err != nil {
		t.Fatalf("keys create: %v", err)
	}
	c.key = strings.TrimSpace(string(key))
	browser := browsertest.StartChromium(t)
	p := browser.Open(t, c.URL)
	p.Wait(live)
	desk := browser.Open(t, c.URL+"/desk")
	desk.Allow("503") // as the browser tells of every answer that refuses
	signIn(desk.Page, c.key)
	var posted []news.Entry
	for _, h := range headlines(t)[:3] {
		posted = append(posted, c.post(h))
	}
	onPage := func(when string) {
		t.Helper()
		p.Wait(shown+`.length === args[0]`, len(posted))
		var on []string
		if p.Eval(&on, shown); !slices.Equal(on, newestFirst(posted)) {
			t.Errorf("%s the page shows %v, want %v", when, on, newestFirst(posted))
		}
	}
	onPage("live")

	redis.Kill(t)
	p.Wait(`document.querySelector("news-ticker").dataset.state === "stale"`)
	p.Wait(`document.querySelector("news-ticker .state").innerText.startsWith("Reconnecting…")`)
	onPage("while Redis is away")
	desk.Type("The bridge is open")
	desk.Press("Control+Enter")
	desk.Wait(`!document.querySelector("#unsure").hidden`)
	if told := desk.Text(`document.querySelector("#unsure-words").innerText`); !strings.Contains(told, "nothing was kept. The item is not posted.") {
		t.Errorf("the editor is told %q", told)
	}
	if status, _ := c.ask(http.MethodGet, "/readyz", nil, nil); status != http.StatusServiceUnavailable {
		t.Errorf("the node says it is ready: %d", status)
	}

	redis.Start(t)
	p.Wait(live)
	desk.Click("#unsure-retry")
	desk.Wait(`document.querySelector("#compose-done").innerText === "Posted: The bridge is open"`)
	p.Wait(shown + `.length === 4`)
	posted = append(posted, c.items()[0], c.post(headlines(t)[3]))
	onPage("after the outage")
	if status, _ := c.ask(http.MethodGet, "/readyz", nil, nil); status != http.StatusOK {
		t.Errorf("the node is not ready again: %d", status)
	}
}
