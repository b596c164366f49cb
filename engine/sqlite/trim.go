package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"crier/news"
)

// trimStep is how many entries one transaction trims, so that no append waits
// long for it.
const trimStep = 1000

// Trim removes the oldest entries of the log and says how many, but never one
// of the last keep, nor one appended within young of now. Cursors from before
// what is left are lost from then on. Items keep their last entries. It
// also stays behind what is still needed: entries that have not become
// campaigns yet (once any has), and those that an idempotency key answers with.
func (e *Engine) Trim(ctx context.Context, keep int, young time.Duration) (trimmed int64, err error) {
	for {
		var n int64
		err := e.writer.write(ctx, func(ctx context.Context, c *conn) (err error) {
			n, err = trim(ctx, c, int64(keep), at(e.now()), young)
			return err
		}, nil)
		if err != nil {
			return trimmed, failed("trim the log", err)
		}
		if trimmed += n; n < trimStep {
			return trimmed, nil
		}
	}
}

func trim(ctx context.Context, c *conn, keep, now int64, young time.Duration) (int64, error) {
	l, err := readLog(ctx, c)
	if err != nil {
		return 0, err
	}
	floor := min(l.head-max(keep, 0), l.floor+trimStep)
	if floor <= l.floor {
		return 0, nil
	}
	// Each query finds the first entry that has to stay.
	for _, q := range []struct {
		text string
		args []any
	}{
		{"SELECT offset FROM entries WHERE offset <= ? AND appended_at > ? ORDER BY offset LIMIT 1", []any{floor, now - young.Milliseconds()}},
		{"SELECT offset FROM keys WHERE used_at >= ? ORDER BY offset LIMIT 1", []any{now - news.KeyLife.Milliseconds()}},
		{"SELECT followed_offset + 1 FROM sending WHERE followed_epoch = ?", []any{l.epoch}},
	} {
		var stays int64
		err := c.row(ctx, q.text, q.args, &stays)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return 0, err
		}
		if err == nil {
			floor = min(floor, stays-1)
		}
	}
	if floor <= l.floor {
		return 0, nil
	}
	if _, err := c.exec(ctx, "UPDATE log SET floor = ?", floor); err != nil {
		return 0, err
	}
	return c.exec(ctx, "DELETE FROM entries WHERE offset <= ?", floor)
}
