package web

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"

	"crier/news"
)

var update = flag.Bool("update", false, "write the golden files anew")

func site(t testing.TB) *Site {
	t.Helper()
	s, err := New(Options{PublicURL: "https://news.example", Version: "v1.2.3"})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

var noon = time.Date(2026, 3, 14, 12, 0, 0, 0, time.UTC)

func ago(d time.Duration) time.Time { return noon.Add(-d) }

// entries is a front with one of everything.
func entries() []news.Entry {
	corrected := ago(50 * time.Minute)
	item := func(n int, it news.Item) news.Entry {
		it.ID = fmt.Sprintf("n%d", n)
		if it.Version == 0 {
			it.Version = 1
		}
		if it.Language == "" {
			it.Language = "en"
		}
		if it.Level == "" {
			it.Level = news.Regular
		}
		if it.Story == "" {
			it.Story = fmt.Sprintf("s%d", n)
		}
		it.PostedAt = ago(time.Duration(20-n) * time.Hour / 4)
		if it.RevisedAt.IsZero() {
			it.RevisedAt = it.PostedAt
		}
		return news.Entry{Offset: uint64(n), First: uint64(n), Kind: news.Posted, Item: it}
	}
	list := []news.Entry{
		item(1, news.Item{Headline: "A regular item", Summary: "Two\nlines.", Topics: []string{"sport"}}),
		item(2, news.Item{Headline: "Rates cut by a full point", Summary: "It was not so.", URL: "https://example.com/rates", Topics: []string{"business"}, Level: news.Urgent, Version: 2, Withdrawn: true, Reason: "The source was false.", RevisedAt: ago(40 * time.Minute)}),
		item(3, news.Item{Headline: "Inflation drops to 2.4%", URL: "https://example.com/inflation", Topics: []string{"business", "europe"}, Level: news.Bulletin, Version: 2, CorrectedAt: &corrected, Reason: "It is 2.4%, not 4.2%.", RevisedAt: corrected}),
		item(4, news.Item{Headline: "قمة عاجلة في بيروت", Topics: []string{"world"}, Language: "ar", Level: news.Urgent}),
		item(5, news.Item{Headline: "First of the story", Topics: []string{"europe"}, Story: "long"}),
		item(6, news.Item{Headline: "Second of the story", Topics: []string{"europe"}, Story: "long"}),
		item(7, news.Item{Headline: "Third of the story", Topics: []string{"europe"}, Story: "long"}),
		item(8, news.Item{Headline: "Fourth of the story", Topics: []string{"europe"}, Story: "long", Version: 2, RevisedAt: ago(5 * time.Minute)}),
		item(9, news.Item{Headline: "Exercise: evacuate", Topics: []string{"drill"}, Level: news.Flash, Drill: true}),
		item(10, news.Item{Headline: "Earthquake off the coast", Summary: "Leave the shore.", Topics: []string{"world"}, Level: news.Flash, URL: "https://example.com/quake"}),
	}
	list[1].Kind, list[1].Offset = news.Withdrawn, 12
	list[2].Kind, list[2].Offset = news.Corrected, 11
	list[7].Kind, list[7].Offset = news.Updated, 13
	return list
}

func snapshot(list ...news.Entry) news.Snapshot {
	return news.Snapshot{Cursor: news.Cursor{Epoch: "etest", Offset: 13}, Entries: list}
}

func render(t testing.TB, write func(*bytes.Buffer) error) string {
	t.Helper()
	var b bytes.Buffer
	if err := write(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// everyPage is each page once, by name.
func everyPage(t testing.TB) map[string]string {
	t.Helper()
	s := site(t)
	all := entries()
	return map[string]string{
		"front": render(t, func(b *bytes.Buffer) error { return s.Front(b, FrontView{Snapshot: snapshot(all...), Now: noon}) }),
		"filtered": render(t, func(b *bytes.Buffer) error {
			return s.Front(b, FrontView{Snapshot: snapshot(all...), Topics: []string{"drill", "sport"}, Now: noon})
		}),
		"empty": render(t, func(b *bytes.Buffer) error { return s.Front(b, FrontView{Snapshot: snapshot(), Now: noon}) }),
		"story": render(t, func(b *bytes.Buffer) error {
			return s.Story(b, StoryView{Story: "long", Snapshot: snapshot(all[7], all[6], all[5], all[4]), Now: noon})
		}),
		"drill": render(t, func(b *bytes.Buffer) error {
			return s.Story(b, StoryView{Story: "s9", Snapshot: snapshot(all[8]), Now: noon})
		}),
		"alerts":   render(t, func(b *bytes.Buffer) error { return s.Alerts(b) }),
		"desk":     render(t, func(b *bytes.Buffer) error { return s.Desk(b) }),
		"notfound": render(t, func(b *bytes.Buffer) error { return s.NotFound(b) }),
	}
}

func TestGolden(t *testing.T) {
	for name, got := range everyPage(t) {
		t.Run(name, func(t *testing.T) {
			// The revision changes with every asset and is tested on its own.
			got := regexp.MustCompile(`/assets/[0-9a-f]{12}/`).ReplaceAllString(got, "/assets/REV/")
			golden := filepath.Join("testdata", name+".html")
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("differs from %s at %s; go test ./web -update writes it anew", golden, firstDifference(got, string(want)))
			}
		})
	}
}

func firstDifference(a, b string) string {
	i := 0
	for i < min(len(a), len(b)) && a[i] == b[i] {
		i++
	}
	return fmt.Sprintf("byte %d:\n got …%.120q\nwant …%.120q", i, a[max(0, i-30):], b[max(0, i-30):])
}

func TestFrontShowsWhatIsWanted(t *testing.T) {
	pages := everyPage(t)
	for _, c := range []struct {
		page     string
		has, not []string
	}{
		{"front", []string{"A regular item", "Earthquake", `cursor="etest.13"`}, []string{"Exercise: evacuate", " topics=\"drill"}},
		{"filtered", []string{"A regular item", "Exercise: evacuate", "Drill: not real news", `topics="drill,sport"`}, []string{"Earthquake"}},
		{"empty", []string{`aria-label="Stories, newest first"></ol>`, "Nothing has been filed"}, []string{"<article"}},
		{"story", []string{`story="long"`, "Version 2", "Fourth of the story"}, []string{` topics="`}},
		{"drill", []string{`topics="drill"`, "This is a drill.", `content="noindex"`}, nil},
	} {
		for _, s := range c.has {
			if !strings.Contains(pages[c.page], s) {
				t.Errorf("%s lacks %q", c.page, s)
			}
		}
		for _, s := range c.not {
			if strings.Contains(strings.SplitN(pages[c.page], "<main", 2)[1], s) {
				t.Errorf("%s has %q", c.page, s)
			}
		}
	}
}

func TestStoryIsOneCard(t *testing.T) {
	cards := groupStories(entries(), noon)
	var long card
	n := 0
	for _, c := range cards {
		if c.Key == "long" {
			long = c
			n++
		}
	}
	if n != 1 {
		t.Fatalf("the story has %d cards", n)
	}
	if long.Lead.Item.Headline != "Fourth of the story" || len(long.Earlier) != shownEarlier || len(long.More) != 1 || long.More[0].Item.Headline != "First of the story" {
		t.Errorf("lead %q, %d earlier, %d more", long.Lead.Item.Headline, len(long.Earlier), len(long.More))
	}
	if cards[0].Lead.Item.Headline != "Earthquake off the coast" {
		t.Errorf("%q is on top, not the newest item", cards[0].Lead.Item.Headline)
	}
}

// TestHostileText holds that what an editor or an API client writes is text.
func TestHostileText(t *testing.T) {
	hostile := []string{
		`<script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, `' onclick='x`, `</title><h1>`, `{{.Site}}`,
		`<!--`, "a\u2028b", `\u003cb\u003e`, `javascript:alert(1)`, "שלום <b>", `&lt;b&gt;`,
	}
	s := site(t)
	for _, text := range hostile {
		e := entries()[0]
		corrected := noon
		e.Item.Headline, e.Item.Summary, e.Item.Reason, e.Item.CorrectedAt = text, text, text, &corrected
		e.Item.URL = "https://example.com/?q=" + text
		for name, page := range map[string]string{
			"front": render(t, func(b *bytes.Buffer) error { return s.Front(b, FrontView{Snapshot: snapshot(e), Now: noon}) }),
			"story": render(t, func(b *bytes.Buffer) error {
				return s.Story(b, StoryView{Story: "s1", Snapshot: snapshot(e), Now: noon})
			}),
		} {
			doc := parse(t, page)
			if got := textOf(find(doc, func(n *html.Node) bool { return attr(n, "data-key") == "headline" })[0]); got != text {
				t.Errorf("%s: the headline reads %q, not %q", name, got, text)
			}
			if got := textOf(find(doc, func(n *html.Node) bool { return attr(n, "class") == "summary" })[0]); got != text {
				t.Errorf("%s: the summary reads %q, not %q", name, got, text)
			}
			if n := len(find(doc, func(n *html.Node) bool { return n.DataAtom == atom.H1 })); n != 1 {
				t.Errorf("%s: %q made %d h1", name, text, n)
			}
			checkNothingInline(t, name, doc)
		}
	}
}

func TestLinks(t *testing.T) {
	s := site(t)
	for link, want := range map[string]string{
		"":                          "/s/s1",
		"https://example.com/a?b=c": "https://example.com/a?b=c",
		"javascript:alert(1)":       "/s/s1",
		"data:text/html,x":          "/s/s1",
		"//evil.example":            "/s/s1",
	} {
		e := entries()[0]
		e.Item.URL = link
		doc := parse(t, render(t, func(b *bytes.Buffer) error { return s.Front(b, FrontView{Snapshot: snapshot(e), Now: noon}) }))
		if got := attr(find(doc, func(n *html.Node) bool { return attr(n, "data-key") == "headline" })[0], "href"); got != want {
			t.Errorf("an item with the link %q leads to %q, not %q", link, got, want)
		}
	}
	e := entries()[1]
	doc := parse(t, render(t, func(b *bytes.Buffer) error { return s.Front(b, FrontView{Snapshot: snapshot(e), Now: noon}) }))
	if n := find(doc, func(n *html.Node) bool { return attr(n, "data-key") == "headline" })[0]; n.DataAtom != atom.S {
		t.Errorf("a withdrawn item's headline is a <%s>", n.Data)
	}
}

func TestNewRefusesBadTopics(t *testing.T) {
	if _, err := New(Options{Topics: []string{"World News"}}); err == nil {
		t.Error("a topic that is no topic's name was taken")
	}
	if _, err := New(Options{}); err != nil {
		t.Errorf("the zero Options do not work: %v", err)
	}
}

func TestStoryNeedsItems(t *testing.T) {
	if err := site(t).Story(&bytes.Buffer{}, StoryView{Story: "s1", Now: noon}); err == nil {
		t.Error("a story without items was rendered")
	}
}

func TestStamp(t *testing.T) {
	vienna := time.FixedZone("CET", 3600)
	for _, c := range []struct {
		at   time.Time
		want moment
	}{
		{noon, moment{"2026-03-14T12:00:00Z", "12:00 UTC"}},
		{noon.Add(120 * time.Millisecond).In(vienna), moment{"2026-03-14T12:00:00.12Z", "12:00 UTC"}},
		{ago(13 * time.Hour), moment{"2026-03-13T23:00:00Z", "13 Mar 2026, 23:00 UTC"}},
	} {
		if got := stamp(c.at, noon); got != c.want {
			t.Errorf("stamp(%v) is %v, not %v", c.at, got, c.want)
		}
	}
}
