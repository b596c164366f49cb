package api

import (
	"net/http"
	"strconv"
	"time"

	"github.com/go-chi/chi/v5"
)

// mostLetters is how many dead letters one answer tells.
const mostLetters = 1000

// letters is the answer of GET /v1/items/{id}/campaign/failed. Whose a letter is
// is told by the ID of the subscription, never by its endpoint.
type letters struct {
	Campaign string           `json:"campaign"`
	Failed   map[string]int64 `json:"failed"` // all, by reason
	Kept     map[string]int64 `json:"kept"`   // of them; the others cannot be replayed
	Letters  []letter         `json:"letters"`
}

type letter struct {
	Subscription string    `json:"subscription"`
	Service      string    `json:"service,omitempty"`
	Reason       string    `json:"reason"`
	Status       int       `json:"status,omitempty"`
	At           time.Time `json:"at"`
}

// failed is GET /v1/items/{id}/campaign/failed.
func (s *server) failed(w http.ResponseWriter, r *http.Request) error {
	limit := 100
	if text := r.URL.Query().Get("limit"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 0 || n > mostLetters {
			return badParameter("limit", "is not a number from 0 to "+strconv.Itoa(mostLetters), "ask for fewer")
		}
		limit = n
	}
	item := chi.URLParam(r, "id")
	have, err := s.Alerts.Letters(r.Context(), item, r.URL.Query().Get("reason"), limit)
	if err != nil {
		return err
	}
	report, err := s.Alerts.Report(r.Context(), item)
	if err != nil {
		return err
	}
	out := letters{Campaign: have.Campaign.ID, Failed: byReason(report.Tally.Failed), Kept: byReason(have.Kept), Letters: []letter{}}
	for _, l := range have.First {
		out.Letters = append(out.Letters, letter{l.ID.String(), l.Service, l.Reason, l.Status, l.At})
	}
	w.Header().Set("Cache-Control", "no-store")
	return writeJSON(w, http.StatusOK, out)
}

// byReason is m, and never null.
func byReason(m map[string]int64) map[string]int64 {
	if m == nil {
		return map[string]int64{}
	}
	return m
}

// replay is POST /v1/items/{id}/campaign/replay: dead letters are attempted
// again. A body is needed only for a reason.
func (s *server) replay(w http.ResponseWriter, r *http.Request) error {
	reason, err := readReason(w, r)
	if err != nil {
		return err
	}
	n, err := s.Alerts.Replay(r.Context(), chi.URLParam(r, "id"), reason)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, struct {
		Replayed int64 `json:"replayed"`
	}{n})
}
