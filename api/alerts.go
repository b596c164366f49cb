package api

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/go-chi/chi/v5"

	"crier/push"
)

// alertsKey is GET /v1/alerts/key: the key browsers subscribe with (RFC 8292
// section 4), applicationServerKey of the Push API.
func (s *server) alertsKey(w http.ResponseWriter, _ *http.Request) error {
	w.Header().Set("Cache-Control", "no-cache")
	return writeJSON(w, http.StatusOK, map[string]string{"key": s.Alerts.PublicKey()})
}

// subscribe is PUT /v1/alerts/subscription.
func (s *server) subscribe(w http.ResponseWriter, r *http.Request) error {
	body, err := readObject(w, r)
	if err != nil {
		return err
	}
	sub, err := s.Alerts.ParseSubscription(body)
	if err != nil {
		return err
	}
	created, err := s.Alerts.Subscribe(r.Context(), sub)
	if err != nil {
		return err
	}
	status := http.StatusOK
	if created {
		status = http.StatusCreated
	}
	w.Header().Set("Cache-Control", "no-store")
	return writeJSON(w, status, map[string]any{"id": sub.ID.String(), "created": created})
}

// unsubscribe is DELETE /v1/alerts/subscription: whoever knows the endpoint
// and its auth secret is the browser that made it. That it is gone already is
// no error to somebody who wants it gone.
func (s *server) unsubscribe(w http.ResponseWriter, r *http.Request) error {
	body, err := readObject(w, r)
	if err != nil {
		return err
	}
	sub, err := s.Alerts.ParseUnsubscribe(body)
	if err != nil {
		return err
	}
	err = s.Alerts.Unsubscribe(r.Context(), sub.ID, sub.Auth)
	if err != nil && !errors.Is(err, push.ErrNoSubscription) {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// confirm is POST /v1/alerts/confirmation: a greeting has arrived.
func (s *server) confirm(w http.ResponseWriter, r *http.Request) error {
	body, err := readBody(w, r)
	if err != nil {
		return err
	}
	var in struct {
		Subscription string `json:"subscription"`
		Nonce        string `json:"nonce"`
	}
	if err := decode(body, &in); err != nil {
		return err
	}
	if err := s.Alerts.Confirm(r.Context(), in.Subscription, in.Nonce); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// receipt is POST /v1/alerts/receipts.
func (s *server) receipt(w http.ResponseWriter, r *http.Request) error {
	body, err := readBody(w, r)
	if err != nil {
		return err
	}
	var in struct {
		Token string           `json:"token"`
		Kind  push.ReceiptKind `json:"kind"`
		Nonce string           `json:"nonce"`
	}
	if err := decode(body, &in); err != nil {
		return err
	}
	if err := s.Alerts.AddReceipt(r.Context(), push.Receipt{Token: in.Token, Kind: in.Kind, Nonce: in.Nonce, At: time.Now()}); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// report is the answer of GET /v1/items/{id}/campaign. What is accepted was
// taken by a push service; displayed and clicked are what browsers told us, a
// lower bound.
type report struct {
	Campaign    string           `json:"campaign,omitempty"` // empty until it has opened
	Item        string           `json:"item"`
	Kind        string           `json:"kind"`
	State       string           `json:"state"` // sending, stopped, done or cancelled
	OpenedAt    time.Time        `json:"opened_at"`
	Deadline    time.Time        `json:"deadline,omitzero"`
	Audience    int64            `json:"audience"`
	Queued      int64            `json:"queued"`
	Accepted    int64            `json:"accepted"`
	Retried     int64            `json:"retried"`
	Throttled   int64            `json:"throttled"`
	Held        int64            `json:"held"`
	Gone        int64            `json:"gone"`
	Failed      map[string]int64 `json:"failed"`
	Expired     int64            `json:"expired"`
	Cancelled   int64            `json:"cancelled"`
	Displayed   int64            `json:"displayed"`
	Clicked     int64            `json:"clicked"`
	SecondsTo50 *float64         `json:"seconds_to_50"`
	SecondsTo90 *float64         `json:"seconds_to_90"`
	SecondsTo99 *float64         `json:"seconds_to_99"`
}

// campaign is GET /v1/items/{id}/campaign.
func (s *server) campaign(w http.ResponseWriter, r *http.Request) error {
	rep, err := s.Alerts.Report(r.Context(), chi.URLParam(r, "id"))
	if errors.Is(err, push.ErrNoCampaign) {
		rep, err = s.opening(r.Context(), chi.URLParam(r, "id"))
	}
	if err != nil {
		return err
	}
	stop, err := s.Alerts.Stopped(r.Context())
	if err != nil {
		return err
	}
	c, t := rep.Campaign, rep.Tally
	out := report{
		Campaign: c.ID, Item: c.Entry.Item.ID, Kind: string(c.Entry.Kind), OpenedAt: c.OpenedAt, Deadline: c.Deadline,
		Audience: t.Audience, Queued: t.Queued(), Accepted: t.Accepted, Retried: t.Retried, Throttled: t.Throttled, Held: t.Held,
		Gone: t.Gone, Failed: t.Failed, Expired: t.Expired, Cancelled: t.Cancelled,
		Displayed: rep.Displayed, Clicked: rep.Clicked,
		State: "sending",
	}
	if out.Failed == nil {
		out.Failed = map[string]int64{}
	}
	switch {
	case rep.Cancelled:
		out.State = "cancelled"
	case rep.Done:
		out.State = "done"
	case stop != nil:
		out.State = "stopped"
	}
	if rep.Scanned { // before that, shares of the audience mean nothing
		out.SecondsTo50, out.SecondsTo90, out.SecondsTo99 = secondsTo(t, 0.50), secondsTo(t, 0.90), secondsTo(t, 0.99)
	}
	w.Header().Set("Cache-Control", "no-store")
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

func secondsTo(t push.Tally, share float64) *float64 {
	d, ok := t.TimeTo(share)
	if !ok {
		return nil
	}
	seconds := d.Seconds()
	return &seconds
}
