package news_test

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"crier/news"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func TestPostDraft(t *testing.T) {
	d, err := news.Post{Headline: "  Iten, Kenya  ", Topics: []string{"world", "sport", "world"}, Level: news.Urgent, Alert: true}.
		Draft("n1", "k1", noon.Add(123456*time.Nanosecond))
	if err != nil {
		t.Fatal(err)
	}
	want := news.Draft{Kind: news.Posted, Alert: true, By: "k1", Item: news.Item{
		ID: "n1", Version: 1, Story: "s1", Level: news.Urgent, Headline: "Iten, Kenya", Topics: []string{"sport", "world"}, Language: "en",
		PostedAt: noon, RevisedAt: noon, Alerted: &news.Reach{Level: news.Urgent, Topics: []string{"sport", "world"}},
	}}
	if !reflect.DeepEqual(d, want) {
		t.Errorf("got %+v\nwant %+v", d, want)
	}
}

func TestPostFaults(t *testing.T) {
	long := func(n int) string { return strings.Repeat("é", n) }
	for _, c := range []struct {
		name  string
		post  news.Post
		field string // of the one fault; "" for none
	}{
		{"plain", news.Post{Headline: "x"}, ""},
		{"every field", news.Post{Headline: "x", Summary: "a\nb", URL: "https://news.example/a?b#c", Topics: []string{"world"}, Level: news.Flash, Story: "floods-2026", Language: "pt-BR", Alert: true, DuplicateOf: "n1"}, ""},
		{"no headline", news.Post{}, "headline"},
		{"blank headline", news.Post{Headline: " \t "}, "headline"},
		{"invisible headline", news.Post{Headline: "\u200b\u2060"}, "headline"},
		{"punctuation only", news.Post{Headline: "..."}, "headline"},
		{"control characters", news.Post{Headline: "a\x00b"}, "headline"},
		{"escape sequence", news.Post{Headline: "a\x1b[2Jb"}, "headline"},
		{"two lines", news.Post{Headline: "a\nb"}, "headline"},
		{"line separator", news.Post{Headline: "a\u2028b"}, "headline"},
		{"reversed text", news.Post{Headline: "a\u202eb"}, "headline"},
		{"isolated text", news.Post{Summary: "a\u2066b", Headline: "x"}, "summary"},
		{"not UTF-8", news.Post{Headline: "a\xffb"}, "headline"},
		{"longest headline", news.Post{Headline: long(news.MaxHeadline)}, ""},
		{"too long headline", news.Post{Headline: long(news.MaxHeadline + 1)}, "headline"},
		{"longest summary", news.Post{Headline: "x", Summary: long(news.MaxSummary)}, ""},
		{"too long summary", news.Post{Headline: "x", Summary: long(news.MaxSummary + 1)}, "summary"},
		{"script link", news.Post{Headline: "x", URL: "javascript:alert(1)"}, "url"},
		{"data link", news.Post{Headline: "x", URL: "data:text/html,x"}, "url"},
		{"relative link", news.Post{Headline: "x", URL: "//evil.example/x"}, "url"},
		{"link without host", news.Post{Headline: "x", URL: "https:///x"}, "url"},
		{"link with user", news.Post{Headline: "x", URL: "https://bank.example@evil.example/"}, "url"},
		{"link with space", news.Post{Headline: "x", URL: "https://news.example/a b"}, "url"},
		{"link with backslash", news.Post{Headline: "x", URL: `https://evil.example\@news.example/`}, "url"},
		{"long link", news.Post{Headline: "x", URL: "https://news.example/" + strings.Repeat("a", news.MaxURL)}, "url"},
		{"unknown level", news.Post{Headline: "x", Level: "huge"}, "level"},
		{"topic with path", news.Post{Headline: "x", Topics: []string{"../world"}}, "topics[0]"},
		{"second topic bad", news.Post{Headline: "x", Topics: []string{"world", "W"}}, "topics[1]"},
		{"many topics", news.Post{Headline: "x", Topics: make([]string, news.MaxTopics+1)}, "topics"},
		{"story with path", news.Post{Headline: "x", Story: "a/b"}, "story"},
		{"language", news.Post{Headline: "x", Language: "english please"}, "language"},
		{"regular alert", news.Post{Headline: "x", Alert: true}, "alert"},
		{"duplicate and new", news.Post{Headline: "x", DuplicateOf: "n1", NewStory: true}, "new_story"},
		{"duplicate of a path", news.Post{Headline: "x", DuplicateOf: "../n1"}, "duplicate_of"},
		{"drill", news.Post{Headline: "x", Drill: true, Level: news.Flash, Alert: true}, ""},
		{"drill of its own", news.Post{Headline: "x", Drill: true, Topics: []string{"drill-flood"}}, ""},
		{"drill on a live topic", news.Post{Headline: "x", Drill: true, Topics: []string{"world"}}, "topics[0]"},
		{"live on a drill's topic", news.Post{Headline: "x", Topics: []string{"drill"}}, "topics[0]"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := c.post.Draft("n1", "k1", noon)
			var v news.Invalid
			switch {
			case c.field == "" && err != nil:
				t.Errorf("refused: %v", err)
			case c.field != "" && (!errors.As(err, &v) || len(v) != 1 || v[0].Field != c.field):
				t.Errorf("got %v, want one fault of %s", err, c.field)
			case c.field != "" && (v[0].Problem == "" || v[0].Mend == ""):
				t.Errorf("the fault does not say what and how to mend it: %+v", v[0])
			}
		})
	}
}

func TestPostTellsAllFaultsAtOnce(t *testing.T) {
	_, err := news.Post{Level: "x", URL: "y", Language: "!"}.Draft("n1", "k1", noon)
	var v news.Invalid
	if !errors.As(err, &v) || len(v) != 4 {
		t.Errorf("got %v, want four faults", err)
	}
}

func TestRevisionDraft(t *testing.T) {
	str := func(s string) *string { return &s }
	yes, no := true, false
	regular, flash := news.Regular, news.Flash
	quiet := news.Item{ID: "n1", Version: 3, Story: "s1", Level: news.Urgent, Headline: "Old", Topics: []string{"world"}, Language: "en", PostedAt: noon, RevisedAt: noon}
	told := quiet.Clone()
	told.Alerted = &news.Reach{Level: news.Urgent, Topics: []string{"world"}}
	gone := quiet.Clone()
	gone.Withdrawn = true

	for _, c := range []struct {
		name  string
		now   news.Item
		rev   news.Revision
		field string // of the one fault
		alert bool
		check func(news.Item) bool
	}{
		{"update", quiet, news.Revision{Kind: news.Updated, Headline: str("New")}, "", false, func(i news.Item) bool { return i.Headline == "New" && i.Version == 4 && i.CorrectedAt == nil }},
		{"update that alerts", quiet, news.Revision{Kind: news.Updated, Alert: &yes}, "", true, func(i news.Item) bool { return i.Alerted != nil }},
		{"update does not alert by itself", told, news.Revision{Kind: news.Updated}, "", false, nil},
		{"update to regular cannot alert", told, news.Revision{Kind: news.Updated, Level: &regular, Alert: &yes}, "alert", false, nil},
		{"correction of what nobody was told", quiet, news.Revision{Kind: news.Corrected, Reason: "Wrong"}, "", false, func(i news.Item) bool { return i.CorrectedAt.Equal(noon.Add(time.Hour)) && i.Reason == "Wrong" }},
		{"correction goes to all who were told", told, news.Revision{Kind: news.Corrected, Reason: "Wrong", Alert: &no}, "", true, nil},
		{"correction widens the reach, never narrows it", told, news.Revision{Kind: news.Corrected, Reason: "Wrong", Level: &flash, Topics: &[]string{"sport"}}, "", true,
			func(i news.Item) bool {
				return reflect.DeepEqual(i.Alerted, &news.Reach{Level: news.Flash, Topics: []string{"sport", "world"}})
			}},
		{"correction to regular still goes to all who were told", told, news.Revision{Kind: news.Corrected, Reason: "Wrong", Level: &regular}, "", true, func(i news.Item) bool { return i.Alerted.Level == news.Urgent }},
		{"correction needs a reason", quiet, news.Revision{Kind: news.Corrected, Reason: " "}, "reason", false, nil},
		{"refiling never alerts", told, news.Revision{Kind: news.Refiled, Headline: str("Typo")}, "", false, func(i news.Item) bool { return i.Headline == "Typo" }},
		{"refiling cannot be made to", told, news.Revision{Kind: news.Refiled, Alert: &yes}, "alert", false, nil},
		{"withdrawal", told, news.Revision{Kind: news.Withdrawn, Reason: "Untrue"}, "", true, func(i news.Item) bool { return i.Withdrawn && i.Headline == "Old" && i.Reason == "Untrue" }},
		{"withdrawal of what nobody was told", quiet, news.Revision{Kind: news.Withdrawn, Reason: "Untrue"}, "", false, nil},
		{"withdrawal needs a reason", told, news.Revision{Kind: news.Withdrawn}, "reason", false, nil},
		{"withdrawal changes no words", told, news.Revision{Kind: news.Withdrawn, Reason: "Untrue", Headline: str("New")}, "kind", false, nil},
		{"posted is no revision", quiet, news.Revision{Kind: news.Posted}, "kind", false, nil},
		{"no kind", quiet, news.Revision{}, "kind", false, nil},
		{"empty headline", quiet, news.Revision{Kind: news.Updated, Headline: str("")}, "headline", false, nil},
		{"summary can be emptied", quiet, news.Revision{Kind: news.Updated, Summary: str("")}, "", false, nil},
		{"bad link", quiet, news.Revision{Kind: news.Updated, URL: str("ftp://x")}, "url", false, nil},
		{"drill topic on a live item", quiet, news.Revision{Kind: news.Updated, Topics: &[]string{"drill"}}, "topics[0]", false, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := c.now.Clone()
			d, err := c.rev.Draft(c.now, "k2", noon.Add(time.Hour))
			if !reflect.DeepEqual(c.now, before) {
				t.Error("the item that was revised has changed")
			}
			var v news.Invalid
			if c.field != "" {
				if !errors.As(err, &v) || len(v) != 1 || v[0].Field != c.field {
					t.Errorf("got %v, want one fault of %s", err, c.field)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if d.Alert != c.alert || d.By != "k2" || d.Kind != c.rev.Kind || d.Item.Version != 4 {
				t.Errorf("got %+v, want alert %v", d, c.alert)
			}
			if c.check != nil && !c.check(d.Item) {
				t.Errorf("item: %+v", d.Item)
			}
		})
	}
	if _, err := (news.Revision{Kind: news.Updated}).Draft(gone, "k2", noon); !errors.Is(err, news.ErrWithdrawn) {
		t.Errorf("a withdrawn item was revised: %v", err)
	}
}

func FuzzPost(f *testing.F) {
	f.Add("Headline", "Summary", "https://news.example/", "world", "story", "en")
	f.Add("\u202e", "\x00", "http://a@b/", "../x", "-", "x-y")
	f.Fuzz(func(t *testing.T, headline, summary, link, topic, story, language string) {
		d, err := news.Post{Headline: headline, Summary: summary, URL: link, Topics: []string{topic}, Story: story, Language: language}.Draft("n1", "k1", noon)
		if err != nil {
			return
		}
		it := d.Item
		if it.Headline == "" || strings.ContainsAny(it.Headline, "\x00\n\r\u2028\u202e") {
			t.Errorf("headline %q was taken", headline)
		}
		if it.URL != "" && !strings.HasPrefix(strings.ToLower(it.URL), "http") {
			t.Errorf("link %q was taken", link)
		}
		// What was taken once is taken again, unchanged.
		again, err := news.Post{Headline: it.Headline, Summary: it.Summary, URL: it.URL, Topics: it.Topics, Story: it.Story, Language: it.Language}.Draft("n1", "k1", noon)
		if err != nil || !reflect.DeepEqual(again, d) {
			t.Errorf("taken as %+v, then %+v, %v", d, again, err)
		}
	})
}
