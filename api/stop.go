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
	// Campaigns is those that are not done, while all are stopped.
	Campaigns []unsent `json:"campaigns"`
}

// unsent is how far a campaign has come. Sent is of whom a push service has said
// something, unsent the rest of the audience, as far as it was counted.
type unsent struct {
	Item     string `json:"item"`
	Offset   uint64 `json:"offset"`
	Kind     string `json:"kind"`
	Headline string `json:"headline"`
	Sent     int64  `json:"sent"`
	Unsent   int64  `json:"unsent"`
	Exact    bool   `json:"exact"`
}

// stop is POST /v1/stop: no campaign sends until the stop is lifted. A body is
// not needed: the one who stops is in a hurry.
func (s *server) stop(w http.ResponseWriter, r *http.Request) error {
	reason, err := readReason(w, r)
	if err != nil {
		return err
	}
	if len(reason) > 4*news.MaxReason {
		return invalid(news.Invalid{{Field: "reason", Problem: "is too long", Mend: "say it shorter"}})
	}
	if err := s.Alerts.Stop(r.Context(), push.Stop{By: editor(r).ID, Reason: reason, At: time.Now().UTC()}); err != nil {
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
	out := stopState{Stopped: stop != nil, Stop: stop, Campaigns: []unsent{}}
	if out.Stopped {
		open, err := s.Alerts.Unsent(r.Context())
		if err != nil {
			return err
		}
		for _, u := range open {
			e := u.Campaign.Entry
			out.Campaigns = append(out.Campaigns, unsent{e.Item.ID, e.Offset, string(e.Kind), e.Item.Headline, u.Sent, u.Unsent, u.Exact})
		}
	}
	w.Header().Set("Cache-Control", "no-store")
	return writeJSON(w, http.StatusOK, out)
}
