package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"time"

	"crier/news"
	"crier/push"
)

// A campaign is cut into one range for every subscriptionsPerRange that
// stand, in powers of two so that the ranges are equal, and at most maxRanges:
// enough workers' worth for a large one, and no ceremony for a small one.
const (
	subscriptionsPerRange = 2048
	maxRanges             = 64
)

// Followed implements push.Store.
func (e *Engine) Followed(ctx context.Context) (cur news.Cursor, err error) {
	err = e.view(ctx, func(c *conn) (err error) {
		cur, err = readFollowed(ctx, c)
		return err
	})
	if err != nil {
		return news.Cursor{}, failed("read how far campaigns follow", err)
	}
	return cur, nil
}

func readFollowed(ctx context.Context, c *conn) (cur news.Cursor, err error) {
	err = c.row(ctx, "SELECT followed_epoch, followed_offset FROM sending", nil, &cur.Epoch, &cur.Offset)
	return cur, err
}

// OpenCampaigns implements push.Store.
func (e *Engine) OpenCampaigns(ctx context.Context, upto news.Cursor, cs []push.Campaign) error {
	const op = "open campaigns"
	rows := make([]campaignRow, len(cs))
	for i, p := range cs {
		var err error
		if rows[i], err = newCampaignRow(p); err != nil {
			return failed(op, err)
		}
	}
	err := e.writer.write(ctx, func(ctx context.Context, c *conn) error {
		for _, r := range rows {
			if err := openCampaign(ctx, c, r); err != nil {
				return err
			}
		}
		return moveFollowed(ctx, c, upto)
	}, nil)
	if err != nil {
		return failed(op, err)
	}
	return nil
}

// moveFollowed never moves back: nodes race, and the slower one must not undo
// the faster one's. For the same reason the log's own epoch is not left for
// another.
func moveFollowed(ctx context.Context, c *conn, upto news.Cursor) error {
	was, err := readFollowed(ctx, c)
	if err != nil || upto == (news.Cursor{}) {
		return err
	}
	l, err := readLog(ctx, c)
	if err != nil {
		return err
	}
	if was.Epoch == upto.Epoch && upto.Offset <= was.Offset || was.Epoch == l.epoch && upto.Epoch != l.epoch {
		return nil
	}
	_, err = c.exec(ctx, "UPDATE sending SET followed_epoch = ?, followed_offset = ?", upto.Epoch, int64(min(upto.Offset, math.MaxInt64)))
	return err
}

func openCampaign(ctx context.Context, c *conn, r campaignRow) error {
	n, err := c.exec(ctx, `INSERT INTO campaigns (id, item, story, entry, reach, lane, token, opened_at, deadline, sample, promised, within, standing)
		SELECT ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, standing FROM sending WHERE true ON CONFLICT (id) DO NOTHING`,
		r.id, r.item, r.story, r.entry, r.reach, r.lane, r.token, r.opened, r.deadline, r.sample, r.promised, r.within)
	if err != nil || n == 0 {
		return err
	}
	var seq, standing int64
	if err := c.row(ctx, "SELECT seq, standing FROM campaigns WHERE id = ?", []any{r.id}, &seq, &standing); err != nil {
		return err
	}
	if _, err := c.exec(ctx, "INSERT INTO tallies (campaign) VALUES (?)", seq); err != nil {
		return err
	}
	reached, err := reachedBefore(ctx, c, r.item, seq)
	if err != nil {
		return err
	}
	if err := forgetLetters(ctx, c, r.opened); err != nil {
		return err
	}
	for _, cut := range cuts(max(len(reached.ranges), cutsOf(standing))) {
		before := precedes(cut.Low)
		if _, err := c.exec(ctx, "INSERT INTO ranges (campaign, low, high, position, reached) VALUES (?, ?, ?, ?, ?)",
			seq, cut.Low, cut.High, before[:], reached.in(cut)); err != nil {
			return err
		}
	}
	return cancelOlder(ctx, c, r.item, seq)
}

// cancelOlder cancels what is unsent of an item's campaigns before seq. Their
// retries become due, as there is nothing to wait for.
func cancelOlder(ctx context.Context, c *conn, item string, seq int64) error {
	n, err := c.exec(ctx, `UPDATE campaigns SET cancelled = 1 WHERE item = ? AND seq < ? AND cancelled = 0
		AND EXISTS (SELECT 1 FROM ranges WHERE campaign = seq)`, item, seq)
	if err != nil || n == 0 {
		return err
	}
	_, err = c.exec(ctx, `UPDATE ranges SET due = 0 WHERE campaign IN
		(SELECT seq FROM campaigns WHERE item = ? AND seq < ? AND cancelled = 1)`, item, seq)
	return err
}

// cutsOf is how many ranges a campaign over so many subscriptions has.
func cutsOf(standing int64) int {
	n := 1
	for n < maxRanges && int64(n)*subscriptionsPerRange < standing {
		n *= 2
	}
	return n
}

// cuts are n ranges.
func cuts(n int) []push.Range {
	out, width := make([]push.Range, n), push.Shards/n
	for i := range out {
		out[i] = push.Range{Low: i * width, High: (i+1)*width - 1}
	}
	return out
}

// precedes is the last ID before those of the shard. Before shard 0 there is
// none; the zero ID stands in, which is no endpoint's hash.
func precedes(shard int) (id push.ID) {
	if shard == 0 {
		return id
	}
	for i := range id {
		id[i] = 0xff
	}
	id[0], id[1] = byte((shard-1)>>2), byte((shard-1)<<6|0x3f)
	return id
}

// CampaignsSince implements push.Store.
func (e *Engine) CampaignsSince(ctx context.Context, t time.Time) ([]push.Campaign, error) {
	var out []push.Campaign
	err := e.view(ctx, func(c *conn) error {
		return c.rows(ctx, "SELECT "+campaignColumns+" FROM campaigns WHERE opened_at >= ? ORDER BY opened_at, seq",
			[]any{at(t)}, func(rows *sql.Rows) error {
				var r campaignRow
				if err := rows.Scan(r.dest()...); err != nil {
					return err
				}
				p, err := r.campaign()
				out = append(out, p)
				return err
			})
	})
	if err != nil {
		return nil, failed("list campaigns", err)
	}
	return out, nil
}

// campaignColumns are what a campaignRow scans.
const campaignColumns = "seq, id, item, entry, reach, lane, token, opened_at, deadline, standing, cancelled, sample, story, promised, within"

type campaignRow struct {
	seq              int64
	id, item         string
	entry, reach     string
	lane             int
	token            string
	opened, deadline int64
	standing         int64
	cancelled        bool
	sample           int
	story            string
	promised         float64
	within           int64
}

func newCampaignRow(p push.Campaign) (campaignRow, error) {
	entry, err := json.Marshal(p.Entry)
	if err != nil {
		return campaignRow{}, err
	}
	reach, err := json.Marshal(p.Reach)
	if err != nil {
		return campaignRow{}, err
	}
	return campaignRow{id: p.ID, item: p.Entry.Item.ID, entry: string(entry), reach: string(reach), lane: p.Lane,
		token: p.Token, opened: at(p.OpenedAt), deadline: at(p.Deadline), sample: p.Sample, story: p.Story(),
		promised: p.Promise.Share, within: p.Promise.Within.Milliseconds()}, nil
}

func (r *campaignRow) dest() []any {
	return []any{&r.seq, &r.id, &r.item, &r.entry, &r.reach, &r.lane, &r.token, &r.opened, &r.deadline, &r.standing, &r.cancelled, &r.sample, &r.story, &r.promised, &r.within}
}

func (r *campaignRow) campaign() (push.Campaign, error) {
	p := push.Campaign{ID: r.id, Lane: r.lane, Token: r.token, Sample: r.sample, OpenedAt: when(r.opened), Deadline: when(r.deadline),
		Promise: push.Promise{Share: r.promised, Within: time.Duration(r.within) * time.Millisecond}}
	err := errors.Join(json.Unmarshal([]byte(r.entry), &p.Entry), json.Unmarshal([]byte(r.reach), &p.Reach))
	if err != nil {
		return push.Campaign{}, fmt.Errorf("campaign %s: %w", r.id, err)
	}
	return p, nil
}
