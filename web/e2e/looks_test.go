package e2e

import (
	_ "embed"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"crier/news"
	"crier/web/browsertest"
)

var (
	//go:embed testdata/audit.js
	audit string
	//go:embed testdata/focus.js
	focus string
)

// day puts on the wire what a busy day brings: the fixture, a story of several
// items, a withdrawal, a correction, a drill and a flash.
func day(t *testing.T, c *crier) (flash news.Entry) {
	t.Helper()
	fixture := headlines(t)
	floods := c.post(fixture[0])
	for i := range 4 {
		c.post(news.Post{
			Headline: fmt.Sprintf("Rescuers reach village number %d cut off by the floods", i+1), Level: news.Urgent,
			Topics: []string{"world"}, Story: floods.Item.Story,
		})
	}
	c.post(fixture[1])
	for _, h := range fixture[4:] {
		c.post(h)
	}
	c.revise(c.post(fixture[3]), map[string]any{"kind": "withdrawn", "reason": "The report is a year old."})
	c.revise(c.post(fixture[2]), map[string]any{
		"kind": "corrected", "headline": "Europe’s Inflation Drops to 2.6%, Rate Cut Anticipated",
		"summary": "Inflation in Europe has slowed to an annual rate of 2.6% as of February,...",
		"reason":  "Inflation is 2.6%, not 2.4%, as an earlier version said.",
	})
	c.post(news.Post{Headline: "Exercise: a siren is tested", Level: news.Bulletin, Topics: []string{"drill"}, Drill: true})
	return c.post(news.Post{
		Headline: "Ceasefire agreed, both sides say", Level: news.Flash, Topics: []string{"world", "politics"}, Alert: true,
		Summary: "The guns are to fall silent at midnight, according to a joint statement.", URL: "https://news.example/ceasefire",
	})
}

// view is a page to be looked at once ready holds in it.
type view struct{ name, path, ready string }

// views are the pages there are.
func views(flash news.Entry) []view {
	const listed = `document.querySelector("#wire-list .report-numbers")`
	return []view{
		{"front", "/", live},
		{"drills", "/?topics=drill", live},
		{"story", "/s/" + flash.Item.Story, live},
		{"alerts", "/alerts", `document.querySelector("#standing").dataset.state !== "checking"`},
		{"desk", "/desk", listed},
		{"nowhere", "/nothing/here", `document.querySelector("main h1")`},
	}
}

// openDesk opens the desk, signed in, with an alert's report open, and leaves
// the page to look at others: pages beside it share its profile.
func openDesk(c *crier, b *browsertest.Chromium) *browsertest.ChromiumPage {
	p := b.Open(c.t, c.URL+"/desk", "notifications")
	p.Calm()
	signIn(p.Page, c.key)
	p.Click("#wire-list details.report summary")
	p.Wait(`document.querySelector("#wire-list .report-numbers")`)
	return p
}

// TestPagesAreSound looks at every page in three widths and two schemes.
func TestPagesAreSound(t *testing.T) {
	t.Parallel()
	c := startCrier(t)
	flash := day(t, c)
	b := browsertest.StartChromium(t)
	desk := openDesk(c, b)
	for _, v := range views(flash) {
		p := desk
		if v.name != "desk" {
			p = desk.Beside(c.URL + v.path)
			if v.name == "nowhere" {
				p.Allow("the server responded with a status of 404")
			}
			p.Calm()
		}
		p.Wait(v.ready)
		for _, scheme := range []string{"light", "dark"} {
			p.Scheme(scheme)
			for _, width := range []int{360, 768, 1440} {
				p.Viewport(width, 900)
				p.Wait(`document.getAnimations().every((a) => a.playState !== "running")`)
				var wrong []string
				if p.Eval(&wrong, audit); len(wrong) > 0 {
					t.Errorf("%s, %s, %d px wide: %d things are wrong, first:", v.name, scheme, width, len(wrong))
					for _, w := range wrong[:min(len(wrong), 5)] {
						t.Errorf("\t%s", w)
					}
				}
			}
		}
		checkTree(t, v.name, p)
		checkFocus(t, v.name, p)
		if p != desk {
			p.Close()
		}
	}
}

// TestAuditFindsFaults has a page that does everything wrong.
func TestAuditFindsFaults(t *testing.T) {
	t.Parallel()
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write([]byte(`<!doctype html><html lang="en"><title>Wrong</title><link rel="icon" href="data:,">
			<style>:focus { outline: none }</style>
			<p style="color: #999">pale</p><p style="opacity: 0.4">faint</p><p style="color: #777; font-size: 24px">large</p>
			<p style="width: 2000px">wide</p>
			<button style="width: 10px; height: 10px; padding: 0">little</button>`))
	}))
	t.Cleanup(site.Close)
	p := browsertest.StartChromium(t).Open(t, site.URL)
	p.Viewport(800, 600)
	var wrong []string
	p.Eval(&wrong, audit)
	for _, want := range []string{"wider than the viewport of 800: 20", `contrast 2.85 of p "pale"`, `of p "faint"`, `little to hit button "little"`} {
		if !slices.ContainsFunc(wrong, func(w string) bool { return strings.Contains(w, want) }) {
			t.Errorf("the audit does not find %q", want)
		}
	}
	if len(wrong) != 4 {
		t.Errorf("the audit finds %q, want 4 things", wrong)
	}
	p.Press("Tab")
	var at struct{ Seen, End bool }
	if p.Eval(&at, focus); at.Seen || at.End {
		t.Errorf("of a focus that cannot be seen the audit says %+v", at)
	}
}

// checkTree checks what assistive technology is told.
func checkTree(t *testing.T, page string, p *browsertest.ChromiumPage) {
	t.Helper()
	count := map[string]int{}
	for _, n := range p.Accessibility() {
		count[n.Role]++
		if n.Role == "heading" && n.Properties["level"] == "1" {
			count["first heading"]++
		}
		interactive := []string{
			"button", "checkbox", "combobox", "link", "listbox", "radio", "searchbox", "slider", "spinbutton", "switch", "textbox", "image", "dialog",
		}
		if n.Name == "" && slices.Contains(interactive, n.Role) {
			t.Errorf("%s: a %s has no name: %+v", page, n.Role, n)
		}
	}
	for _, one := range []string{"main", "banner", "contentinfo", "first heading"} {
		if count[one] != 1 {
			t.Errorf("%s: %d times %s, want once", page, count[one], one)
		}
	}
}

// checkFocus goes through the page with Tab.
func checkFocus(t *testing.T, page string, p *browsertest.ChromiumPage) {
	t.Helper()
	p.Eval(nil, `void (document.activeElement?.blur(), scrollTo(0, 0))`)
	var stops []string
	for range 200 {
		p.Press("Tab")
		var at struct {
			What      string
			Seen, End bool
		}
		p.Eval(&at, focus)
		if at.End {
			break
		}
		if !at.Seen {
			t.Errorf("%s: one cannot see the focus on %s", page, at.What)
		}
		stops = append(stops, at.What)
	}
	if len(stops) < 4 || len(stops) == 200 {
		t.Errorf("%s: Tab stops %d times: %q", page, len(stops), stops[:min(len(stops), 10)])
	}
}

// TestScreenshots takes the pictures of the README. With CRIER_SCREENSHOTS
// they are kept in that folder.
func TestScreenshots(t *testing.T) {
	t.Parallel()
	dir := os.Getenv("CRIER_SCREENSHOTS")
	if dir == "" {
		dir = t.TempDir()
	}
	c := startCrier(t)
	flash := day(t, c)
	desk := openDesk(c, browsertest.StartChromium(t))
	for _, s := range []struct {
		view, scheme  string
		width, height int
	}{
		{"front", "light", 1280, 900}, {"front", "dark", 1280, 900}, {"front", "light", 390, 844},
		{"story", "light", 1280, 800}, {"alerts", "light", 1280, 1000}, {"desk", "light", 1440, 1000},
	} {
		v := views(flash)[slices.IndexFunc(views(flash), func(v view) bool { return v.name == s.view })]
		p := desk
		if s.view != "desk" {
			p = desk.Beside(c.URL + v.path)
			p.Calm()
		}
		p.Scheme(s.scheme)
		p.Viewport(s.width, s.height)
		p.Wait(v.ready)
		p.Eval(nil, `scrollTo(0, 0)`)
		name := s.view
		if s.scheme == "dark" {
			name += "-dark"
		}
		if s.width < 500 {
			name += "-phone"
		}
		p.Screenshot(filepath.Join(dir, name+".png"))
		if p != desk {
			p.Close()
		}
	}
}
