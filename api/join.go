package api

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"crier/hub"
	"crier/news"
)

// This file is about who may join the live streams just now: a node that is
// overrun by those who come is no use to those who are there.

// Refusals counts the joins that were refused, by what kept the reader out. The
// zero value works.
type Refusals struct{ n [reasons]atomic.Uint64 }

type reason uint8

const (
	full         reason = iota // all places are taken
	addressFull                // all places of an address
	tooFast                    // too many join in a second
	addressFast                // too many from an address
	nodeStarting               //
	nodeDraining               //
	reasons
)

func (r reason) String() string {
	return [reasons]string{"full", "crowded", "rate", "address_rate", "starting", "draining"}[r]
}

// Counts is how many joins have been refused for each reason there is.
func (r *Refusals) Counts() map[string]uint64 {
	all := make(map[string]uint64, reasons)
	for why := range reasons {
		all[why.String()] = r.n[why].Load()
	}
	return all
}

// note counts err, if it is the hub's that a reader may not join, and returns
// it.
func (r *Refusals) note(err error) error {
	switch {
	case err == nil:
	case errors.Is(err, hub.ErrFull):
		r.n[full].Add(1)
	case errors.Is(err, hub.ErrCrowded):
		r.n[addressFull].Add(1)
	case errors.Is(err, hub.ErrNotReady):
		r.n[nodeStarting].Add(1)
	case errors.Is(err, hub.ErrDraining):
		r.n[nodeDraining].Add(1)
	}
	return err
}

// gate bounds how many come in a second, by address and in all.
type gate struct {
	address *limiter
	all     *rate.Limiter
}

func newGate(perAddress, firstPerAddress, all, first int) *gate {
	return &gate{newLimiter(time.Second/time.Duration(perAddress), firstPerAddress), rate.NewLimiter(rate.Limit(all), first)}
}

// pass lets who in, or says why not: then it has cost nobody anything. Addresses
// of this machine and of private networks are bounded with all only.
func (g *gate) pass(who netip.Addr) (why reason, ok bool) {
	if inside(who) {
		return tooFast, g.all.Allow()
	}
	own := g.address.of(who).tokens
	switch {
	case own.Tokens() < 1:
		return addressFast, false
	case !g.all.Allow():
		return tooFast, false
	}
	return addressFast, own.Allow() // fails only for who came twice at this moment
}

// open reports whether pass would let who in.
func (g *gate) open(who netip.Addr) bool {
	return (inside(who) || g.address.left(who)) && g.all.Tokens() >= 1
}

// joining is the gate for who joins.
func (s *server) joining(*http.Request) *gate { return s.joins }

// polling is the gate for who polls: a reader who has been here already, as its
// cursor says, does not join again with every poll.
func (s *server) polling(r *http.Request) *gate {
	c, err := news.ParseCursor(r.URL.Query().Get("cursor"))
	if err == nil && c.Epoch != "" && c.Epoch == s.Live.Head().Epoch {
		return s.polls
	}
	return s.joins
}

// admit lets through to h whom the gate lets pass.
func (s *server) admit(through func(*http.Request) *gate, h handler) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		if why, ok := through(r).pass(s.address(r)); !ok {
			s.o.Refusals.n[why].Add(1)
			return tooManyJoin()
		}
		return s.o.Refusals.note(h(w, r))
	}
}

func tooManyJoin() *Problem { return crowded("crowd", "Too many readers are joining", crowdFor) }

// room is GET /v1/live/room: whether a reader may join this node just now. A
// browser cannot see why a WebSocket was refused, nor when to come back.
func (s *server) room(w http.ResponseWriter, r *http.Request) error {
	who := s.address(r)
	if !inside(who) && !s.rooms.take(who) {
		return tooMany("Too many requests came from your address.", spread(crowdFor))
	}
	if s.leaving() {
		return hub.ErrDraining
	}
	if err := s.Live.Room(s.home(r)); err != nil {
		return err
	}
	if !s.joins.open(who) {
		return tooManyJoin()
	}
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// home is the address whose readers the hub bounds together with who sent r;
// none if they are not to be bounded.
func (s *server) home(r *http.Request) netip.Addr {
	if who := s.address(r); !inside(who) {
		return who
	}
	return netip.Addr{}
}

// unread is the answer to who polls when the hub could not read the log for it.
func unread(err error) error {
	for _, told := range []error{hub.ErrFull, hub.ErrCrowded, hub.ErrNotReady, hub.ErrDraining, context.Canceled} {
		if errors.Is(err, told) {
			return err
		}
	}
	p := unavailable("log", "The log cannot be read just now", spread(crowdFor))
	p.Mend = "poll again, with the same cursor, after Retry-After"
	return errors.Join(p, err)
}

// getOnly keeps HEAD, which asks for the head of what GET would answer, from
// streams: they have no end, and take a place.
func getOnly(h handler) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		if r.Method != http.MethodGet {
			p := methodNotAllowed(w, r)
			w.Header().Set("Allow", http.MethodGet)
			return p
		}
		return h(w, r)
	}
}
