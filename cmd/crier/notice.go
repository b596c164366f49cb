package main

import (
	"context"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"
)

// notice is given before a node goes down: /readyz says no, and all is served
// as ever. A balancer finds out the next time it looks; without this it would
// go on sending readers to a port where nobody listens.
type notice struct {
	given chan struct{} // closed when it is
	asked atomic.Int64  // when /readyz was asked last, in ns since 1970
}

// watched is how long ago somebody may have asked /readyz who will ask again.
// If nobody has, no balancer waits for the notice, and it is not worth waiting
// for.
const watched = 30 * time.Second

func newNotice() *notice { return &notice{given: make(chan struct{})} }

// ask: somebody asks /readyz.
func (n *notice) ask() { n.asked.Store(time.Now().UnixNano()) }

// heed notes who asks h for /readyz.
func (n *notice) heed(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/readyz" {
			n.ask()
		}
		h.ServeHTTP(w, r)
	})
}

// give has /readyz say no, and waits until those who ask it have had time to
// hear that.
func (n *notice) give(ctx context.Context, within time.Duration, logger *slog.Logger) {
	close(n.given)
	if within <= 0 || time.Since(time.Unix(0, n.asked.Load())) > watched {
		return
	}
	logger.Info("going down: /readyz says so", "notice", within)
	select {
	case <-time.After(within):
	case <-ctx.Done():
	}
}
