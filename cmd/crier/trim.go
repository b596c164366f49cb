package main

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"
)

// trimmer is an engine's part in trimming.
type trimmer interface {
	Trim(ctx context.Context, keep int, young time.Duration) (trimmed int64, err error)
}

// retention is what of the log is kept.
type retention struct {
	entries int           // the newest
	age     time.Duration // and all younger than this
	trimmed *atomic.Int64 // how many are gone, for the metrics
}

func (f listenFlags) retention(trimmed *atomic.Int64) (retention, error) {
	if f.LogEntries < 0 || f.LogAge < 0 {
		return retention{}, errors.New("--log-entries, --log-age: give 0 or more")
	}
	return retention{f.LogEntries, f.LogAge, trimmed}, nil
}

// chore trims the log.
func (r retention) chore(log trimmer, logger *slog.Logger) chore {
	return chore{"trim the log", time.Minute, func(ctx context.Context) error {
		n, err := log.Trim(ctx, r.entries, r.age)
		if n > 0 {
			r.trimmed.Add(n)
			logger.Info("trimmed the log: readers from before are sent the front anew", "entries", n)
		}
		return err
	}}
}
