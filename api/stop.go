package api

import (
	"net/http"
	"time"

	"crier/news"
	"crier/push"
)

// stopState is what the three routes of /v1/stop answer.
type stopState struct {
	Stopped bool       `json:"stopped"`
	Stop    *push.Stop `json:"stop,omitempty"`
}

// stop is POST /v1/stop: no campaign sends until the stop is lifted. A body is
// not needed: the one who stops is in a hurry.
func (s *server) stop(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Reason string `json:"reason"`
	}
	if r.ContentLength != 0 {
		body, err := readBody(w, r)
		if err != nil {
			return err
		}
		if err := decode(body, &in); err != nil {
			return err
		}
	}
	if len(in.Reason) > 4*news.MaxReason {
		return invalid(news.Invalid{{Field: "reason", Problem: "is too long", Mend: "say it shorter"}})
	}
	if err := s.Alerts.Stop(r.Context(), push.Stop{By: editor(r).ID, Reason: in.Reason, At: time.Now().UTC()}); err != nil {
		return err
	}
	return s.stopped(w, r)
}

// resume is DELETE /v1/stop.
func (s *server) resume(w http.ResponseWriter, r *http.Request) error {
	if err := s.Alerts.Resume(r.Context()); err != nil {
		return err
	}
	return s.stopped(w, r)
}

// stopped is GET /v1/stop.
func (s *server) stopped(w http.ResponseWriter, r *http.Request) error {
	stop, err := s.Alerts.Stopped(r.Context())
	if err != nil {
		return err
	}
	w.Header().Set("Cache-Control", "no-store")
	return writeJSON(w, http.StatusOK, stopState{stop != nil, stop})
}
