package sqlite

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"math"
	"time"

	"crier/push"
)

// Claim implements push.Store.
func (e *Engine) Claim(ctx context.Context, w push.Worker, now time.Time, lease time.Duration) (push.Lease, bool, error) {
	var l push.Lease
	var ok bool
	err := e.writer.write(ctx, func(ctx context.Context, c *conn) (err error) {
		l, ok, err = claim(ctx, c, w, at(now), at(now.Add(lease)))
		return err
	}, nil)
	if err != nil {
		return push.Lease{}, false, failed("claim a range", err)
	}
	return l, ok, nil
}

func claim(ctx context.Context, c *conn, w push.Worker, now, ends int64) (l push.Lease, ok bool, err error) {
	stop, err := readStop(ctx, c)
	if stop != nil || err != nil {
		return l, false, err
	}
	for {
		r, err := nextRange(ctx, c, w, now)
		if errors.Is(err, sql.ErrNoRows) {
			return l, false, nil
		}
		if err != nil {
			return l, false, err
		}
		// A range may be due only because subscriptions departed. It is seen
		// to here, so that a worker that finds no delivery in it need not.
		done, due, err := settleRange(ctx, c, r)
		if err != nil {
			return l, false, err
		}
		if done || due > now {
			continue
		}
		return lend(ctx, c, r, w.Name, ends)
	}
}

// lend gives r to the worker.
func lend(ctx context.Context, c *conn, r rangeRow, worker string, ends int64) (l push.Lease, ok bool, err error) {
	if _, err := c.exec(ctx, "UPDATE ranges SET token = token + 1, written = 0, worker = ?, ends = ? WHERE campaign = ? AND low = ?",
		worker, ends, r.campaign, r.low); err != nil {
		return l, false, err
	}
	var cr campaignRow
	if err := c.row(ctx, "SELECT "+campaignColumns+" FROM campaigns WHERE seq = ?", []any{r.campaign}, cr.dest()...); err != nil {
		return l, false, err
	}
	p, err := cr.campaign()
	return push.Lease{Campaign: p, Range: push.Range{Low: r.low, High: r.high}, Token: r.token + 1, Ends: when(ends), Cancelled: cr.cancelled}, true, err
}

// rangeRow is a row of the table ranges with its campaign's standing.
type rangeRow struct {
	campaign  int64
	low, high int
	position  []byte
	reached   []byte // see reach; those before it come first
	scanned   bool
	token     int64
	written   int64
	cancelled bool
}

const rangeColumns = "r.campaign, r.low, r.high, r.position, r.reached, r.scanned, r.token, r.written, p.cancelled FROM ranges r JOIN campaigns p ON p.seq = r.campaign"

func (r *rangeRow) dest() []any {
	return []any{&r.campaign, &r.low, &r.high, &r.position, &r.reached, &r.scanned, &r.token, &r.written, &r.cancelled}
}

// nextRange is the range to be claimed first. One to whose shards another
// worker may be sending an older campaign of the item or story is left alone,
// and one whose shards a higher one of the story goes through first.
func nextRange(ctx context.Context, c *conn, w push.Worker, now int64) (r rangeRow, err error) {
	err = c.row(ctx, "SELECT "+rangeColumns+` WHERE r.due <= ?1 AND r.ends <= ?1 AND (p.cancelled OR NOT EXISTS (
			SELECT 1 FROM ranges o JOIN campaigns q ON q.seq = o.campaign
			WHERE o.low <= r.high AND o.high >= r.low AND q.seq < p.seq AND (q.item = p.item OR q.story = p.story AND p.story <> '')
			AND (o.ends > ?1 AND o.worker <> ?2 OR o.scanned = 0 AND q.cancelled = 0 AND q.lane > p.lane)))
		ORDER BY p.cancelled, p.lane DESC, p.seq, r.position < r.reached DESC, ?3 >> (r.low / ?4) & 1 DESC, r.low LIMIT 1`,
		[]any{now, w.Name, int64(w.Blocks), push.BlockShards}, r.dest()...)
	return r, err
}

// leased is the range that l is on. Errors: ErrLeaseLost.
func leased(ctx context.Context, c *conn, l push.Lease) (r rangeRow, err error) {
	err = c.row(ctx, "SELECT "+rangeColumns+" WHERE p.id = ? AND r.low = ?", []any{l.Campaign.ID, l.Range.Low}, r.dest()...)
	if errors.Is(err, sql.ErrNoRows) || err == nil && r.token != l.Token {
		err = push.ErrLeaseLost
	}
	return r, err
}

// settleRange counts the retries whose subscriptions have departed, and then
// removes the range if it is done, or else sets when it is due again.
func settleRange(ctx context.Context, c *conn, r rangeRow) (done bool, due int64, err error) {
	n, err := c.exec(ctx, "DELETE FROM retries WHERE campaign = ? AND low = ? AND departed = 1", r.campaign, r.low)
	if err != nil {
		return false, 0, err
	}
	if n > 0 {
		if _, err := c.exec(ctx, "UPDATE tallies SET gone = gone + ? WHERE campaign = ?", n, r.campaign); err != nil {
			return false, 0, err
		}
	}
	if r.scanned {
		var first sql.NullInt64
		err := c.row(ctx, "SELECT min(due) FROM retries WHERE campaign = ? AND low = ? AND departed = 0",
			[]any{r.campaign, r.low}, &first)
		if err != nil {
			return false, 0, err
		}
		if !first.Valid {
			_, err := c.exec(ctx, "DELETE FROM ranges WHERE campaign = ? AND low = ?", r.campaign, r.low)
			return true, 0, err
		}
		if !r.cancelled {
			due = first.Int64
		}
	}
	_, err = c.exec(ctx, "UPDATE ranges SET due = ? WHERE campaign = ? AND low = ?", due, r.campaign, r.low)
	return false, due, err
}

// Deliveries implements push.Store.
func (e *Engine) Deliveries(ctx context.Context, l push.Lease, now time.Time, limit int) (push.Page, error) {
	var p push.Page
	err := e.view(ctx, func(c *conn) error {
		r, err := leased(ctx, c, l)
		if err != nil {
			return err
		}
		until := at(now)
		if r.cancelled {
			until = math.MaxInt64
		}
		p = push.Page{Scanned: r.scanned}
		copy(p.Cursor[:], r.position)
		if err := waiting(ctx, c, r, until, max(limit, 1), &p); err != nil || r.scanned {
			return err
		}
		return scan(ctx, c, r, max(limit, 1)-len(p.Deliveries), &p)
	})
	if err != nil {
		return push.Page{}, failed("read deliveries", err)
	}
	return p, nil
}

// waiting adds the retries of r that are due until then, and says when the
// next one is.
func waiting(ctx context.Context, c *conn, r rangeRow, until int64, limit int, p *push.Page) error {
	var row subscriptionRow
	err := c.rows(ctx, "SELECT "+subscriptionColumns+`, t.attempts, t.due FROM retries t JOIN subscriptions s ON s.id = t.id
		WHERE t.campaign = ? AND t.low = ? AND t.departed = 0 AND t.due <= ? ORDER BY t.due, t.id LIMIT ?`,
		[]any{r.campaign, r.low, until, limit + 1}, func(rows *sql.Rows) (err error) {
			var d push.Delivery
			var due int64
			if d.Subscription, err = row.scan(rows, &d.Attempts, &due); err != nil {
				return err
			}
			if len(p.Deliveries) == limit {
				p.NextDue = when(due)
				return nil
			}
			p.Deliveries = append(p.Deliveries, d)
			return nil
		})
	if err != nil || !p.NextDue.IsZero() {
		return err
	}
	var next sql.NullInt64
	err = c.row(ctx, "SELECT min(due) FROM retries WHERE campaign = ? AND low = ? AND departed = 0 AND due > ?",
		[]any{r.campaign, r.low, until}, &next)
	if next.Valid {
		p.NextDue = when(next.Int64)
	}
	return err
}

// scan adds up to limit subscriptions after r's position, and looks one
// further to know whether there are more. It goes no further than to those who
// come first, if the range has not come past them.
func scan(ctx context.Context, c *conn, r rangeRow, limit int, p *push.Page) error {
	end := precedes(r.high + 1)
	last := end[:]
	if bytes.Compare(r.position, r.reached) < 0 {
		last = r.reached
	}
	p.Scanned = true
	err := scanTo(ctx, c, r, last, limit, p)
	if err == nil && p.Scanned && bytes.Compare(last, end[:]) < 0 {
		p.Scanned, p.Pause = false, true
		copy(p.Cursor[:], last)
	}
	return err
}

// scanTo is scan up to last.
func scanTo(ctx context.Context, c *conn, r rangeRow, last []byte, limit int, p *push.Page) error {
	var row subscriptionRow
	n := 0
	return c.rows(ctx, "SELECT "+subscriptionColumns+` FROM subscriptions s
		WHERE s.id > ? AND s.id <= ? AND s.born < ? ORDER BY s.id LIMIT ?`,
		[]any{r.position, last, r.campaign, limit + 1}, func(rows *sql.Rows) error {
			if n == limit {
				p.Scanned = false
				return nil
			}
			s, err := row.scan(rows)
			n++
			p.Cursor = s.ID
			p.Deliveries = append(p.Deliveries, push.Delivery{Subscription: s})
			return err
		})
}

// Checkpoint implements push.Store.
func (e *Engine) Checkpoint(ctx context.Context, l push.Lease, p push.Progress) (push.State, error) {
	p = cloneProgress(p)
	var st push.State
	err := e.writer.write(ctx, func(ctx context.Context, c *conn) (err error) {
		st, err = checkpoint(ctx, c, l, p)
		return err
	}, nil)
	if err != nil {
		return push.State{}, failed("write checkpoint", err)
	}
	return st, nil
}

func checkpoint(ctx context.Context, c *conn, l push.Lease, p push.Progress) (st push.State, err error) {
	r, err := leased(ctx, c, l)
	if err != nil {
		return st, err
	}
	if p.Number != 0 && p.Number == r.written {
		_, err := c.exec(ctx, "UPDATE ranges SET ends = ? WHERE campaign = ? AND low = ?", at(p.Ends), r.campaign, r.low)
		if err != nil {
			return st, err
		}
		return checkpointed(ctx, c, r)
	}
	if err := settleRetries(ctx, c, r.campaign, p.Settled); err != nil {
		return st, err
	}
	if stands, err := alarmed(ctx, c); err != nil {
		return st, err
	} else if stands {
		p.Gone = nil
	}
	for _, id := range p.Gone {
		if err := removeSubscription(ctx, c, id); err != nil {
			return st, err
		}
	}
	for _, t := range p.Retries {
		if _, err := c.exec(ctx, `INSERT OR REPLACE INTO retries VALUES
			(?1, ?2, ?3, ?4, ?5, NOT EXISTS (SELECT 1 FROM subscriptions WHERE id = ?1))`,
			t.ID[:], r.campaign, r.low, t.Attempts, at(t.Due)); err != nil {
			return st, err
		}
	}
	if err := keepLetters(ctx, c, r, p.Letters); err != nil {
		return st, err
	}
	if err := count(ctx, c, r.campaign, p.Tally); err != nil {
		return st, err
	}
	if _, err := c.exec(ctx, "UPDATE ranges SET position = ?, scanned = ?, ends = ?, written = ? WHERE campaign = ? AND low = ?",
		p.Cursor[:], p.Scanned, at(p.Ends), p.Number, r.campaign, r.low); err != nil {
		return st, err
	}
	r.scanned = p.Scanned
	done, _, err := settleRange(ctx, c, r)
	if err != nil {
		return st, err
	}
	st, err = checkpointed(ctx, c, r)
	st.Done = done
	return st, err
}

// settleRetries removes retries that are over. Those that are not there any more
// were counted as gone, see settleRange, and are so no longer.
func settleRetries(ctx context.Context, c *conn, campaign int64, ids []push.ID) error {
	counted := 0
	for _, id := range ids {
		n, err := c.exec(ctx, "DELETE FROM retries WHERE id = ? AND campaign = ?", id[:], campaign)
		if err != nil {
			return err
		}
		if n == 0 {
			counted++
		}
	}
	if counted == 0 {
		return nil
	}
	_, err := c.exec(ctx, "UPDATE tallies SET gone = gone - ? WHERE campaign = ?", counted, campaign)
	return err
}

// checkpointed is what has changed for a range that is not done.
func checkpointed(ctx context.Context, c *conn, r rangeRow) (st push.State, err error) {
	stop, err := readStop(ctx, c)
	return push.State{Cancelled: r.cancelled, Stopped: stop != nil}, err
}

// Release implements push.Store.
func (e *Engine) Release(ctx context.Context, l push.Lease) error {
	err := e.writer.write(ctx, func(ctx context.Context, c *conn) error {
		r, err := leased(ctx, c, l)
		if errors.Is(err, push.ErrLeaseLost) {
			return nil // it is not held: that is what was wanted
		}
		if err != nil {
			return err
		}
		_, err = c.exec(ctx, "UPDATE ranges SET ends = 0, worker = '' WHERE campaign = ? AND low = ?", r.campaign, r.low)
		return err
	}, nil)
	if err != nil {
		return failed("release a range", err)
	}
	return nil
}

// NextDue implements push.Store.
func (e *Engine) NextDue(ctx context.Context, now time.Time) (time.Time, error) {
	var next sql.NullInt64
	err := e.view(ctx, func(c *conn) error {
		return c.row(ctx, "SELECT min(max(due, ends)) FROM ranges WHERE (SELECT stopped_by IS NULL FROM sending)", nil, &next)
	})
	switch {
	case err != nil:
		return time.Time{}, failed("read when work is due", err)
	case !next.Valid:
		return time.Time{}, nil
	case next.Int64 <= at(now):
		return now, nil
	}
	return when(next.Int64), nil
}
