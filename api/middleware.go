package api

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"

	"crier/web"
)

// recoverer answers a handler's panic with a problem and logs it with its
// stack. http.ErrAbortHandler goes on: it is how a handler drops a client.
func (s *server) recoverer(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			switch v := recover(); v {
			case nil:
			case http.ErrAbortHandler: // by identity, as net/http compares it
				panic(v)
			default:
				s.o.Logger.LogAttrs(r.Context(), slog.LevelError, "handler panicked", slog.String("path", r.URL.Path),
					slog.String("panic", fmt.Sprint(v)), slog.String("stack", string(debug.Stack())))
				asProblem(errors.New("panic")).write(w)
			}
		}()
		next.ServeHTTP(w, r)
	})
}

// secure sets the headers that every answer carries. A live stream is no page,
// and on a busy day most answers are of its handshakes.
func secure(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/v1/live" {
			w.Header().Set("X-Content-Type-Options", "nosniff")
		} else {
			web.SecurityHeaders(w.Header())
		}
		next.ServeHTTP(w, r)
	})
}

// anyOrigin lets pages of any origin read what every reader may.
func anyOrigin(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Access-Control-Allow-Origin", "*")
		w.Header().Set("Access-Control-Expose-Headers", "ETag, Retry-After")
		next.ServeHTTP(w, r)
	})
}

// here lets requests through if this node has the role they need.
func (s *server) here(is bool) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		if is {
			return next
		}
		return s.handle(func(_ http.ResponseWriter, r *http.Request) error {
			return problem(http.StatusMisdirectedRequest, "role", "Another node does this", r.URL.Path+": this node has not got the role",
				"have the proxy in front send it to a node whose --roles has it: /v1/live to hub, what is posted to api")
		})
	}
}

// wantsPage reports whether the client is a browser that navigates.
func wantsPage(r *http.Request) bool {
	return (r.Method == http.MethodGet || r.Method == http.MethodHead) && strings.Contains(r.Header.Get("Accept"), "text/html")
}
