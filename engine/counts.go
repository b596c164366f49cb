package engine

import (
	"fmt"
	"strconv"
	"strings"

	"crier/push"
)

// A tally is kept as numbers with names: n.NAME of a count, f.REASON for what
// failed, and a.TENTH for when notifications were accepted.
const (
	countName    = "n."
	failedName   = "f."
	acceptedName = "a."
)

// plain are the counts of t that have a name of their own.
func plain(t *push.Tally) map[string]*int64 {
	return map[string]*int64{
		"audience": &t.Audience, "accepted": &t.Accepted, "gone": &t.Gone, "expired": &t.Expired,
		"cancelled": &t.Cancelled, "retried": &t.Retried, "throttled": &t.Throttled, "held": &t.Held,
	}
}

// Counts is what t counts, by name, without its services.
func Counts(t push.Tally) map[string]int64 {
	out := make(map[string]int64, 8+len(t.Failed)+len(t.AcceptedAt))
	for name, n := range plain(&t) {
		if *n != 0 {
			out[countName+name] = *n
		}
	}
	for reason, n := range t.Failed {
		out[failedName+reason] = n
	}
	for tenth, n := range t.AcceptedAt {
		out[acceptedName+strconv.Itoa(tenth)] = n
	}
	return out
}

// AddCount adds a number with its name to t.
func AddCount(t *push.Tally, name string, n int64) error {
	if c := plain(t)[strings.TrimPrefix(name, countName)]; c != nil {
		*c += n
		return nil
	}
	if reason, ok := strings.CutPrefix(name, failedName); ok {
		t.Add(push.Tally{Failed: map[string]int64{reason: n}})
		return nil
	}
	text, ok := strings.CutPrefix(name, acceptedName)
	tenth, err := strconv.Atoi(text)
	if !ok || err != nil {
		return fmt.Errorf("a tally has the count %.40q", name)
	}
	t.Add(push.Tally{AcceptedAt: map[int]int64{tenth: n}})
	return nil
}

// AddServiceCount adds a number of a push service to t.
func AddServiceCount(t *push.Tally, service, name string, n int64) error {
	var s push.Tally
	if err := AddCount(&s, name, n); err != nil {
		return err
	}
	t.Add(push.Tally{Services: map[string]push.Tally{service: s}})
	return nil
}
