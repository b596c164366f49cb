package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"crier/push"
)

// ConfirmSubscription implements push.Store.
func (e *Engine) ConfirmSubscription(ctx context.Context, id push.ID, auth [16]byte) error {
	err := e.writer.write(ctx, func(ctx context.Context, c *conn) error {
		if err := mine(ctx, c, id, auth); err != nil {
			return err
		}
		n, err := c.exec(ctx, "UPDATE subscriptions SET unconfirmed = 0 WHERE id = ? AND unconfirmed <> 0", id[:])
		if err == nil && n > 0 {
			_, err = c.exec(ctx, "UPDATE sending SET changes = changes + 1")
		}
		return err
	}, nil)
	if err != nil {
		return failed("confirm subscription "+id.String(), err)
	}
	return nil
}

// ForgetUnseen implements push.Store.
func (e *Engine) ForgetUnseen(ctx context.Context, ids []push.ID, before time.Time, unconfirmed bool) (int64, error) {
	ids = append([]push.ID(nil), ids...) // the writer may still be at work when the caller has given up
	forgotten := make(chan int64, 1)
	err := e.writer.write(ctx, func(ctx context.Context, c *conn) error {
		n := int64(0)
		for _, id := range ids {
			var one int
			err := c.row(ctx, "SELECT 1 FROM subscriptions WHERE id = ? AND seen_at < ? AND unconfirmed >= ?",
				[]any{id[:], at(before), unconfirmed}, &one)
			if errors.Is(err, sql.ErrNoRows) {
				continue
			}
			if err == nil {
				err = removeSubscription(ctx, c, id)
			}
			if err != nil {
				return err
			}
			n++
		}
		forgotten <- n
		return nil
	}, nil)
	if err != nil {
		return 0, failed("forget subscriptions", err)
	}
	return <-forgotten, nil
}

// Lives implements push.Store.
func (e *Engine) Lives(ctx context.Context, after push.ID, limit int) (out []push.Life, err error) {
	err = e.view(ctx, func(c *conn) error {
		return c.rows(ctx, "SELECT id, vapid, unconfirmed, seen_at FROM subscriptions WHERE id > ? ORDER BY id LIMIT ?",
			[]any{after[:], max(limit, 1)}, func(rows *sql.Rows) error {
				var l push.Life
				var id sql.RawBytes
				var seen int64
				err := rows.Scan(&id, &l.Key, &l.Unconfirmed, &seen)
				copy(l.ID[:], id)
				l.SeenAt = when(seen)
				out = append(out, l)
				return err
			})
	})
	if err != nil {
		return nil, failed("read subscriptions", err)
	}
	return out, nil
}
