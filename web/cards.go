package web

import (
	"html/template"
	"slices"
	"strings"
	"time"

	"crier/news"
)

// shownEarlier is how many earlier items of a story a card shows unasked.
const shownEarlier = 2

// board is what a ticker element is given on the server.
type board struct {
	Heading string
	Story   string   // set on a story's page: each item has a card of its own
	Topics  []string // the filter
	Cursor  string
	Drill   bool
	Cards   []card
	At      moment // when the page was made
}

// card is a story on screen.
type card struct {
	Key     string // the story, or the item where each has its own card
	Lead    view
	Earlier []view // shown
	More    []view // shown when asked for
}

// view is an entry as cards.html wants it.
type view struct {
	news.Entry
	Level   string // the word readers see; "" for regular
	Link    string // where the headline leads; "" if the item is withdrawn
	Away    bool   // Link leaves the site
	Page    string // path of the story's page
	Posted  moment
	Revised moment
	Fixed   moment // zero if the item was never corrected
	Lead    bool
	History bool // say version and times in full
}

// moment is a time for machines and, until the page's clock takes over, for people.
type moment struct {
	ISO  string
	Text string
}

// stamp writes t as JSON does, so that server and browser agree to the letter,
// and in UTC for readers whose zone the server cannot know.
func stamp(t, now time.Time) moment {
	t, now = t.UTC(), now.UTC()
	text := t.Format("2 Jan 2006, 15:04 UTC")
	if t.Year() == now.Year() && t.YearDay() == now.YearDay() {
		text = t.Format("15:04 UTC")
	}
	return moment{t.Truncate(time.Millisecond).Format(time.RFC3339Nano), text}
}

func wanted(entries []news.Entry, topics []string) []news.Entry {
	var out []news.Entry
	for _, e := range entries {
		if news.Wanted(topics, e.Item.Topics) {
			out = append(out, e)
		}
	}
	return out
}

// groupStories makes one card per story. The card's newest item leads and
// decides where the card stands.
func groupStories(entries []news.Entry, now time.Time) []card {
	var cards []card
	at := map[string]int{}
	for _, e := range newestFirst(entries) {
		i, known := at[e.Item.Story]
		if !known {
			at[e.Item.Story] = len(cards)
			cards = append(cards, card{Key: e.Item.Story, Lead: lead(e, now)})
			continue
		}
		c := &cards[i]
		if len(c.Earlier) < shownEarlier {
			c.Earlier = append(c.Earlier, look(e, now))
		} else {
			c.More = append(c.More, look(e, now))
		}
	}
	return cards
}

// eachAlone makes one card per item, with its history.
func eachAlone(entries []news.Entry, now time.Time) []card {
	var cards []card
	for _, e := range newestFirst(entries) {
		v := lead(e, now)
		v.History = true
		cards = append(cards, card{Key: e.Item.ID, Lead: v})
	}
	return cards
}

func newestFirst(entries []news.Entry) []news.Entry {
	entries = slices.Clone(entries)
	slices.SortStableFunc(entries, func(a, b news.Entry) int {
		switch {
		case a.First > b.First:
			return -1
		case a.First < b.First:
			return 1
		}
		return 0
	})
	return entries
}

func lead(e news.Entry, now time.Time) view {
	v := look(e, now)
	v.Lead = true
	return v
}

func look(e news.Entry, now time.Time) view {
	it := e.Item
	v := view{
		Entry: e, Level: levelWord(it.Level), Page: "/s/" + it.Story,
		Posted: stamp(it.PostedAt, now), Revised: stamp(it.RevisedAt, now),
	}
	if it.CorrectedAt != nil {
		v.Fixed = stamp(*it.CorrectedAt, now)
	}
	switch {
	case it.Withdrawn: // nobody is sent on to what has been killed
	case strings.HasPrefix(it.URL, "https://"), strings.HasPrefix(it.URL, "http://"):
		v.Link, v.Away = it.URL, true
	default:
		v.Link = v.Page
	}
	return v
}

// levelWord is what readers see; regular items need no label.
func levelWord(l news.Level) string {
	switch l {
	case news.Flash:
		return "Flash"
	case news.Bulletin:
		return "Bulletin"
	case news.Urgent:
		return "Urgent"
	}
	return ""
}

func topicWords(topics []string) string {
	words := make([]string, len(topics))
	for i, t := range topics {
		words[i] = topicWord(t)
	}
	return strings.Join(words, ", ")
}

func functions() template.FuncMap {
	return template.FuncMap{
		"topicWord": topicWord,
		"comma":     func(s []string) string { return strings.Join(s, ",") },
	}
}

// limits is what the desk's form has to know of the contract's bounds.
type limits struct {
	Headline, Summary, Reason, URL int
	Levels                         []levelChoice
}

// levelChoice says what a level does, in the words of the desk.
type levelChoice struct {
	Level news.Level
	Word  string
	Does  string
}

func deskLimits() limits {
	return limits{
		Headline: news.MaxHeadline, Summary: news.MaxSummary, Reason: news.MaxReason, URL: news.MaxURL,
		Levels: []levelChoice{
			{news.Regular, "Regular", "On the ticker only. Never alerts."},
			{news.Urgent, "Urgent", "Important. May alert readers who take all alerts."},
			{news.Bulletin, "Bulletin", "Major. May alert readers who take bulletins."},
			{news.Flash, "Flash", "Of transcendent importance. May alert everybody who takes alerts."},
		},
	}
}
