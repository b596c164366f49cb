package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"time"

	"crier/push"
)

// keepLetters keeps what was given up, up to push.MaxLetters of a campaign.
func keepLetters(ctx context.Context, c *conn, r rangeRow, letters []push.Letter) error {
	if len(letters) == 0 {
		return nil
	}
	var have int
	if err := c.row(ctx, "SELECT count(*) FROM letters WHERE campaign = ?", []any{r.campaign}, &have); err != nil {
		return err
	}
	for _, l := range letters[:min(len(letters), max(push.MaxLetters-have, 0))] {
		if err := insertLetter(ctx, c, r.campaign, push.Range{Low: r.low, High: r.high}, l); err != nil {
			return err
		}
	}
	return nil
}

func insertLetter(ctx context.Context, c *conn, campaign int64, r push.Range, l push.Letter) error {
	_, err := c.exec(ctx, "INSERT OR REPLACE INTO letters VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
		campaign, l.ID[:], r.Low, r.High, l.Service, l.Reason, l.Status, at(l.At))
	return err
}

// forgetLetters removes those of the oldest campaign that has any, if it was over
// long before now. With every campaign that opens one may go.
func forgetLetters(ctx context.Context, c *conn, now int64) error {
	_, err := c.exec(ctx, `DELETE FROM letters WHERE campaign = (SELECT min(campaign) FROM letters)
		AND (SELECT deadline FROM campaigns WHERE seq = campaign) < ?`, now-push.ReceiptLife.Milliseconds())
	return err
}

// lastCampaign is the last one of an item. Errors: push.ErrNoCampaign.
func lastCampaign(ctx context.Context, c *conn, item string) (r campaignRow, err error) {
	err = c.row(ctx, "SELECT "+campaignColumns+" FROM campaigns WHERE item = ? ORDER BY seq DESC LIMIT 1", []any{item}, r.dest()...)
	if errors.Is(err, sql.ErrNoRows) {
		err = push.ErrNoCampaign
	}
	return r, err
}

// Letters implements push.Store.
func (e *Engine) Letters(ctx context.Context, item, reason string, limit int) (push.Letters, error) {
	var out push.Letters
	err := e.view(ctx, func(c *conn) error {
		r, err := lastCampaign(ctx, c, item)
		if err != nil {
			return err
		}
		if out.Campaign, err = r.campaign(); err != nil {
			return err
		}
		if out.Kept, err = counters[string](ctx, c, "SELECT reason, count(*) FROM letters WHERE campaign = ? GROUP BY reason", r.seq); err != nil {
			return err
		}
		return c.rows(ctx, "SELECT id, service, reason, status, at FROM letters WHERE campaign = ?1 AND (?2 = '' OR reason = ?2) ORDER BY id LIMIT ?3",
			[]any{r.seq, reason, max(limit, 0)}, func(rows *sql.Rows) error {
				var l push.Letter
				var id []byte
				var ms int64
				if err := rows.Scan(&id, &l.Service, &l.Reason, &l.Status, &ms); err != nil {
					return err
				}
				copy(l.ID[:], id)
				l.At = when(ms)
				out.First = append(out.First, l)
				return nil
			})
	})
	if err != nil {
		return push.Letters{}, failed(fmt.Sprintf("read dead letters of item %.64q", item), err)
	}
	return out, nil
}

// Replay implements push.Store.
func (e *Engine) Replay(ctx context.Context, item, reason string, now time.Time) (int64, error) {
	replayed := make(chan int64, 1) // the writer may still be at work when the caller has given up
	err := e.writer.write(ctx, func(ctx context.Context, c *conn) error {
		n, err := replay(ctx, c, item, reason, at(now))
		if err == nil {
			replayed <- n
		}
		return err
	}, nil)
	if err != nil {
		return 0, failed(fmt.Sprintf("replay dead letters of item %.64q", item), err)
	}
	return <-replayed, nil
}

func replay(ctx context.Context, c *conn, item, reason string, now int64) (n int64, err error) {
	r, err := lastCampaign(ctx, c, item)
	if err != nil {
		return 0, err
	}
	if r.cancelled || now >= r.deadline {
		return 0, push.ErrCampaignOver
	}
	if err := reopen(ctx, c, r.seq, reason); err != nil {
		return 0, err
	}
	_, err = c.exec(ctx, `INSERT OR REPLACE INTO retries SELECT id, campaign, low, 1, ?3,
		NOT EXISTS (SELECT 1 FROM subscriptions s WHERE s.id = letters.id AND s.born < letters.campaign)
		FROM letters WHERE campaign = ?1 AND (?2 = '' OR reason = ?2)`, r.seq, reason, now)
	if err != nil {
		return 0, err
	}
	for _, q := range []string{
		`UPDATE failures SET n = n - (SELECT count(*) FROM letters l WHERE l.campaign = ?1 AND l.reason = failures.reason)
			WHERE campaign = ?1 AND (?2 = '' OR reason = ?2)`,
		"DELETE FROM failures WHERE campaign = ?1 AND n = 0 AND (?2 = '' OR reason = ?2)",
		`UPDATE service_counts SET n = n - (SELECT count(*) FROM letters l WHERE l.campaign = ?1 AND (?2 = '' OR l.reason = ?2)
			AND l.service = service_counts.service AND 'f.' || l.reason = name) WHERE campaign = ?1 AND substr(name, 1, 2) = 'f.'`,
		"DELETE FROM service_counts WHERE campaign = ?1 AND n = 0 AND substr(name, 1, 2) = 'f.' AND (?2 = '' OR name = 'f.' || ?2)",
		"UPDATE ranges SET due = 0 WHERE campaign = ?1 AND low IN (SELECT low FROM letters WHERE campaign = ?1 AND (?2 = '' OR reason = ?2))",
	} {
		if _, err := c.exec(ctx, q, r.seq, reason); err != nil {
			return 0, err
		}
	}
	return c.exec(ctx, "DELETE FROM letters WHERE campaign = ?1 AND (?2 = '' OR reason = ?2)", r.seq, reason)
}

// replayTokens is how far apart the tokens are that a range has before and
// after a replay: no worker of before can have one of after.
const replayTokens = math.MaxUint32 + 1

// reopen makes ranges again that are done, for the letters that are theirs.
func reopen(ctx context.Context, c *conn, campaign int64, reason string) error {
	var done []push.Range
	err := c.rows(ctx, `SELECT DISTINCT low, high FROM letters l WHERE campaign = ?1 AND (?2 = '' OR reason = ?2)
		AND NOT EXISTS (SELECT 1 FROM ranges r WHERE r.campaign = l.campaign AND r.low = l.low)`, []any{campaign, reason}, func(rows *sql.Rows) error {
		var r push.Range
		err := rows.Scan(&r.Low, &r.High)
		done = append(done, r)
		return err
	})
	if err != nil || len(done) == 0 {
		return err
	}
	if _, err := c.exec(ctx, "UPDATE campaigns SET replays = replays + 1 WHERE seq = ?", campaign); err != nil {
		return err
	}
	for _, r := range done {
		last := precedes(r.High + 1)
		if _, err := c.exec(ctx, "INSERT INTO ranges (campaign, low, high, position, scanned, token) SELECT seq, ?, ?, ?, 1, replays * ? FROM campaigns WHERE seq = ?",
			r.Low, r.High, last[:], int64(replayTokens), campaign); err != nil {
			return err
		}
	}
	return nil
}
