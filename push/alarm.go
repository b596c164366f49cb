package push

import (
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

// The removal guard. A push service that errs, or keys of ours that do, may
// say of every subscription that it is gone, and what has been removed cannot
// be asked back. So nothing is removed after a burst.
const (
	window     = 512 // answers of one push service that are looked back on
	enough     = 50  // answers that a judgement needs
	goneShare  = 0.20
	refusedMin = 10 // answers of 401 or 403 among those
)

// CanaryService is the service of the alarm that the canary raises. It says
// nothing of subscriptions, so it stops no removals.
const CanaryService = "canary"

// Alarm says that removals are stopped, or the canary has failed, and why.
type Alarm struct {
	Service string    `json:"service"` // the push service: a domain, host:port as the operator named it, or CanaryService
	Problem string    `json:"problem"`
	Since   time.Time `json:"since"`
}

// sort is what an answer means for the guard.
type answerSort uint8

const (
	answerGood answerSort = iota + 1
	answerGone
	answerRefused
	answerSorts
)

// history is the last answers of one push service.
type history struct {
	ring  [window]answerSort
	next  int
	count [answerSorts]int // of each sort in ring
}

func (h *history) add(s answerSort) {
	if old := h.ring[h.next]; old != 0 {
		h.count[old]--
	}
	h.ring[h.next] = s
	h.count[s]++
	h.next = (h.next + 1) % window
}

// problem is what is wrong with the answers, "" if nothing is.
func (h *history) problem() string {
	n := h.count[answerGood] + h.count[answerGone] + h.count[answerRefused]
	if n < enough {
		return ""
	}
	switch share := func(s answerSort) float64 { return float64(h.count[s]) / float64(n) }; {
	case share(answerGone) > goneShare:
		return fmt.Sprintf("%.0f %% of the last %d subscriptions are said to be gone", 100*share(answerGone), n)
	case h.count[answerRefused] >= refusedMin && share(answerRefused) > goneShare:
		return fmt.Sprintf("%.0f %% of the last %d notifications were refused with 401 or 403", 100*share(answerRefused), n)
	}
	return ""
}

// guard watches the answers of all push services.
type guard struct {
	logger *slog.Logger
	raised chan struct{} // holds one ring: the store is to be told of an alarm

	mu        sync.Mutex
	histories map[string]*history // by push service
	alarms    map[string]Alarm    // likewise: those that stand on any node
	untold    []Alarm             // those that the store is to be told
	trusted   time.Time           // until then no alarm is raised: an operator has looked
}

func newGuard(logger *slog.Logger) *guard {
	return &guard{logger: logger, raised: make(chan struct{}, 1), histories: map[string]*history{}, alarms: map[string]Alarm{}}
}

// heard notes an answer. Only those that settle a delivery count: the others
// say nothing of subscriptions.
func (g *guard) heard(service string, o outcome) {
	var s answerSort
	switch {
	case o.fate == accepted:
		s = answerGood
	case o.fate == gone:
		s = answerGone
	case o.reason == FailedUnauthorized, o.reason == FailedForbidden:
		s = answerRefused
	default:
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	h := g.histories[service]
	if h == nil {
		h = &history{}
		g.histories[service] = h
	}
	h.add(s)
	if _, stands := g.alarms[service]; stands || s == answerGood || o.at.Before(g.trusted) {
		return
	}
	if problem := h.problem(); problem != "" {
		a := Alarm{service, problem, o.at.UTC().Truncate(time.Millisecond)}
		g.alarms[service] = a
		g.untold = append(g.untold, a)
		select {
		case g.raised <- struct{}{}:
		default:
		}
		g.logger.Error("no subscription is removed any more until the alarm is cleared", "service", service, "problem", problem)
	}
}

// mayRemove reports whether no alarm of a push service stands.
func (g *guard) mayRemove() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	_, canary := g.alarms[CanaryService]
	return len(g.alarms) == 0 || canary && len(g.alarms) == 1
}

func (g *guard) standing() []Alarm {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.SortedFunc(maps.Values(g.alarms), func(a, b Alarm) int { return strings.Compare(a.Service, b.Service) })
}

// trustFor is how long an operator's word lasts that the answers are right.
const trustFor = time.Hour

// news is the alarms that the store is to be told.
func (g *guard) news() []Alarm {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.untold)
}

// told forgets that the store is to be told of a.
func (g *guard) told(a Alarm) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.untold = slices.DeleteFunc(g.untold, func(b Alarm) bool { return a == b })
}

// adopt takes over what the store has. Where an operator has looked since, what
// push services have said before does not count any more.
func (g *guard) adopt(a Alarms) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if a.Trusted.After(g.trusted) {
		g.trusted = a.Trusted
		clear(g.histories)
		g.untold = slices.DeleteFunc(g.untold, func(b Alarm) bool { return b.Since.Before(a.Trusted) })
	}
	clear(g.alarms)
	for _, b := range slices.Concat(g.untold, a.Standing) {
		g.alarms[b.Service] = b
	}
}
