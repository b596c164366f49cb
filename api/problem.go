package api

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"

	"crier/hub"
	"crier/news"
	"crier/push"
)

// Problem is an answer that refuses, in the form of RFC 9457: what is wrong,
// where, and how to mend it.
type Problem struct {
	Type   string       `json:"type"` // urn:crier:problem:…
	Title  string       `json:"title"`
	Status int          `json:"status"`
	Detail string       `json:"detail,omitempty"`
	Mend   string       `json:"mend,omitempty"`
	Errors news.Invalid `json:"errors,omitempty"`
	// Current is the item as it stands, where a revision came too late.
	Current *news.Entry `json:"current,omitempty"`

	retryAfter time.Duration
	header     http.Header
	expected   bool // on a busy day or during a restart: not for the log
}

func (p *Problem) Error() string { return p.Title + ": " + p.Detail }

// problem makes a Problem; kind is the last part of its type.
func problem(status int, kind, title, detail, mend string) *Problem {
	return &Problem{Type: "urn:crier:problem:" + kind, Title: title, Status: status, Detail: detail, Mend: mend}
}

func invalid(v news.Invalid) *Problem {
	p := problem(http.StatusUnprocessableEntity, "invalid", "The request is well formed but cannot be taken", v.Error(), "mend each of the fields in errors")
	p.Errors = v
	return p
}

// badParameter refuses a query parameter or header.
func badParameter(name, why, mend string) *Problem {
	p := problem(http.StatusBadRequest, "parameter", "A parameter is not understood", name+": "+why, mend)
	p.Errors = news.Invalid{{Field: name, Problem: why, Mend: mend}}
	return p
}

// asProblem is the answer to an error of any package below.
func asProblem(err error) *Problem {
	var p *Problem
	var v news.Invalid
	var hs *hub.HandshakeError
	switch {
	case errors.As(err, &p):
		return p
	case errors.As(err, &hs):
		return problem(hs.Status, "handshake", "This is not a WebSocket handshake we can take", hs.Detail, "see RFC 6455 section 4.1")
	case errors.As(err, &v):
		return invalid(v)
	case errors.Is(err, news.ErrKeyReused):
		return problem(http.StatusUnprocessableEntity, "key-reused", "The idempotency key belongs to another request",
			"This Idempotency-Key came before with another body.", "use a fresh key for a new request; repeat a request unchanged")
	case errors.Is(err, news.ErrWithdrawn):
		return problem(http.StatusConflict, "withdrawn", "The item has been withdrawn", "A withdrawn item takes no more revisions.", "post a new item")
	case errors.Is(err, news.ErrNoItem):
		return problem(http.StatusNotFound, "no-item", "There is no such item", "", "check the id")
	case errors.Is(err, push.ErrNoCampaign):
		return problem(http.StatusNotFound, "no-campaign", "The item has had no campaign", "No entry of this item has alerted anybody yet.", "")
	case errors.Is(err, push.ErrCampaignOver):
		return problem(http.StatusConflict, "campaign-over", "The campaign is over", "Its deadline has passed, or a later entry has replaced it.", "revise the item: that alerts anew")
	case errors.Is(err, push.ErrNoSubscription):
		return problem(http.StatusNotFound, "no-subscription", "There is no such subscription", "", "")
	case errors.Is(err, push.ErrBusy):
		return crowded("sign-ups", "Too many browsers are subscribing", fullFor)
	case errors.Is(err, push.ErrNotYours):
		return problem(http.StatusForbidden, "not-yours", "The subscription belongs to another browser",
			"keys.auth is not the one the subscription stands with.", "send the subscription as the browser gives it")
	case errors.Is(err, push.ErrNotConfirmed):
		return problem(http.StatusForbidden, "confirmation", "The confirmation is refused", "It is of no subscription that stands, or the nonce is not its own.", "send data.confirm of the notification")
	case errors.Is(err, push.ErrReceiptRefused):
		return problem(http.StatusForbidden, "receipt", "The receipt is refused", "Its token is of no campaign, or the campaign has all its receipts.", "")
	case errors.Is(err, hub.ErrFull):
		return crowded("full", "All places are taken", fullFor)
	case errors.Is(err, hub.ErrCrowded):
		return crowded("crowded", "All places for readers from your address are taken", fullFor)
	case errors.Is(err, hub.ErrNotReady):
		return crowded("starting", "The node is starting", awayFor)
	case errors.Is(err, hub.ErrDraining):
		return crowded("draining", "The node is going down", awayFor)
	case errors.Is(err, news.ErrUnavailable):
		return unavailable("log", "The log cannot be written just now; nothing was kept", 2*time.Second)
	case errors.Is(err, errOutcome):
		p := unavailable("outcome", "The log has not answered in time; the entry may or may not have been kept", 2*time.Second)
		p.Status = http.StatusGatewayTimeout
		return p
	case errors.Is(err, context.DeadlineExceeded):
		return unavailable("timeout", "The store did not answer in time", spread(awayFor))
	}
	return problem(http.StatusInternalServerError, "internal", "Something broke on our side", "", "repeat the request with the same Idempotency-Key; tell the operator if it goes on")
}

func unavailable(kind, title string, after time.Duration) *Problem {
	p := problem(http.StatusServiceUnavailable, kind, title, "", "repeat the same request, with the same Idempotency-Key, after Retry-After")
	p.retryAfter = after
	return p
}

// Over how many seconds those who are refused come back. They are told to wait
// for some whole number of seconds from 1 to this, each for another, as they
// all came together.
const (
	fullFor  = 30 // until somebody leaves
	crowdFor = 8  // until those who came before are in
	awayFor  = 4  // until the node is up, or another takes its place
)

func spread(seconds int) time.Duration {
	return time.Duration(1+rand.IntN(seconds)) * time.Second //nolint:gosec // to spread them, not to be secret
}

// crowded is for readers who are too many just now.
func crowded(kind, title string, within int) *Problem {
	p := unavailable(kind, title, spread(within))
	p.Mend = "come back after Retry-After, to any node"
	p.expected = true
	return p
}

// handler is an HTTP handler that may fail.
type handler func(w http.ResponseWriter, r *http.Request) error

// handle makes h an http.HandlerFunc: the one place where errors become
// answers, and where those that are ours are logged.
func (s *server) handle(h handler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		err := h(w, r)
		if err == nil {
			return
		}
		p := asProblem(err)
		if p.Status >= 500 && !p.expected && !errors.Is(err, context.Canceled) {
			s.o.Logger.LogAttrs(r.Context(), slog.LevelError, "request failed", slog.String("method", r.Method),
				slog.String("path", r.URL.Path), slog.Int("status", p.Status), slog.Any("error", err))
		}
		p.write(w)
	}
}

func (p *Problem) write(w http.ResponseWriter) {
	h := w.Header()
	for k, v := range p.header {
		h[k] = v
	}
	h.Set("Content-Type", "application/problem+json")
	h.Set("Cache-Control", "no-store")
	if p.retryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(int((p.retryAfter+time.Second-1)/time.Second)))
	}
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p) // the client is gone if this fails
}

// writeJSON answers with v.
func writeJSON(w http.ResponseWriter, status int, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(b, '\n')) // the client is gone if this fails
	return nil
}
