package api

import (
	"errors"
	"net/http"
	"time"

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
		// Waited is how long ago it was, in milliseconds.
		Waited int64 `json:"waited_ms"`
	}
	if err := decode(body, &in); err != nil {
		return err
	}
	at := push.Told(time.Now(), in.Waited)
	if err := s.Alerts.AddReceipt(r.Context(), push.Receipt{Token: in.Token, Kind: in.Kind, Nonce: in.Nonce, At: at}); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
