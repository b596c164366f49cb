package push

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"time"
)

// network is all origins, and what they share.
type network struct {
	transport *http.Transport
	keys      *keyring
	guard     *guard
	stock     *stock
	logger    *slog.Logger
	conns     int           // the most connections to an origin
	fill      int           // of a connection's streams, of a hundred: half
	timeout   time.Duration // of one request

	tasks sync.WaitGroup // what origins have going

	mu      sync.Mutex
	origins map[string]*origin // by name
	paces   map[string]*pace   // by push service
	kept    map[string]Rate    // what the store has, likewise
	nodes   int                // how many share the rates
}

// submit has the job made, or settles it as unsent if its page was recalled.
// It does not block. ctx is for all that origins do: it ends when all sending
// is to end.
func (n *network) submit(ctx context.Context, j *job) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if j.page.recalled {
		j.page.drop(j.index, outcome{fate: unsent, at: time.Now()})
		return
	}
	o := n.origins[j.target.origin]
	if o == nil {
		o = &origin{net: n, scheme: j.target.scheme, addr: j.target.addr, name: j.target.origin,
			service: j.target.service, pace: n.paceOf(j.target.service), wake: make(chan struct{}, 1), hand: make(chan errand)}
		n.origins[o.name] = o
	}
	o.submit(ctx, j)
}

// paceOf is the pace of a service. The caller holds n.mu.
func (n *network) paceOf(service string) *pace {
	p := n.paces[service]
	if p == nil {
		p = newPace(n.nodes)
		p.adopt(n.kept[service], time.Now())
		n.paces[service] = p
	}
	return p
}

// recall settles as unsent what has not begun of the page, and what is still
// to be submitted of it.
func (n *network) recall(p *page) { n.takeBack(p, false) }

// putOff is recall for the sake of pages that wait: what has not begun is to be
// tried again when its services may have time for it.
func (n *network) putOff(p *page) { n.takeBack(p, true) }

func (n *network) takeBack(p *page, putOff bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	p.recalled = true
	for _, o := range n.origins {
		o.recall(p, putOff)
	}
}

// sweep forgets origins that have been idle, until ctx ends.
func (n *network) sweep(ctx context.Context) {
	t := time.NewTicker(idleTime / 2)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-t.C:
			n.mu.Lock()
			for name, o := range n.origins {
				if o.idle(now) {
					delete(n.origins, name)
				}
			}
			n.mu.Unlock()
		}
	}
}

// close waits for all that is going and closes the connections. No more jobs
// may come.
func (n *network) close() {
	n.tasks.Wait()
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, o := range n.origins {
		o.mu.Lock()
		o.close()
		o.mu.Unlock()
	}
	n.transport.CloseIdleConnections()
}

// rates is the learned rate towards each service, in requests a second.
func (n *network) rates() map[string]float64 {
	n.mu.Lock()
	defer n.mu.Unlock()
	m := make(map[string]float64, len(n.paces))
	for service, p := range n.paces {
		m[service] = p.rate()
	}
	return m
}

// learned is the rates that were learned here since the store was told.
func (n *network) learned() (out []Rate) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for service, p := range n.paces {
		if r, untold := p.untold(); untold {
			r.Service = service
			out = append(out, r)
		}
	}
	return out
}

// adopt takes over what the store has, which other nodes may have learned.
func (n *network) adopt(rates []Rate, now time.Time) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.kept = make(map[string]Rate, len(rates))
	for _, r := range rates {
		n.kept[r.Service] = r
		if p := n.paces[r.Service]; p != nil {
			p.adopt(r, now)
		}
	}
}

// share has each rate be that of so many nodes together.
func (n *network) share(nodes int, now time.Time) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.nodes = nodes; nodes < 1 {
		n.nodes = 1
	}
	for _, p := range n.paces {
		p.share(n.nodes, now)
	}
}
