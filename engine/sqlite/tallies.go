package sqlite

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"crier/engine"
	"crier/push"
)

// cloneProgress is a copy for the writer, which may be at work on it when
// the caller has given up and reuses what it passed.
func cloneProgress(p push.Progress) push.Progress {
	p.Settled, p.Retries, p.Gone, p.Letters = slices.Clone(p.Settled), slices.Clone(p.Retries), slices.Clone(p.Gone), slices.Clone(p.Letters)
	p.Tally = p.Tally.Clone()
	return p
}

// count adds t to a campaign's counts.
func count(ctx context.Context, c *conn, campaign int64, t push.Tally) error {
	if _, err := c.exec(ctx, `UPDATE tallies SET audience = audience + ?, accepted = accepted + ?, gone = gone + ?,
		expired = expired + ?, cancelled = cancelled + ?, retried = retried + ?, throttled = throttled + ?, held = held + ? WHERE campaign = ?`,
		t.Audience, t.Accepted, t.Gone, t.Expired, t.Cancelled, t.Retried, t.Throttled, t.Held, campaign); err != nil {
		return err
	}
	for reason, n := range t.Failed {
		if _, err := c.exec(ctx, "INSERT INTO failures VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET n = n + excluded.n",
			campaign, reason, n); err != nil {
			return err
		}
	}
	for tenth, n := range t.AcceptedAt {
		if _, err := c.exec(ctx, "INSERT INTO acceptances VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET n = n + excluded.n",
			campaign, tenth, n); err != nil {
			return err
		}
	}
	for service, s := range t.Services {
		for name, n := range engine.Counts(s) {
			if _, err := c.exec(ctx, "INSERT INTO service_counts VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET n = n + excluded.n",
				campaign, service, name, n); err != nil {
				return err
			}
		}
	}
	return nil
}

// Report implements push.Store.
func (e *Engine) Report(ctx context.Context, item string) (push.Report, error) {
	var out push.Report
	err := e.view(ctx, func(c *conn) (err error) {
		out, err = report(ctx, c, item)
		return err
	})
	if err != nil {
		return push.Report{}, failed(fmt.Sprintf("report on item %.64q", item), err)
	}
	return out, nil
}

func report(ctx context.Context, c *conn, item string) (push.Report, error) {
	r, err := lastCampaign(ctx, c, item)
	if err != nil {
		return push.Report{}, err
	}
	return reportOf(ctx, c, r)
}

func reportOf(ctx context.Context, c *conn, r campaignRow) (out push.Report, err error) {
	if out.Campaign, err = r.campaign(); err != nil {
		return out, err
	}
	out.Cancelled = r.cancelled
	if out.Tally, out.Displayed, out.Clicked, err = readTally(ctx, c, r.seq); err != nil {
		return out, err
	}
	// Receipts may be here before the checkpoint that counts what they are of.
	out.Displayed, out.Clicked = min(out.Displayed, out.Tally.Accepted), min(out.Clicked, out.Tally.Accepted)
	if out.DisplayedAt, err = counters[int](ctx, c, "SELECT tenth, n FROM displays WHERE campaign = ?", r.seq); err != nil {
		return out, err
	}
	left, err := readRanges(ctx, c, r.seq)
	out.Scanned, out.Done, out.Swept = true, len(left) == 0, 1
	for _, g := range left {
		if !g.Scanned {
			out.Scanned = false
			out.Swept -= g.After(g.Position)
		}
	}
	return out, err
}

// readTally is a campaign's counts and its receipts as they were counted.
func readTally(ctx context.Context, c *conn, campaign int64) (t push.Tally, displayed, clicked int64, err error) {
	err = c.row(ctx, `SELECT audience, accepted, gone, expired, cancelled, retried, throttled, held, displayed, clicked
		FROM tallies WHERE campaign = ?`, []any{campaign}, &t.Audience, &t.Accepted, &t.Gone, &t.Expired, &t.Cancelled,
		&t.Retried, &t.Throttled, &t.Held, &displayed, &clicked)
	if err == nil {
		t.Failed, err = counters[string](ctx, c, "SELECT reason, n FROM failures WHERE campaign = ?", campaign)
	}
	if err == nil {
		t.AcceptedAt, err = counters[int](ctx, c, "SELECT tenth, n FROM acceptances WHERE campaign = ?", campaign)
	}
	if err == nil {
		err = c.rows(ctx, "SELECT service, name, n FROM service_counts WHERE campaign = ?", []any{campaign}, func(rows *sql.Rows) error {
			var service, name string
			var n int64
			if err := rows.Scan(&service, &name, &n); err != nil {
				return err
			}
			return engine.AddServiceCount(&t, service, name, n)
		})
	}
	return t, displayed, clicked, err
}

// counters reads pairs of a name and a number; nil if there are none.
func counters[K comparable](ctx context.Context, c *conn, query string, campaign int64) (map[K]int64, error) {
	var out map[K]int64
	err := c.rows(ctx, query, []any{campaign}, func(rows *sql.Rows) error {
		var k K
		var n int64
		if err := rows.Scan(&k, &n); err != nil {
			return err
		}
		if out == nil {
			out = map[K]int64{}
		}
		out[k] = n
		return nil
	})
	return out, err
}

// AddReceipt implements push.Store.
func (e *Engine) AddReceipt(ctx context.Context, r push.Receipt) error {
	err := e.writer.write(ctx, func(ctx context.Context, c *conn) error {
		return addReceipt(ctx, c, r)
	}, nil)
	if err != nil {
		return failed("count receipt", err)
	}
	return nil
}

func addReceipt(ctx context.Context, c *conn, r push.Receipt) error {
	var column string
	switch r.Kind {
	case push.Displayed:
		column = "displayed"
	case push.Clicked:
		column = "clicked"
	default:
		return push.ErrReceiptRefused
	}
	over := at(r.At.Add(-push.ReceiptLife))
	if err := forgetReceipts(ctx, c, over); err != nil {
		return err
	}
	var seq, standing, opened, have int64
	err := c.row(ctx, "SELECT seq, standing, opened_at, "+column+` FROM campaigns JOIN tallies ON campaign = seq
		WHERE token = ? AND deadline >= ?`, []any{r.Token, over}, &seq, &standing, &opened, &have)
	if errors.Is(err, sql.ErrNoRows) {
		return push.ErrReceiptRefused
	}
	if err != nil {
		return err
	}
	nonce := sha256.Sum256([]byte(r.Nonce)) // whatever its length, it takes the same room
	n, err := c.exec(ctx, "INSERT INTO receipts VALUES (?, ?, ?) ON CONFLICT DO NOTHING", seq, r.Kind, nonce[:16])
	if err != nil || n == 0 {
		return err
	}
	if have >= standing {
		return push.ErrReceiptRefused
	}
	if _, err = c.exec(ctx, "UPDATE tallies SET "+column+" = "+column+" + 1 WHERE campaign = ?", seq); err != nil || r.Kind != push.Displayed {
		return err
	}
	_, err = c.exec(ctx, "INSERT INTO displays VALUES (?, ?, 1) ON CONFLICT DO UPDATE SET n = n + 1", seq, push.Tenth(r.At.Sub(when(opened))))
	return err
}

// forgetReceipts removes a few receipts of the oldest campaign that has any,
// if its time was over then: more than are added, so that the table holds
// little beyond the campaigns that still take receipts.
func forgetReceipts(ctx context.Context, c *conn, over int64) error {
	_, err := c.exec(ctx, `DELETE FROM receipts WHERE (campaign, kind, nonce) IN
		(SELECT campaign, kind, nonce FROM receipts ORDER BY campaign, kind, nonce LIMIT 4)
		AND (SELECT deadline FROM campaigns WHERE seq = campaign) < ?`, over)
	return err
}
