package sqlite

import (
	"context"
	"database/sql"

	"crier/push"
)

// Receivers implements push.Store.
func (e *Engine) Receivers(ctx context.Context, r push.Range, after push.ID, limit int) (out []push.Receiver, err error) {
	from, last := precedes(r.Low), precedes(r.High+1)
	if after.Shard() >= r.Low && after != (push.ID{}) {
		from = after
	}
	err = e.view(ctx, func(c *conn) error {
		var id, p256dh, auth sql.RawBytes
		return c.rows(ctx, "SELECT id, p256dh, auth FROM subscriptions WHERE id > ? AND id <= ? ORDER BY id LIMIT ?",
			[]any{from[:], last[:], max(limit, 1)}, func(rows *sql.Rows) error {
				var x push.Receiver
				err := rows.Scan(&id, &p256dh, &auth)
				copy(x.ID[:], id)
				copy(x.P256dh[:], p256dh)
				copy(x.Auth[:], auth)
				out = append(out, x)
				return err
			})
	})
	if err != nil {
		return nil, failed("read receivers", err)
	}
	return out, nil
}
