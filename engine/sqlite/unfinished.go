package sqlite

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"crier/push"
)

// Unfinished implements push.Store.
func (e *Engine) Unfinished(ctx context.Context, now time.Time) ([]push.Unfinished, error) {
	var out []push.Unfinished
	err := e.view(ctx, func(c *conn) error {
		open, err := campaignRows(ctx, c, `WHERE cancelled = 0 AND EXISTS (SELECT 1 FROM ranges WHERE campaign = seq) ORDER BY lane DESC, seq`)
		if err != nil {
			return err
		}
		for _, r := range open {
			u := push.Unfinished{}
			if u.Report, err = reportOf(ctx, c, r); err != nil {
				return err
			}
			if u.Ranges, err = rangeStates(ctx, c, r.seq, at(now)); err != nil {
				return err
			}
			out = append(out, u)
		}
		return nil
	})
	if err != nil {
		return nil, failed("list unfinished campaigns", err)
	}
	return out, nil
}

// campaignRows is the campaigns of a query.
func campaignRows(ctx context.Context, c *conn, where string, args ...any) (out []campaignRow, err error) {
	err = c.rows(ctx, "SELECT "+campaignColumns+" FROM campaigns "+where, args, func(rows *sql.Rows) error {
		var r campaignRow
		err := rows.Scan(r.dest()...)
		out = append(out, r)
		return err
	})
	return out, err
}

func rangeStates(ctx context.Context, c *conn, campaign, now int64) (out []push.RangeState, err error) {
	err = c.rows(ctx, "SELECT low, high, position, scanned, ends > ? FROM ranges WHERE campaign = ? ORDER BY low", []any{now, campaign}, func(rows *sql.Rows) error {
		var r push.RangeState
		var position []byte
		err := rows.Scan(&r.Low, &r.High, &position, &r.Scanned, &r.Held)
		copy(r.Cursor[:], position)
		out = append(out, r)
		return err
	})
	return out, err
}

// Standing implements push.Store.
func (e *Engine) Standing(ctx context.Context, campaign string, r push.Range, after push.ID, limit int) ([]push.Subscription, error) {
	var p push.Page
	err := e.view(ctx, func(c *conn) error {
		row := rangeRow{low: r.Low, high: r.High}
		err := c.row(ctx, "SELECT seq FROM campaigns WHERE id = ?", []any{campaign}, &row.campaign)
		if errors.Is(err, sql.ErrNoRows) {
			err = push.ErrNoCampaign
		}
		if err != nil {
			return err
		}
		first, last := precedes(r.Low), precedes(r.High+1)
		row.position = slices.MaxFunc([][]byte{after[:], first[:]}, bytes.Compare)
		return scanTo(ctx, c, row, last[:], max(limit, 0), &p)
	})
	if err != nil {
		return nil, failed(fmt.Sprintf("read whom campaign %.64q is for", campaign), err)
	}
	out := make([]push.Subscription, len(p.Deliveries))
	for i, d := range p.Deliveries {
		out[i] = d.Subscription
	}
	return out, nil
}

// Reports implements push.Store.
func (e *Engine) Reports(ctx context.Context, item string, limit int) ([]push.Report, error) {
	var out []push.Report
	err := e.view(ctx, func(c *conn) error {
		all, err := campaignRows(ctx, c, "WHERE item = ? ORDER BY seq DESC LIMIT ?", item, max(limit, 0))
		if err != nil {
			return err
		}
		for _, r := range all {
			report, err := reportOf(ctx, c, r)
			if err != nil {
				return err
			}
			out = append(out, report)
		}
		return nil
	})
	if err != nil {
		return nil, failed(fmt.Sprintf("report on item %.64q", item), err)
	}
	return out, nil
}
