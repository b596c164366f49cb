package push

import (
	"fmt"
	"log/slog"
	"maps"
	"math"
	"slices"
	"strings"
	"sync"
	"time"
)

// The removal guard. A push service that errs, or keys of ours that do, may
// say of every subscription that it is gone, and what has been removed cannot
// be asked back. So nothing is removed after a burst.
//
// Of honest subscriptions a few in a hundred are gone between two campaigns. More
// than a fifth are too many, if that cannot be chance: of n answers, n/5 and two
// and a half standard deviations of that, which is sqrt(n). That is 6 of 10, 18
// of 50 and 126 of 512, which an honest twentieth comes to less than once in
// 300,000 tens. A push service that knows our keys refuses nobody with 401 or
// 403: ten of them in a row, or ten that are a fifth, are no chance.
const (
	window  = 512 // answers of one push service that are looked back on
	enough  = 10  // answers that a judgement needs, and refusals
	tooMany = 0.20
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
	row   int              // the last so many were refusals
}

func (h *history) add(s answerSort) {
	if old := h.ring[h.next]; old != 0 {
		h.count[old]--
	}
	h.ring[h.next] = s
	h.count[s]++
	h.next = (h.next + 1) % window
	if h.row++; s != answerRefused {
		h.row = 0
	}
}

// problem is what is wrong with the answers, "" if nothing is.
func (h *history) problem() string {
	n := h.count[answerGood] + h.count[answerGone] + h.count[answerRefused]
	if n < enough {
		return ""
	}
	gone, refused, all := float64(h.count[answerGone]), float64(h.count[answerRefused]), float64(n)
	switch {
	case gone > tooMany*all+math.Sqrt(all):
		return fmt.Sprintf("%.0f %% of the last %d subscriptions are said to be gone", 100*gone/all, n)
	case h.row >= enough:
		return fmt.Sprintf("the last %d notifications were refused with 401 or 403", h.row)
	case refused >= enough && refused > tooMany*all:
		return fmt.Sprintf("%.0f %% of the last %d notifications were refused with 401 or 403", 100*refused/all, n)
	}
	return ""
}

// guard watches the answers of all push services.
type guard struct {
	logger *slog.Logger
	raised chan struct{} // holds one ring: the store is to be told of an alarm

	mu        sync.Mutex
	histories map[string]*history  // by push service
	alarms    map[string]Alarm     // likewise: those that stand on any node
	untold    []Alarm              // those that the store is to be told
	trusted   time.Time            // until then no alarm is raised: an operator has looked
	cleared   map[string]time.Time // likewise, by push service
}

func newGuard(logger *slog.Logger) *guard {
	return &guard{logger: logger, raised: make(chan struct{}, 1), histories: map[string]*history{}, alarms: map[string]Alarm{}, cleared: map[string]time.Time{}}
}

// heard notes an answer. Only those that settle a delivery count: the others
// say nothing of subscriptions. It returns what is to become of the delivery: one
// that was refused while an alarm of the service stands is not given up but put
// off, as all others would be refused as well.
func (g *guard) heard(service string, o outcome) outcome {
	var s answerSort
	switch {
	case o.fate == accepted:
		s = answerGood
	case o.fate == gone:
		s = answerGone
	case o.reason == FailedUnauthorized, o.reason == FailedForbidden:
		s = answerRefused
	default:
		return o
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.note(service, s, o.at)
	if _, stands := g.alarms[service]; stands && s == answerRefused {
		o.fate, o.reason = retry, ""
	}
	return o
}

// note keeps an answer and raises an alarm if there is reason to. The caller
// holds g.mu.
func (g *guard) note(service string, s answerSort, now time.Time) {
	h := g.histories[service]
	if h == nil {
		h = &history{}
		g.histories[service] = h
	}
	h.add(s)
	if _, stands := g.alarms[service]; stands || s == answerGood || now.Before(g.trusted) || now.Before(g.cleared[service]) {
		return
	}
	if problem := h.problem(); problem != "" {
		a := Alarm{service, problem, now.UTC().Truncate(time.Millisecond)}
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
// push services have said before does not count any more. An alarm that the store
// had and has no more was cleared on another node.
func (g *guard) adopt(a Alarms, now time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for service, was := range g.alarms {
		if !slices.Contains(g.untold, was) && !slices.ContainsFunc(a.Standing, func(b Alarm) bool { return b.Service == service }) {
			g.trust(service, now)
		}
	}
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

// clear is an operator's word that what a push service says is right.
func (g *guard) clear(service string, now time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.untold = slices.DeleteFunc(g.untold, func(b Alarm) bool { return b.Service == service })
	delete(g.alarms, service)
	g.trust(service, now)
}

// trust has no alarm of the service be raised for a while. The caller holds g.mu.
func (g *guard) trust(service string, now time.Time) {
	maps.DeleteFunc(g.cleared, func(_ string, until time.Time) bool { return !until.After(now) })
	g.cleared[service] = now.Add(trustFor)
	delete(g.histories, service)
}
