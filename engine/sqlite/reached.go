package sqlite

import (
	"bytes"
	"context"
	"database/sql"
	"errors"

	"crier/push"
)

// A campaign that replaces one which is being sent goes first to those whom
// that had reached. Each of its ranges has the ID up to which they are; a range
// whose position is before it comes before the others, and no page goes across.
// The ranges are cut at least as finely as those of the replaced campaign, so
// that whom it had reached in one is a run from its beginning.

// reach is how far the campaign had come that is replaced.
type reach struct {
	ranges []push.Range // that it was cut into; none if everybody was reached, or nobody can have been
	upto   map[int][]byte
}

// reachedBefore is how far the item's last campaign before seq has come.
func reachedBefore(ctx context.Context, c *conn, item string, seq int64) (out reach, err error) {
	var older int64
	err = c.row(ctx, "SELECT seq FROM campaigns WHERE item = ? AND seq < ? ORDER BY seq DESC LIMIT 1", []any{item, seq}, &older)
	if errors.Is(err, sql.ErrNoRows) {
		return out, nil
	}
	if err != nil {
		return out, err
	}
	out.upto = map[int][]byte{}
	err = c.rows(ctx, "SELECT low, high, scanned, max(position, reached) FROM ranges WHERE campaign = ?", []any{older}, func(rows *sql.Rows) error {
		var low, high int
		var scanned bool
		var upto []byte
		if err := rows.Scan(&low, &high, &scanned, &upto); err != nil {
			return err
		}
		if out.ranges == nil {
			out.ranges = cuts(push.Shards / (high - low + 1))
		}
		if !scanned {
			out.upto[low] = upto
		}
		return nil
	})
	return out, err
}

// in is the ID up to which those in the range come first, empty if none do. A
// range of the replaced campaign that is done or scanned was reached whole.
func (r reach) in(cut push.Range) []byte {
	if len(r.ranges) == 0 {
		return []byte{}
	}
	width := push.Shards / len(r.ranges)
	upto, part := r.upto[cut.Low/width*width]
	last, before := precedes(cut.High+1), precedes(cut.Low)
	switch {
	case !part || bytes.Compare(upto, last[:]) >= 0:
		return last[:]
	case bytes.Compare(upto, before[:]) <= 0:
		return []byte{}
	}
	return upto
}
