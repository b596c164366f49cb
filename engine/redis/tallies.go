package redis

import (
	"fmt"
	"strconv"
	"strings"

	"crier/push"
)

// A tally's counts are fields of the campaign's hash: n.NAME, f.REASON for
// what failed and a.TENTH for when it was accepted.
const (
	countField    = "n."
	failedField   = "f."
	acceptedField = "a."
)

// counts are the plain counts of t by name.
func counts(t *push.Tally) map[string]*int64 {
	return map[string]*int64{
		"audience": &t.Audience, "accepted": &t.Accepted, "gone": &t.Gone, "expired": &t.Expired,
		"cancelled": &t.Cancelled, "retried": &t.Retried, "throttled": &t.Throttled, "held": &t.Held,
	}
}

// countArgs is t as pairs of a field and a number.
func countArgs(t push.Tally) (args []any) {
	for name, n := range counts(&t) {
		if *n != 0 {
			args = append(args, countField+name, *n)
		}
	}
	for reason, n := range t.Failed {
		args = append(args, failedField+reason, n)
	}
	for tenth, n := range t.AcceptedAt {
		args = append(args, acceptedField+strconv.Itoa(tenth), n)
	}
	return args
}

// readCount adds a field's number to t.
func readCount(t *push.Tally, field string, n int64) error {
	if name, ok := strings.CutPrefix(field, countField); ok {
		if c := counts(t)[name]; c != nil {
			*c = n
			return nil
		}
	}
	if reason, ok := strings.CutPrefix(field, failedField); ok {
		t.Add(push.Tally{Failed: map[string]int64{reason: n}})
		return nil
	}
	tenth, err := strconv.Atoi(strings.TrimPrefix(field, acceptedField))
	if err != nil {
		return fmt.Errorf("a campaign has the field %.40q", field)
	}
	t.Add(push.Tally{AcceptedAt: map[int]int64{tenth: n}})
	return nil
}
