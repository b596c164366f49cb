package sqlite

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"time"

	"crier/engine"
	"crier/news"
	"crier/push"
)

// Export implements engine.Exporter. It reads one snapshot.
func (e *Engine) Export(ctx context.Context, at time.Time) iter.Seq2[engine.Record, error] {
	return engine.Records(func(put func(engine.Record) error) error {
		var stopped error // by whoever takes the records
		err := e.view(ctx, func(c *conn) error {
			return export(ctx, c, e.dir, at, func(r engine.Record) error {
				stopped = put(r)
				return stopped
			})
		})
		if err != nil && stopped == nil {
			return failed("export", err)
		}
		return err
	})
}

// Export implements engine.Exporter.
func (t *Target) Export(ctx context.Context, at time.Time) iter.Seq2[engine.Record, error] {
	return t.e.Export(ctx, at)
}

func export(ctx context.Context, c *conn, dir string, now time.Time, put func(engine.Record) error) error {
	for _, part := range []func() error{
		func() error { return exportLog(ctx, c, put) },
		func() error { return exportKeys(ctx, c, now, put) },
		func() error { return exportEditors(ctx, c, put) },
		func() error { return exportSecrets(dir, put) },
		func() error { return exportServices(ctx, c, put) },
		func() error { return exportCampaigns(ctx, c, put) },
		func() error { return exportNonces(ctx, c, now, put) },
		func() error { return exportSubscriptions(ctx, c, put) },
		func() error { return exportRetries(ctx, c, put) },
		func() error { return exportLetters(ctx, c, now, put) },
	} {
		if err := part(); err != nil {
			return err
		}
	}
	return nil
}

func exportLog(ctx context.Context, c *conn, put func(engine.Record) error) error {
	l, err := readLog(ctx, c)
	if err != nil {
		return err
	}
	out := engine.Log{Epoch: l.epoch, Head: uint64(l.head), Floor: uint64(l.floor)}
	if out.Followed, err = readFollowed(ctx, c); err != nil {
		return err
	}
	if out.Stop, err = readStop(ctx, c); err != nil {
		return err
	}
	alarms, err := readAlarms(ctx, c)
	if err != nil {
		return err
	}
	out.Trusted = alarms.Trusted
	if err := put(out); err != nil {
		return err
	}
	err = c.rows(ctx, "SELECT "+entryColumns+", editor, appended_at FROM entries WHERE offset > ? ORDER BY offset", []any{l.floor},
		func(rows *sql.Rows) error {
			var r entryRow
			var by string
			var appended int64
			if err := rows.Scan(append(r.dest(), &by, &appended)...); err != nil {
				return err
			}
			entry, err := r.entry()
			if err != nil {
				return err
			}
			return put(engine.Entry{Entry: entry, By: by, At: when(appended)})
		})
	if err != nil {
		return err
	}
	return c.rows(ctx, "SELECT "+entryColumns+" FROM items ORDER BY first DESC", nil, func(rows *sql.Rows) error {
		var r entryRow
		if err := rows.Scan(r.dest()...); err != nil {
			return err
		}
		entry, err := r.entry()
		if err != nil {
			return err
		}
		return put(engine.Item{Entry: entry})
	})
}

func exportKeys(ctx context.Context, c *conn, now time.Time, put func(engine.Record) error) error {
	return c.rows(ctx, "SELECT "+entryColumns+", value, sum, used_at FROM keys JOIN entries USING (offset) WHERE used_at > ? ORDER BY value",
		[]any{at(now.Add(-news.KeyLife))}, func(rows *sql.Rows) error {
			var r entryRow
			var value, sum []byte
			var used int64
			if err := rows.Scan(append(r.dest(), &value, &sum, &used)...); err != nil {
				return err
			}
			entry, err := r.entry()
			if err != nil {
				return err
			}
			return put(engine.Key{Value: string(value), Sum: [32]byte(sum), Entry: entry, Until: when(used).Add(news.KeyLife)})
		})
}

func exportEditors(ctx context.Context, c *conn, put func(engine.Record) error) error {
	return c.rows(ctx, "SELECT "+editorColumns+", sum FROM credentials ORDER BY id", nil, func(rows *sql.Rows) error {
		var r editorRow
		var sum []byte
		if err := rows.Scan(append(r.dest(), &sum)...); err != nil {
			return err
		}
		out := engine.Editor{}
		out.Credential.Editor = r.read()
		copy(out.Credential.Sum[:], sum)
		return put(out)
	})
}

// exportSecrets has the one secret there is, which is in a file of its own.
func exportSecrets(dir string, put func(engine.Record) error) error {
	b, err := os.ReadFile(filepath.Join(dir, push.VAPIDFile))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return put(engine.Secret{Name: engine.VAPID, Value: b})
}

func exportServices(ctx context.Context, c *conn, put func(engine.Record) error) error {
	alarms, err := readAlarms(ctx, c)
	if err != nil {
		return err
	}
	for _, a := range alarms.Standing {
		if err := put(engine.Alarm{Alarm: a}); err != nil {
			return err
		}
	}
	rates, err := readRates(ctx, c)
	if err != nil {
		return err
	}
	for _, r := range rates {
		if err := put(engine.Rate{Rate: r}); err != nil {
			return err
		}
	}
	return nil
}

func exportCampaigns(ctx context.Context, c *conn, put func(engine.Record) error) error {
	n := int64(0)
	return c.rows(ctx, "SELECT "+campaignColumns+" FROM campaigns ORDER BY seq", nil, func(rows *sql.Rows) error {
		var r campaignRow
		if err := rows.Scan(r.dest()...); err != nil {
			return err
		}
		if n++; r.seq != n { // rows are never removed, so this cannot be
			return fmt.Errorf("campaign %s has the number %d in place of %d: %w", r.id, r.seq, n, ErrDamaged)
		}
		out := engine.Campaign{Number: n, Standing: r.standing, Cancelled: r.cancelled}
		var err error
		if out.Campaign, err = r.campaign(); err != nil {
			return err
		}
		if out.Tally, out.Displayed, out.Clicked, err = readTally(ctx, c, n); err != nil {
			return err
		}
		if out.DisplayedAt, err = counters[int](ctx, c, "SELECT tenth, n FROM displays WHERE campaign = ?", n); err != nil {
			return err
		}
		if out.Ranges, err = readRanges(ctx, c, n); err != nil {
			return err
		}
		return put(out)
	})
}

func readRanges(ctx context.Context, c *conn, campaign int64) (out []engine.Range, err error) {
	err = c.rows(ctx, "SELECT low, high, position, scanned, token, reached FROM ranges WHERE campaign = ? ORDER BY low", []any{campaign},
		func(rows *sql.Rows) error {
			var r engine.Range
			var position, reached []byte
			if err := rows.Scan(&r.Low, &r.High, &position, &r.Scanned, &r.Token, &reached); err != nil {
				return err
			}
			copy(r.Position[:], position)
			if bytes.Compare(position, reached) < 0 {
				copy(r.Reached[:], reached)
			}
			out = append(out, r)
			return nil
		})
	return out, err
}

func exportNonces(ctx context.Context, c *conn, now time.Time, put func(engine.Record) error) error {
	return c.rows(ctx, `SELECT campaign, kind, nonce FROM receipts
		WHERE (SELECT deadline FROM campaigns WHERE seq = campaign) >= ? ORDER BY campaign, kind, nonce`,
		[]any{at(now.Add(-push.ReceiptLife))}, func(rows *sql.Rows) error {
			var out engine.Nonce
			var sum []byte
			if err := rows.Scan(&out.Campaign, &out.Kind, &sum); err != nil {
				return err
			}
			copy(out.Sum[:], sum)
			return put(out)
		})
}

func exportSubscriptions(ctx context.Context, c *conn, put func(engine.Record) error) error {
	var row subscriptionRow
	return c.rows(ctx, "SELECT "+subscriptionColumns+", s.born FROM subscriptions s ORDER BY s.id", nil, func(rows *sql.Rows) error {
		var out engine.Subscription
		var err error
		if out.Subscription, err = row.scan(rows, &out.Born); err != nil {
			return err
		}
		return put(out)
	})
}

// exportRetries counts as departed whoever does not stand any more, or stands
// anew, marked or not.
func exportRetries(ctx context.Context, c *conn, put func(engine.Record) error) error {
	return c.rows(ctx, `SELECT campaign, low, id, attempts, due,
		departed OR NOT EXISTS (SELECT 1 FROM subscriptions s WHERE s.id = r.id AND s.born < r.campaign)
		FROM retries r ORDER BY campaign, low, id`, nil, func(rows *sql.Rows) error {
		var out engine.Retry
		var id []byte
		var due int64
		if err := rows.Scan(&out.Campaign, &out.Low, &id, &out.Attempts, &due, &out.Departed); err != nil {
			return err
		}
		copy(out.ID[:], id)
		if !out.Departed {
			out.Due = when(due)
		}
		return put(out)
	})
}

func exportLetters(ctx context.Context, c *conn, now time.Time, put func(engine.Record) error) error {
	return c.rows(ctx, `SELECT campaign, low, high, id, service, reason, status, at FROM letters
		WHERE (SELECT deadline FROM campaigns WHERE seq = campaign) >= ? ORDER BY campaign, id`,
		[]any{at(now.Add(-push.ReceiptLife))}, func(rows *sql.Rows) error {
			var out engine.Letter
			var id []byte
			var ms int64
			if err := rows.Scan(&out.Campaign, &out.Range.Low, &out.Range.High, &id, &out.Letter.Service, &out.Letter.Reason, &out.Letter.Status, &ms); err != nil {
				return err
			}
			copy(out.Letter.ID[:], id)
			out.Letter.At = when(ms)
			return put(out)
		})
}
