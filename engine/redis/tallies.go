package redis

import (
	"fmt"
	"strings"

	"crier/engine"
	"crier/push"
)

// A tally's counts are fields of the campaign's hash, named as engine.Counts
// names them; those of a push service have serviceField, its name and a space
// before that.
const serviceField = "s."

// countArgs is t as pairs of a field and a number.
func countArgs(t push.Tally) (args []any) {
	for name, n := range engine.Counts(t) {
		args = append(args, name, n)
	}
	for service, s := range t.Services {
		for name, n := range engine.Counts(s) {
			args = append(args, serviceField+service+" "+name, n)
		}
	}
	return args
}

// readCount adds a field's number to t.
func readCount(t *push.Tally, field string, n int64) error {
	name, ok := strings.CutPrefix(field, serviceField)
	if !ok {
		return engine.AddCount(t, field, n)
	}
	service, name, ok := strings.Cut(name, " ")
	if !ok {
		return fmt.Errorf("a campaign has the field %.40q", field)
	}
	return engine.AddServiceCount(t, service, name, n)
}
