package e2e

import (
	"context"
	"net/http"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"crier/news"
	"crier/push/pushtest"
	"crier/web/browsertest"
)

// TestSubscriberIsAlerted goes the whole way from an editor's post to a
// notification in a real browser that has no page open, and back.
func TestSubscriberIsAlerted(t *testing.T) {
	t.Parallel()
	s := pushtest.Start(t)
	c := startCrier(t, "--alert-hosts", s.Host())
	firefox := browsertest.StartFirefox(t, pushtest.FirefoxPrefs(s))

	p := firefox.Open(t, c.URL)
	p.Wait(live)
	p.Click("#invite-on")
	p.Wait(`document.querySelector("#invite-state").innerText.startsWith("Alerts are on")`)
	p.Close()

	// Whoever subscribes is told so, which shows that it works.
	first := delivered(t, s, 1).Acks[0]
	flash := c.post(news.Post{
		Headline: "Öl über 100 $", Summary: "Zum ersten Mal seit 2022.", Level: news.Flash, Language: "de",
		Topics: []string{"business"}, Alert: true,
	})
	delivered(t, s, 2)
	r := c.reported(flash.Item.ID, func(r report) bool { return r.Displayed > 0 && r.State == "done" })
	if want := (report{State: "done", Audience: 1, Accepted: 1, Displayed: 1}); r != want {
		t.Errorf("the report reads %+v, want %+v", r, want)
	}

	p = firefox.Open(t, c.URL)
	about := notifications(p, "Öl über 100 $")
	if len(about) != 1 || about[0].Tag != flash.Item.Story || about[0].Lang != "de" || !strings.Contains(about[0].Body, "2022") {
		t.Errorf("Firefox shows %+v", about)
	}
	p.Close()

	// The correction takes the notification's place.
	c.revise(flash, map[string]any{"kind": "corrected", "headline": "Öl über 90 $", "reason": "Es waren 91 $."})
	delivered(t, s, 3)
	p = firefox.Open(t, c.URL)
	about = notifications(p, "Öl über 90 $")
	if len(about) != 1 || about[0].Title == "Öl über 90 $" {
		t.Errorf("Firefox shows %+v, want one that says that it corrects", about)
	}

	// The desk says the same.
	desk := firefox.Open(t, c.URL+"/desk")
	signIn(desk, c.key)
	desk.Click(`#wire-list details.report summary`)
	const number = `Number(document.querySelector("#wire-list [data-word=" + args[0] + "] b")?.innerText)`
	desk.Wait(number+" === 1", "accepted")
	desk.Wait(number+" === 1", "displayed")

	// The browser is uninstalled: the push service knows it no more.
	s.Drop(first.Endpoint)
	last := c.post(news.Post{Headline: "Nobody is there", Level: news.Bulletin, Alert: true})
	r = c.reported(last.Item.ID, func(r report) bool { return r.State == "done" })
	if want := (report{State: "done", Audience: 1, Gone: 1}); r != want {
		t.Errorf("the report reads %+v, want %+v", r, want)
	}
	after := c.post(news.Post{Headline: "Nobody is told", Level: news.Bulletin, Alert: true})
	r = c.reported(after.Item.ID, func(r report) bool { return r.State == "done" })
	if want := (report{State: "done"}); r != want {
		t.Errorf("the report reads %+v, want %+v", r, want)
	}
	if refused := s.Seen().Statuses; refused[http.StatusCreated] != 3 || refused[http.StatusGone] != 1 || len(refused) != 2 {
		t.Errorf("the push service answered %v, want 201 three times and 410 once", refused)
	}
}

// TestSubscriberChooses has a subscriber choose on the preferences page, change
// the choice and turn alerts off.
func TestSubscriberChooses(t *testing.T) {
	t.Parallel()
	s := pushtest.Start(t)
	c := startCrier(t, "--alert-hosts", s.Host())
	p := browsertest.StartFirefox(t, pushtest.FirefoxPrefs(s)).Open(t, c.URL+"/alerts")
	p.Wait(`document.querySelector("#standing").dataset.state === "off"`)
	p.Click("[name=level][value=bulletin]")
	p.Click("[name=topics][value=sport]")
	p.Click("#alerts-on")
	p.Wait(`document.querySelector("#standing").dataset.state === "on"`)
	p.Wait(`document.querySelector("#standing-words").innerText === "Alerts are on: bulletins and flashes from Sport."`)

	// accepted posts alerts and says how many each reached.
	accepted := func(posts ...news.Post) (n []int) {
		for _, post := range posts {
			post.Headline, post.Alert = "News", true
			r := c.reported(c.post(post).Item.ID, func(r report) bool { return r.State == "done" })
			if r.Audience != r.Accepted {
				t.Errorf("the report reads %+v", r)
			}
			n = append(n, r.Accepted)
		}
		return n
	}
	sport, world := []string{"sport"}, []string{"world"}
	some := []news.Post{
		{Level: news.Bulletin, Topics: sport}, {Level: news.Urgent, Topics: sport}, {Level: news.Flash, Topics: world},
	}
	if got := accepted(some...); !slices.Equal(got, []int{1, 0, 0}) {
		t.Errorf("reached %v, want the first alone", got)
	}

	p.Click("[name=topics][value=sport]") // none is all
	p.Click("[name=level][value=flash]")
	p.Click("#alerts-on")
	p.Wait(`document.querySelector("#standing-words").innerText === "Alerts are on: flashes only from all topics."`)
	p.Reload()
	p.Wait(`document.querySelector("#standing-words").innerText === "Alerts are on: flashes only from all topics."`)
	if got := accepted(some...); !slices.Equal(got, []int{0, 0, 1}) {
		t.Errorf("reached %v, want the last alone", got)
	}

	p.Click("#alerts-off")
	p.Wait(`document.querySelector("#standing").dataset.state === "off"`)
	if got := accepted(some...); !slices.Equal(got, []int{0, 0, 0}) {
		t.Errorf("reached %v, want nobody", got)
	}
	if n := s.Seen().Subscriptions; n != 0 {
		t.Errorf("%d subscriptions stand at the push service", n)
	}
}

// TestSubscriberConfirms: alerts reach a browser once its service worker has
// sent back what the greeting carries, and it stays so with a new VAPID key.
func TestSubscriberConfirms(t *testing.T) {
	t.Parallel()
	s := pushtest.Start(t)
	c := startCrier(t, "--alert-hosts", s.Host(), "--alert-confirm", "all")
	p := browsertest.StartFirefox(t, pushtest.FirefoxPrefs(s)).Open(t, c.URL+"/alerts")
	p.Wait(`document.querySelector("#standing").dataset.state === "off"`)
	p.Click("#alerts-on")
	p.Wait(`document.querySelector("#standing").dataset.state === "on"`)
	reached := func() {
		t.Helper()
		end := time.Now().Add(browsertest.Patience)
		for n := 0; n == 0; { // the confirmation is on its way
			if time.Now().After(end) {
				t.Fatal("no alert reached the browser")
			}
			r := c.reported(c.post(news.Post{Headline: "News", Level: news.Bulletin, Alert: true}).Item.ID, func(r report) bool { return r.State == "done" })
			n = r.Accepted
		}
	}
	reached()

	old := s.Seen().Requests[0].Endpoint
	out, err := exec.Command(binary, "keys", "rotate-vapid", "--data", c.dir).Output()
	if err != nil {
		t.Fatalf("keys rotate-vapid: %v", err)
	}
	public := strings.TrimSpace(string(out))
	p.Wait(`fetch("/v1/alerts/key").then((r) => r.json()).then(({key}) => key === args[0])`, public)
	p.Reload()
	p.Wait(`navigator.serviceWorker.ready.then((r) => r.pushManager.getSubscription()).then((s) => {
		const key = btoa(String.fromCharCode(...new Uint8Array(s?.options.applicationServerKey ?? [])));
		return key.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "") === args[0];
	})`, public)
	p.Wait(`document.querySelector("#standing").dataset.state === "on"`)
	reached()
	requests := s.Seen().Requests
	last := requests[len(requests)-1]
	if last.Endpoint == old || !strings.HasSuffix(last.Header.Get("Authorization"), "k="+public) {
		t.Errorf("the last message went to the old endpoint: %v, with %s", last.Endpoint == old, last.Header.Get("Authorization"))
	}
	// The old one may be met for the moment until the server knows of the new one.
	if seen := s.Seen().Statuses; seen[http.StatusCreated]+seen[http.StatusGone] != int64(len(requests)) {
		t.Errorf("the push service answered %v, want 201 and perhaps 410", seen)
	}
}

// delivered waits until the browser has taken n messages in all.
func delivered(t *testing.T, s *pushtest.Service, n int) pushtest.Seen {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), browsertest.Patience)
	defer cancel()
	seen, err := s.Wait(ctx, func(seen pushtest.Seen) bool { return len(seen.Acks) >= n })
	if err != nil {
		t.Fatalf("%d messages delivered, want %d: %v", len(seen.Acks), n, seen.Statuses)
	}
	if i := slices.IndexFunc(seen.Acks, func(a pushtest.Ack) bool { return a.Code != pushtest.Delivered }); i >= 0 {
		t.Errorf("the browser says %d of message %d", seen.Acks[i].Code, i)
	}
	return seen
}

type notification struct{ Title, Body, Tag, Lang string }

// notifications waits for those that mention text.
func notifications(p *browsertest.Page, text string) []notification {
	var ns []notification
	p.WaitFor(&ns, `navigator.serviceWorker.ready.then((r) => r.getNotifications()).then((all) => {
		const ns = all.map(({title, body, tag, lang}) => ({title, body, tag, lang}))
			.filter((n) => (n.title + n.body).includes(args[0]));
		return ns.length > 0 && ns;
	})`, text)
	return ns
}

// signIn signs in to the desk.
func signIn(p *browsertest.Page, key string) {
	p.Click("#signin-form input")
	p.Type(key)
	p.Press("Enter")
	p.Wait(`document.querySelector("#wire-state").dataset.state === "live"`)
}
