package api

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"crier/desk"
)

type editorKey struct{}

// editor is who sent r. It is only called behind allow.
func editor(r *http.Request) desk.Editor {
	e, _ := r.Context().Value(editorKey{}).(desk.Editor)
	return e
}

// allow lets through to h only editors whose role covers need.
func (s *server) allow(need desk.Role, h handler) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		e, err := s.authenticate(r)
		if err != nil {
			return err
		}
		if !e.Role.Covers(need) {
			return problem(http.StatusForbidden, "role", "Your key may not do this",
				"It has the role "+string(e.Role)+"; "+string(need)+" is needed.", "ask somebody whose key may")
		}
		return h(w, r.WithContext(context.WithValue(r.Context(), editorKey{}, e)))
	}
}

// authenticate finds the holder of the bearer key (RFC 6750). The store is
// asked by the key's SHA-256, so how long the answer takes says nothing of
// how much of a guess was right. An address that keeps guessing is held off.
func (s *server) authenticate(r *http.Request) (desk.Editor, error) {
	scheme, secret, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") || secret == "" {
		return desk.Editor{}, unauthorized("missing", "No editor key was sent.")
	}
	who := s.address(r)
	if !s.guesses.left(who) {
		return desk.Editor{}, tooMany("Too many wrong keys came from your address.", s.guesses.pause)
	}
	e, err := s.Keys.KeyHolder(r.Context(), desk.KeySum(strings.TrimSpace(secret)))
	if errors.Is(err, desk.ErrNoKey) {
		s.guesses.take(who)
		return desk.Editor{}, unauthorized("wrong", "The editor key is not known; it may have been revoked.")
	}
	return e, err
}

func unauthorized(kind, detail string) *Problem {
	p := problem(http.StatusUnauthorized, "key-"+kind, "An editor key is needed", detail, "send Authorization: Bearer KEY, made with crier keys create")
	p.header = http.Header{"Www-Authenticate": {`Bearer realm="crier"`}}
	return p
}
