package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/pprof"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// admin is what operators look at, on a listener of its own: it asks for no
// key, so it is not for the public.
func (n *node) admin() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(n.registry(), promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "ok\n") // the client is gone if this fails
	})
	mux.HandleFunc("GET /readyz", n.ready)
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	return mux
}

// ready says what the public /readyz says, with the reason in full.
func (n *node) ready(w http.ResponseWriter, r *http.Request) {
	n.notice.ask()
	ctx, cancel := context.WithTimeout(r.Context(), 3*time.Second)
	defer cancel()
	err := n.engine.Writable(ctx)
	if n.hub != nil {
		select {
		case <-n.hub.Ready():
		default:
			err = errors.Join(err, errors.New("the front has not been loaded yet"))
		}
	}
	select {
	case <-n.notice.given:
		err = errors.Join(err, errors.New("the node is going down (draining)"))
	default:
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	_, _ = io.WriteString(w, "ok\n") // the client is gone if this fails
}

// serveAdmin serves until ctx ends.
func (n *node) serveAdmin(ctx context.Context, ln net.Listener) error {
	// No limit on writing: a profile takes as long as it was asked to.
	s := &http.Server{Handler: n.admin(), ReadHeaderTimeout: 5 * time.Second}
	defer context.AfterFunc(ctx, func() { _ = s.Close() })()
	if err := s.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve --admin: %w", err)
	}
	return nil
}
