package sqlite

import (
	"context"
	"crypto/subtle"
	"database/sql"
	"errors"
	"strings"

	"crier/push"
)

// PutSubscription implements push.Store.
func (e *Engine) PutSubscription(ctx context.Context, s push.Subscription) (bool, error) {
	s = s.Clone()
	var created bool
	err := e.writer.write(ctx, func(ctx context.Context, c *conn) (err error) {
		created, err = putSubscription(ctx, c, s)
		return err
	}, nil)
	if err != nil {
		return false, failed("keep subscription "+s.ID.String(), err)
	}
	return created, nil
}

func putSubscription(ctx context.Context, c *conn, s push.Subscription) (created bool, err error) {
	args := append(wishes(s), at(s.SeenAt), s.ID[:])
	switch err = mine(ctx, c, s.ID, s.Auth); {
	case err == nil:
		if err = noteChange(ctx, c, s); err != nil {
			return false, err
		}
		_, err = c.exec(ctx, "UPDATE subscriptions SET ("+wishColumns+`, seen_at) = (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?),
			unconfirmed = unconfirmed AND ? WHERE id = ?`, append(args[:len(args)-1], s.Unconfirmed, s.ID[:])...)
		return false, err
	case !errors.Is(err, push.ErrNoSubscription):
		return false, err
	}
	_, err = c.exec(ctx, "INSERT INTO subscriptions ("+wishColumns+`, seen_at, id, auth, created_at, unconfirmed, born)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, (SELECT coalesce(max(seq), 0) FROM campaigns))`,
		append(args, s.Auth[:], at(s.CreatedAt), s.Unconfirmed)...)
	if err != nil {
		return false, err
	}
	_, err = c.exec(ctx, "UPDATE sending SET standing = standing + 1")
	return true, err
}

// wishColumns are what a browser may change of its subscription; wishes are
// their values.
const wishColumns = "endpoint, p256dh, topics, level, quiet_from, quiet_to, daily_max, flash_always, digest, zone, language, vapid"

func wishes(s push.Subscription) []any {
	var from, to any // NULL
	if q := s.Quiet; q != nil {
		from, to = q.From, q.To
	}
	return []any{s.Endpoint, s.P256dh[:], strings.Join(s.Topics, ","), s.Level, from, to,
		s.DailyMax, s.FlashAlways, s.Digest, s.Zone, s.Language, s.Key}
}

// noteChange counts s as a change if it is not as it stands.
func noteChange(ctx context.Context, c *conn, s push.Subscription) error {
	_, err := c.exec(ctx, "UPDATE sending SET changes = changes + 1 WHERE EXISTS (SELECT 1 FROM subscriptions WHERE id = ? AND ("+
		wishColumns+", unconfirmed) IS NOT (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, unconfirmed AND ?))",
		append(append([]any{s.ID[:]}, wishes(s)...), s.Unconfirmed)...)
	return err
}

// mine is nil if the subscription id stands with the secret auth, and
// otherwise ErrNoSubscription or ErrNotYours.
func mine(ctx context.Context, c *conn, id push.ID, auth [16]byte) error {
	var have []byte
	err := c.row(ctx, "SELECT auth FROM subscriptions WHERE id = ?", []any{id[:]}, &have)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return push.ErrNoSubscription
	case err != nil:
		return err
	case subtle.ConstantTimeCompare(have, auth[:]) != 1:
		return push.ErrNotYours
	}
	return nil
}

// DeleteSubscription implements push.Store.
func (e *Engine) DeleteSubscription(ctx context.Context, id push.ID, auth [16]byte) error {
	err := e.writer.write(ctx, func(ctx context.Context, c *conn) error {
		if err := mine(ctx, c, id, auth); err != nil {
			return err
		}
		return removeSubscription(ctx, c, id)
	}, nil)
	if err != nil {
		return failed("forget subscription "+id.String(), err)
	}
	return nil
}

// removeSubscription forgets id, if it stands. A retry that waits for it is
// marked, and its range becomes due: the next claim or checkpoint counts it.
// Counting it here could count it twice, as it may be under way.
func removeSubscription(ctx context.Context, c *conn, id push.ID) error {
	n, err := c.exec(ctx, "DELETE FROM subscriptions WHERE id = ?", id[:])
	if err != nil || n == 0 {
		return err
	}
	if _, err := c.exec(ctx, "UPDATE sending SET standing = standing - 1, changes = changes + 1"); err != nil {
		return err
	}
	n, err = c.exec(ctx, "UPDATE retries SET departed = 1 WHERE id = ?", id[:])
	if err != nil || n == 0 {
		return err
	}
	_, err = c.exec(ctx, "UPDATE ranges SET due = 0 WHERE (campaign, low) IN (SELECT campaign, low FROM retries WHERE id = ?)", id[:])
	return err
}

// Subscription implements push.Store.
func (e *Engine) Subscription(ctx context.Context, id push.ID) (push.Subscription, error) {
	var out []push.Subscription
	err := e.view(ctx, func(c *conn) error {
		return c.rows(ctx, "SELECT "+subscriptionColumns+" FROM subscriptions s WHERE id = ?", []any{id[:]}, func(rows *sql.Rows) error {
			var r subscriptionRow
			s, err := r.scan(rows)
			out = append(out, s)
			return err
		})
	})
	if err == nil && len(out) == 0 {
		err = push.ErrNoSubscription
	}
	if err != nil {
		return push.Subscription{}, failed("read subscription "+id.String(), err)
	}
	return out[0], nil
}

// CountSubscriptions implements push.Store.
func (e *Engine) CountSubscriptions(ctx context.Context) (n int64, err error) {
	err = e.view(ctx, func(c *conn) error {
		return c.row(ctx, "SELECT standing FROM sending", nil, &n)
	})
	if err != nil {
		return 0, failed("count subscriptions", err)
	}
	return n, nil
}

// Changes implements push.Store.
func (e *Engine) Changes(ctx context.Context) (n int64, err error) {
	err = e.view(ctx, func(c *conn) error {
		return c.row(ctx, "SELECT changes FROM sending", nil, &n)
	})
	if err != nil {
		return 0, failed("read how often subscriptions have changed", err)
	}
	return n, nil
}

// subscriptionColumns are what a subscriptionRow scans, of a table named s.
const subscriptionColumns = `s.id, s.endpoint, s.p256dh, s.auth, s.topics, s.level,
	s.quiet_from, s.quiet_to, s.daily_max, s.flash_always, s.digest, s.zone, s.language, s.vapid, s.unconfirmed, s.created_at, s.seen_at`

// subscriptionRow scans subscriptions. It is kept from row to row: a campaign
// reads them all, and what can be reused here is not made a million times.
type subscriptionRow struct {
	id, p256dh, auth sql.RawBytes
	from, to         sql.NullInt64
	created, seen    int64
	topics           sql.RawBytes
}

// scan reads the row, and extra columns after it into extra.
func (r *subscriptionRow) scan(rows *sql.Rows, extra ...any) (s push.Subscription, err error) {
	dest := [...]any{&r.id, &s.Endpoint, &r.p256dh, &r.auth, &r.topics, &s.Level,
		&r.from, &r.to, &s.DailyMax, &s.FlashAlways, &s.Digest, &s.Zone, &s.Language, &s.Key, &s.Unconfirmed, &r.created, &r.seen}
	if err := rows.Scan(append(dest[:], extra...)...); err != nil {
		return s, err
	}
	copy(s.ID[:], r.id)
	copy(s.P256dh[:], r.p256dh)
	copy(s.Auth[:], r.auth)
	if len(r.topics) > 0 {
		s.Topics = strings.Split(string(r.topics), ",")
	}
	if r.from.Valid {
		s.Quiet = &push.Quiet{From: int(r.from.Int64), To: int(r.to.Int64)}
	}
	s.CreatedAt, s.SeenAt = when(r.created), when(r.seen)
	return s, nil
}
