package api

import (
	"bytes"
	"net/http"
	"time"

	"github.com/go-chi/chi/v5"

	"crier/news"
	"crier/web"
)

// page answers with what render writes, whole or not at all.
func page(w http.ResponseWriter, render func(*bytes.Buffer) error) error {
	var b bytes.Buffer
	if err := render(&b); err != nil {
		return err
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-cache")
	_, _ = w.Write(b.Bytes()) // the client is gone if this fails
	return nil
}

// frontPage is GET /: the front as it stands, with the cursor to go live from.
func (s *server) frontPage(w http.ResponseWriter, r *http.Request) error {
	topics, err := news.ParseTopics(r.URL.Query().Get("topics"))
	if err != nil {
		return s.notFound(w, r)
	}
	front, err := s.front(topics)
	if err != nil {
		return err
	}
	v := web.FrontView{Snapshot: front, Topics: topics, Now: time.Now()}
	return page(w, func(b *bytes.Buffer) error { return s.Site.Front(b, v) })
}

// storyPage is GET /s/{story}: where a notification leads.
func (s *server) storyPage(w http.ResponseWriter, r *http.Request) error {
	story := chi.URLParam(r, "story")
	// The cursor is taken before the items: what comes between the two is
	// sent again by the live socket, and known as old by its offset.
	cursor, err := s.Log.Head(r.Context())
	if err != nil {
		return err
	}
	entries, err := s.Archive.Items(r.Context(), news.Query{Story: story, Limit: maxListing})
	if err != nil {
		return err
	}
	if len(entries) == 0 {
		return s.notFound(w, r)
	}
	v := web.StoryView{Story: story, Snapshot: news.Snapshot{Cursor: cursor, Entries: entries}, Now: time.Now()}
	return page(w, func(b *bytes.Buffer) error { return s.Site.Story(b, v) })
}

func (s *server) alertsPage(w http.ResponseWriter, _ *http.Request) error {
	return page(w, func(b *bytes.Buffer) error { return s.Site.Alerts(b) })
}

func (s *server) deskPage(w http.ResponseWriter, _ *http.Request) error {
	return page(w, func(b *bytes.Buffer) error { return s.Site.Desk(b) })
}
