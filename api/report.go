package api

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"

	"crier/push"
)

// counts are what becomes of an audience, or of a push service's part of one.
// What is accepted was taken by a push service.
type counts struct {
	Audience    int64            `json:"audience"`
	Queued      int64            `json:"queued"`
	Accepted    int64            `json:"accepted"`
	Retried     int64            `json:"retried"`
	Throttled   int64            `json:"throttled"`
	Gone        int64            `json:"gone"`
	Failed      map[string]int64 `json:"failed"`
	Expired     int64            `json:"expired"`
	Cancelled   int64            `json:"cancelled"`
	SecondsTo50 *float64         `json:"seconds_to_50"`
	SecondsTo90 *float64         `json:"seconds_to_90"`
	SecondsTo99 *float64         `json:"seconds_to_99"`
	Rate        float64          `json:"rate"` // accepted a second, now
}

// report is the answer of GET /v1/items/{id}/campaign, and what desks are told
// of a campaign every second. Displayed and clicked are what browsers told us,
// a lower bound.
type report struct {
	Campaign string    `json:"campaign,omitempty"` // empty until it has opened
	Item     string    `json:"item"`
	Kind     string    `json:"kind"`
	State    string    `json:"state"` // sending, stopped, done or cancelled
	OpenedAt time.Time `json:"opened_at"`
	Deadline time.Time `json:"deadline,omitzero"`
	At       time.Time `json:"at"` // the report's own time
	counts
	Held              int64         `json:"held"` // not in the audience: it waits for digests
	Swept             float64       `json:"swept"`
	AudienceEstimate  *int64        `json:"audience_estimate"`
	Left              *float64      `json:"eta_seconds"`
	Oldest            *float64      `json:"oldest_waiting_seconds"`
	Displayed         int64         `json:"displayed"`
	DisplayedOneIn    int           `json:"displayed_one_in"`
	DisplayedEstimate push.Estimate `json:"displayed_estimate"`
	DisplayedTo50     *float64      `json:"displayed_seconds_to_50"`
	DisplayedTo90     *float64      `json:"displayed_seconds_to_90"`
	DisplayedTo99     *float64      `json:"displayed_seconds_to_99"`
	Clicked           int64         `json:"clicked"`
	Promise           *promise      `json:"promise,omitempty"`
	Services          []service     `json:"services"`
	Earlier           []report      `json:"earlier,omitempty"` // the item's campaigns before this one, the newest first
}

// promise is what the operator promised when the campaign opened, and what has become of it.
type promise struct {
	Share   float64      `json:"share"`
	Seconds float64      `json:"seconds"`
	Verdict push.Verdict `json:"verdict"`
}

// service is a push service's part of a campaign. What browsers told us is of no
// push service, see push.Report.Of.
type service struct {
	Service string `json:"service"`
	counts
	Left   *float64 `json:"eta_seconds"`
	Oldest *float64 `json:"oldest_waiting_seconds"`
}

// mostEarlier is how many campaigns before the last one are told.
const mostEarlier = 20

// campaign is GET /v1/items/{id}/campaign, in JSON or as CSV.
func (s *server) campaign(w http.ResponseWriter, r *http.Request) error {
	all, err := s.Alerts.Reports(r.Context(), chi.URLParam(r, "id"), 1+mostEarlier)
	if err == nil && len(all) == 0 {
		all = make([]push.Report, 1)
		all[0], err = s.opening(r.Context(), chi.URLParam(r, "id"))
	}
	if err != nil {
		return err
	}
	rep := all[0]
	stop, err := s.Alerts.Stopped(r.Context())
	if err != nil {
		return err
	}
	now := time.Now()
	out := newReport(rep, stop != nil, now)
	for _, earlier := range all[1:] {
		out.Earlier = append(out.Earlier, newReport(earlier, stop != nil, now))
	}
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Vary", "Accept")
	if strings.Contains(r.Header.Get("Accept"), "text/csv") {
		return writeCSV(w, r, rep, out)
	}
	return writeJSON(w, http.StatusOK, out)
}

// opening is the report of a campaign that has not opened: its entry is in the
// log, and campaigns follow the log a few milliseconds behind.
func (s *server) opening(ctx context.Context, item string) (push.Report, error) {
	e, err := s.Archive.Item(ctx, item)
	if err != nil {
		return push.Report{}, err
	}
	if e.Item.Alerted == nil {
		return push.Report{}, push.ErrNoCampaign
	}
	return push.Report{Campaign: push.Campaign{Entry: e, OpenedAt: e.Item.RevisedAt}}, nil
}

// newReport is rep at the time now, as clients get it.
func newReport(rep push.Report, stopped bool, now time.Time) report {
	c := rep.Campaign
	out := report{
		Campaign: c.ID, Item: c.Entry.Item.ID, Kind: string(c.Entry.Kind), State: "sending", OpenedAt: c.OpenedAt, Deadline: c.Deadline,
		At: now.UTC().Truncate(time.Millisecond), counts: countsOf(rep.Tally, rep.Scanned, rep.Rate(now)), Held: rep.Tally.Held, Swept: rep.Swept,
		Displayed: rep.Displayed, DisplayedOneIn: max(c.Sample, 1), DisplayedEstimate: rep.DisplayedEstimate(), Clicked: rep.Clicked,
		Left: seconds(rep.Left(now)), Oldest: seconds(rep.Oldest(now)), Services: []service{},
	}
	switch {
	case rep.Cancelled:
		out.State = "cancelled"
	case rep.Done:
		out.State = "done"
	case stopped:
		out.State = "stopped"
	}
	if n, known := rep.Audience(); known {
		out.AudienceEstimate = &n
	}
	if rep.Scanned { // before that, shares of the audience mean nothing
		out.DisplayedTo50, out.DisplayedTo90, out.DisplayedTo99 = seconds(rep.DisplayedTo(0.50)), seconds(rep.DisplayedTo(0.90)), seconds(rep.DisplayedTo(0.99))
	}
	if p := c.Promise; p != (push.Promise{}) {
		out.Promise = &promise{p.Share, p.Within.Seconds(), p.Judge(rep, now)}
	}
	all := rep.Services()
	for _, name := range sortedKeys(all) {
		part := rep.Of(all[name])
		out.Services = append(out.Services, service{name, countsOf(part.Tally, rep.Scanned, part.Rate(now)), seconds(part.Left(now)), seconds(part.Oldest(now))})
	}
	slices.SortStableFunc(out.Services, func(a, b service) int { return cmp.Compare(b.Audience, a.Audience) })
	return out
}

func countsOf(t push.Tally, whole bool, rate float64) counts {
	out := counts{
		Audience: t.Audience, Queued: t.Queued(), Accepted: t.Accepted, Retried: t.Retried, Throttled: t.Throttled,
		Gone: t.Gone, Failed: byReason(t.Failed), Expired: t.Expired, Cancelled: t.Cancelled, Rate: rate,
	}
	if whole {
		out.SecondsTo50, out.SecondsTo90, out.SecondsTo99 = seconds(t.TimeTo(0.50)), seconds(t.TimeTo(0.90)), seconds(t.TimeTo(0.99))
	}
	return out
}

// seconds is d, or nothing if it is not known.
func seconds(d time.Duration, known bool) *float64 {
	if !known {
		return nil
	}
	s := d.Seconds()
	return &s
}
