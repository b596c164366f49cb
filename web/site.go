package web

import (
	"embed"
	"fmt"
	"html/template"
	"io"
	"slices"
	"strings"
	"time"

	"crier/news"
)

//go:embed templates
var templates embed.FS

// Options tune a [Site]. The zero value works.
type Options struct {
	Name      string   // of the service as readers see it; default "Crier"
	PublicURL string   // scheme and host readers use, without a slash at the end; for links that leave the page
	Topics    []string // offered on the pages, in this order; default [DefaultTopics]
	Version   string   // of the program, shown in the footer
}

// DefaultTopics is what is offered when nobody says otherwise. The slice is
// the caller's.
func DefaultTopics() []string {
	return []string{"world", "politics", "business", "europe", "sport"}
}

// Site is the pages and files of one deployment.
type Site struct {
	o     Options
	files map[string]file // by path
	rev   string          // of everything under assets/
	pages map[string]*template.Template
	needs map[string][]string // an entry module and all it imports, by entry module
}

// New reads the embedded files and parses the templates. It fails only if
// they do not fit together, or if a topic is not a topic's name.
func New(o Options) (*Site, error) {
	if o.Name == "" {
		o.Name = "Crier"
	}
	if len(o.Topics) == 0 {
		o.Topics = DefaultTopics()
	}
	if _, err := news.CheckTopics(o.Topics); err != nil {
		return nil, fmt.Errorf("topics of the pages: %w", err)
	}
	o.Topics = slices.Clone(o.Topics)
	s := &Site{o: o, files: map[string]file{}, pages: map[string]*template.Template{}, needs: map[string][]string{}}
	if err := s.load(); err != nil {
		return nil, fmt.Errorf("assets: %w", err)
	}
	base, err := template.New("base").Funcs(functions()).ParseFS(templates, "templates/base.html", "templates/cards.html")
	if err != nil {
		return nil, fmt.Errorf("templates: %w", err)
	}
	for name, p := range pageParts() {
		t, err := base.Clone()
		if err == nil {
			t, err = t.ParseFS(templates, append([]string{"templates/" + name + ".html"}, p.fragments...)...)
		}
		if err != nil {
			return nil, fmt.Errorf("template %s: %w", name, err)
		}
		s.pages[name] = t
		for _, m := range p.modules {
			if s.needs[m], err = moduleGraph(m); err != nil {
				return nil, fmt.Errorf("template %s: %w", name, err)
			}
		}
	}
	return s, nil
}

// parts is what a page loads.
type parts struct {
	fragments []string
	styles    []string
	modules   []string
}

func pageParts() map[string]parts {
	live := parts{
		fragments: []string{"templates/invite.html"},
		styles:    []string{"ticker", "alerts"},
		modules:   []string{"js/ticker.js", "js/alerts/invite.js"},
	}
	return map[string]parts{
		"front":    live,
		"story":    live,
		"alerts":   {styles: []string{"form", "alerts"}, modules: []string{"js/alerts/page.js"}},
		"desk":     {fragments: deskFragments(), styles: []string{"ticker", "form", "desk", "report"}, modules: []string{"js/desk/desk.js"}},
		"notfound": {},
	}
}

func deskFragments() []string {
	return []string{"templates/desk-compose.html", "templates/desk-dialogs.html"}
}

// page is what base.html is given.
type page struct {
	Site        string
	PublicURL   string
	Version     string
	Title       string // without the site's name
	Description string
	Path        string // of the page itself, for the canonical link and the menu
	NoIndex     bool
	Language    string
	Assets      string // path before an asset's name
	Styles      []string
	Modules     []string
	Preloads    []string
	Topics      []topicLink
	Body        any
}

// topicLink is a topic as a link of the filter or as a choice of a form.
type topicLink struct {
	Name    string
	Word    string
	Current bool
}

func (s *Site) render(w io.Writer, name string, p page) error {
	have := pageParts()[name]
	p.Site, p.PublicURL, p.Version = s.o.Name, s.o.PublicURL, s.o.Version
	p.Language = "en"
	p.Assets = s.assetPath("")
	p.Styles = append([]string{"tokens", "base", "layout"}, have.styles...)
	p.Modules = have.modules
	for _, m := range have.modules {
		for _, need := range s.needs[m] {
			if need != m && !slices.Contains(p.Preloads, need) {
				p.Preloads = append(p.Preloads, need)
			}
		}
	}
	if p.Topics == nil {
		p.Topics = s.topicLinks(nil)
	}
	if err := s.pages[name].ExecuteTemplate(w, "base", p); err != nil {
		return fmt.Errorf("render %s: %w", name, err)
	}
	return nil
}

// topicLinks is the topics offered, and those asked for that are not.
func (s *Site) topicLinks(asked []string) []topicLink {
	var out []topicLink
	for _, t := range s.o.Topics {
		out = append(out, topicLink{t, topicWord(t), slices.Contains(asked, t)})
	}
	for _, t := range asked {
		if !slices.Contains(s.o.Topics, t) {
			out = append(out, topicLink{t, topicWord(t), true})
		}
	}
	return out
}

// topicWord is a topic's name as people read it: "middle-east" is "Middle east".
func topicWord(t string) string {
	t = strings.ReplaceAll(t, "-", " ")
	return strings.ToUpper(t[:min(1, len(t))]) + t[min(1, len(t)):]
}

// FrontView is what the live front shows.
type FrontView struct {
	Snapshot news.Snapshot // of the front, whole or for Topics
	Topics   []string      // the reader asked for; none is everything live
	Now      time.Time
}

// Front writes the live front page.
func (s *Site) Front(w io.Writer, v FrontView) error {
	title := "Breaking news"
	if len(v.Topics) > 0 {
		title = topicWords(v.Topics)
	}
	return s.render(w, "front", page{
		Title: title, Path: "/", Topics: s.topicLinks(v.Topics),
		Description: "Breaking news as it is filed, live.",
		Body: board{
			Heading: title, Topics: v.Topics, Cursor: v.Snapshot.Cursor.String(),
			Cards: groupStories(wanted(v.Snapshot.Entries, v.Topics), v.Now), At: stamp(v.Now, v.Now),
		},
	})
}

// StoryView is one story: all its items.
type StoryView struct {
	Story    string
	Snapshot news.Snapshot // its items, newest first, and a cursor not after any of them
	Now      time.Time
}

// Story writes the page of a story, where notifications lead. It needs at
// least one entry.
func (s *Site) Story(w io.Writer, v StoryView) error {
	if len(v.Snapshot.Entries) == 0 {
		return fmt.Errorf("render story %.80q: it has no items", v.Story)
	}
	lead := v.Snapshot.Entries[0].Item
	title, about := lead.Headline, lead.Summary
	if lead.Withdrawn {
		title, about = "Withdrawn: "+title, "Withdrawn: "+lead.Reason
	}
	b := board{
		Heading: "One story, as it was filed", Story: v.Story, Cursor: v.Snapshot.Cursor.String(),
		Cards: eachAlone(v.Snapshot.Entries, v.Now), At: stamp(v.Now, v.Now), Drill: lead.Drill,
	}
	if lead.Drill { // drills are had only by asking for one of their topics
		title = "Drill: " + title
		b.Topics = lead.Topics
	}
	return s.render(w, "story", page{Title: title, Description: about, Path: "/s/" + v.Story, NoIndex: lead.Drill || lead.Withdrawn, Body: b})
}

// Alerts writes the page where readers choose what may interrupt them.
func (s *Site) Alerts(w io.Writer) error {
	return s.render(w, "alerts", page{
		Title: "Alerts", Path: "/alerts",
		Description: "Choose which breaking news may interrupt you, and when.",
	})
}

// Desk writes the editors' screen.
func (s *Site) Desk(w io.Writer) error {
	return s.render(w, "desk", page{Title: "Desk", Path: "/desk", NoIndex: true, Body: deskLimits()})
}

// NotFound writes the page for an address that leads nowhere.
func (s *Site) NotFound(w io.Writer) error {
	return s.render(w, "notfound", page{Title: "Not found", NoIndex: true})
}
