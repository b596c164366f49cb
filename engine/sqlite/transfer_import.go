package sqlite

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"math"
	"os"
	"path/filepath"

	"crier/engine"
	"crier/news"
	"crier/push"
)

// importStep is how many records share a transaction.
const importStep = 2000

// Import implements engine.Importer.
func (t *Target) Import(ctx context.Context, records iter.Seq2[engine.Record, error]) error {
	if err := t.load(ctx, records); err != nil {
		return failed("import", err)
	}
	return nil
}

func (t *Target) load(ctx context.Context, records iter.Seq2[engine.Record, error]) error {
	var batch []engine.Record
	for r, err := range records {
		if err != nil {
			return err
		}
		if s, ok := r.(engine.Secret); ok {
			if err := t.keep(s); err != nil {
				return err
			}
			continue
		}
		if batch = append(batch, r); len(batch) == importStep {
			if err := t.insert(ctx, batch); err != nil {
				return err
			}
			batch = nil // the writer may still have it
		}
	}
	if err := t.insert(ctx, batch); err != nil {
		return err
	}
	return t.e.writer.write(ctx, foldIn, nil)
}

// keep puts a secret in its file.
func (t *Target) keep(s engine.Secret) (err error) {
	if s.Name != engine.VAPID {
		return fmt.Errorf("a data directory has no place for the secret %.40q", s.Name)
	}
	path := filepath.Join(t.e.dir, push.VAPIDFile)
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(s.Value)
	return errors.Join(err, f.Sync(), f.Close())
}

func (t *Target) insert(ctx context.Context, batch []engine.Record) error {
	return t.e.writer.write(ctx, func(ctx context.Context, c *conn) error {
		for _, r := range batch {
			if err := insert(ctx, c, r); err != nil {
				return err
			}
		}
		return nil
	}, nil)
}

// foldIn makes what other rows say in sum: how many subscriptions stand, and
// when ranges have work.
func foldIn(ctx context.Context, c *conn) error {
	if _, err := c.exec(ctx, "UPDATE sending SET standing = (SELECT count(*) FROM subscriptions)"); err != nil {
		return err
	}
	_, err := c.exec(ctx, `UPDATE ranges SET due = (SELECT min(CASE WHEN t.departed THEN 0 ELSE t.due END)
		FROM retries t WHERE t.campaign = ranges.campaign AND t.low = ranges.low)
		WHERE scanned = 1 AND (SELECT cancelled FROM campaigns WHERE seq = campaign) = 0
		AND EXISTS (SELECT 1 FROM retries t WHERE t.campaign = ranges.campaign AND t.low = ranges.low)`)
	return err
}

func insert(ctx context.Context, c *conn, r engine.Record) error {
	switch r := r.(type) {
	case engine.Log:
		return insertLog(ctx, c, r)
	case engine.Entry:
		return insertEntry(ctx, c, r.Entry, r.By, at(r.At))
	case engine.Item:
		e := r.Entry
		item, err := json.Marshal(e.Item)
		if err != nil {
			return err
		}
		_, err = c.exec(ctx, "INSERT INTO items VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
			e.First, e.Item.ID, e.Item.Story, e.Item.Drill, e.Item.Version, e.Offset, e.Kind, e.Alert, string(item))
		return err
	case engine.Key:
		// Where its entry had been trimmed it is kept all the same, at or below
		// the floor: nobody reads it there, and it goes when the key has gone.
		if err := insertEntry(ctx, c, r.Entry, "", 0); err != nil {
			return err
		}
		_, err := c.exec(ctx, "INSERT INTO keys VALUES (?, ?, ?, ?)",
			[]byte(r.Value), r.Sum[:], r.Entry.Offset, at(r.Until.Add(-news.KeyLife)))
		return err
	case engine.Editor:
		k := r.Credential
		_, err := c.exec(ctx, "INSERT INTO credentials VALUES (?, ?, ?, ?, ?)", k.ID, k.Sum[:], k.Name, k.Role, at(k.CreatedAt))
		return err
	case engine.Alarm:
		_, err := c.exec(ctx, "INSERT INTO alarms VALUES (?, ?, ?)", r.Alarm.Service, r.Alarm.Problem, at(r.Alarm.Since))
		return err
	case engine.Rate:
		_, err := c.exec(ctx, "INSERT INTO rates VALUES (?, ?, ?)", r.Rate.Service, r.Rate.PerSecond, at(r.Rate.At))
		return err
	case engine.Campaign:
		return insertCampaign(ctx, c, r)
	case engine.Nonce:
		_, err := c.exec(ctx, "INSERT INTO receipts VALUES (?, ?, ?)", r.Campaign, r.Kind, r.Sum[:])
		return err
	case engine.Subscription:
		return insertSubscription(ctx, c, r)
	case engine.Retry:
		var due int64
		if !r.Departed {
			due = at(r.Due)
		}
		_, err := c.exec(ctx, "INSERT INTO retries VALUES (?, ?, ?, ?, ?, ?)", r.ID[:], r.Campaign, r.Low, r.Attempts, due, r.Departed)
		return err
	case engine.Letter:
		return insertLetter(ctx, c, r.Campaign, r.Range, r.Letter)
	}
	return fmt.Errorf("a record is a %T", r)
}

func insertLog(ctx context.Context, c *conn, l engine.Log) error {
	if l.Head > math.MaxInt64 {
		return fmt.Errorf("the log has the head %d", l.Head)
	}
	if _, err := c.exec(ctx, "UPDATE log SET epoch = ?, head = ?, floor = ?", l.Epoch, l.Head, l.Floor); err != nil {
		return err
	}
	if _, err := c.exec(ctx, "UPDATE sending SET followed_epoch = ?, followed_offset = ?, trusted_until = ?",
		l.Followed.Epoch, int64(min(l.Followed.Offset, math.MaxInt64)), at(l.Trusted)); err != nil || l.Stop == nil {
		return err
	}
	_, err := c.exec(ctx, "UPDATE sending SET stopped_by = ?, stop_reason = ?, stopped_at = ?", l.Stop.By, l.Stop.Reason, at(l.Stop.At))
	return err
}

func insertEntry(ctx context.Context, c *conn, e news.Entry, by string, appended int64) error {
	item, err := json.Marshal(e.Item)
	if err != nil {
		return err
	}
	_, err = c.exec(ctx, "INSERT INTO entries VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
		e.Offset, e.First, e.Kind, e.Alert, string(item), by, appended)
	return err
}

func insertCampaign(ctx context.Context, c *conn, p engine.Campaign) error {
	r, err := newCampaignRow(p.Campaign)
	if err != nil {
		return err
	}
	if _, err := c.exec(ctx, "INSERT INTO campaigns ("+campaignColumns+") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
		p.Number, r.id, r.item, r.entry, r.reach, r.lane, r.token, r.opened, r.deadline, p.Standing, p.Cancelled, r.sample, r.story, r.promised, r.within); err != nil {
		return err
	}
	if _, err := c.exec(ctx, "INSERT INTO tallies (campaign, displayed, clicked) VALUES (?, ?, ?)", p.Number, p.Displayed, p.Clicked); err != nil {
		return err
	}
	if err := count(ctx, c, p.Number, p.Tally); err != nil {
		return err
	}
	for tenth, n := range p.DisplayedAt {
		if _, err := c.exec(ctx, "INSERT INTO displays VALUES (?, ?, ?)", p.Number, tenth, n); err != nil {
			return err
		}
	}
	for _, g := range p.Ranges {
		if _, err := c.exec(ctx, "INSERT INTO ranges (campaign, low, high, position, scanned, token, reached) VALUES (?, ?, ?, ?, ?, ?, ?)",
			p.Number, g.Low, g.High, g.Position[:], g.Scanned, g.Token, reachedOf(g)); err != nil {
			return err
		}
	}
	return nil
}

// reachedOf is what a range has in the column reached.
func reachedOf(g engine.Range) []byte {
	if g.Reached == (push.ID{}) {
		return []byte{}
	}
	return g.Reached[:]
}

func insertSubscription(ctx context.Context, c *conn, r engine.Subscription) error {
	s := r.Subscription
	_, err := c.exec(ctx, "INSERT INTO subscriptions ("+wishColumns+`, seen_at, id, auth, created_at, unconfirmed, born)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		append(wishes(s), at(s.SeenAt), s.ID[:], s.Auth[:], at(s.CreatedAt), s.Unconfirmed, r.Born)...)
	return err
}
