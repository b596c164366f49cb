package sqlite

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"crier/news"
)

// Append implements news.Log. Callers that append at the same time share one
// transaction and its fsync; each append is still all or nothing.
func (e *Engine) Append(ctx context.Context, key news.Key, d news.Draft) (news.Receipt, error) {
	const op = "append entry"
	item, err := json.Marshal(d.Item)
	if err != nil {
		return news.Receipt{}, failed(op, err)
	}
	a := appending{key: key, draft: d, item: item, now: at(e.now())}
	err = e.writer.write(ctx, a.do, func() {
		if !a.receipt.Replayed {
			shared := a.receipt.Entry.Clone()
			e.bell.Ring(news.Hint{Cursor: a.receipt.Cursor, Entry: &shared})
		}
	})
	if err != nil {
		return news.Receipt{}, failed(op, err)
	}
	return a.receipt, nil
}

// appending is an append at work. Only the writer touches it until it is done.
type appending struct {
	key     news.Key
	draft   news.Draft
	item    []byte // draft.Item in JSON
	now     int64
	receipt news.Receipt
}

func (a *appending) do(ctx context.Context, c *conn) error {
	l, err := readLog(ctx, c)
	if err != nil {
		return err
	}
	if a.key.Value != "" {
		if done, err := a.replay(ctx, c, l); done || err != nil {
			return err
		}
	}
	offset := l.head + 1
	first, err := a.place(ctx, c, offset)
	if err != nil {
		return err
	}
	d, now := &a.draft, a.now
	if _, err := c.exec(ctx, "UPDATE log SET head = ?", offset); err != nil {
		return err
	}
	if _, err := c.exec(ctx, "INSERT INTO entries VALUES (?, ?, ?, ?, ?, ?, ?)",
		offset, first, d.Kind, d.Alert, string(a.item), d.By, now); err != nil {
		return err
	}
	if _, err := c.exec(ctx, "INSERT OR REPLACE INTO items VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
		first, d.Item.ID, d.Item.Story, d.Item.Drill, d.Item.Version, offset, d.Kind, d.Alert, string(a.item)); err != nil {
		return err
	}
	if err := a.remember(ctx, c, offset); err != nil {
		return err
	}
	// What was written is read back, so that the receipt says what every
	// later reader sees and shares no memory with the draft.
	entry, err := decodeEntry(offset, first, d.Kind, d.Alert, a.item)
	a.receipt = news.Receipt{Entry: entry, Cursor: news.Cursor{Epoch: l.epoch, Offset: entry.Offset}}
	return err
}

// replay answers from the key's earlier use, if there was one.
func (a *appending) replay(ctx context.Context, c *conn, l logRow) (done bool, err error) {
	var sum []byte
	var offset int64
	err = c.row(ctx, "SELECT sum, offset FROM keys WHERE value = ? AND used_at >= ?",
		[]any{[]byte(a.key.Value), a.now - news.KeyLife.Milliseconds()}, &sum, &offset)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return false, nil
	case err != nil:
		return false, err
	case !bytes.Equal(sum, a.key.Sum[:]):
		return false, news.ErrKeyReused
	}
	var s entryRow
	if err := c.row(ctx, "SELECT "+entryColumns+" FROM entries WHERE offset = ?", []any{offset}, s.dest()...); err != nil {
		return false, err
	}
	entry, err := s.entry()
	a.receipt = news.Receipt{Entry: entry, Cursor: news.Cursor{Epoch: l.epoch, Offset: entry.Offset}, Replayed: true}
	return true, err
}

// remember keeps the key, and forgets a few whose time is over: more than are
// added, so that the table stays in proportion to a day's appends.
func (a *appending) remember(ctx context.Context, c *conn, offset int64) error {
	if a.key.Value == "" {
		return nil
	}
	if _, err := c.exec(ctx, "INSERT OR REPLACE INTO keys VALUES (?, ?, ?, ?)",
		[]byte(a.key.Value), a.key.Sum[:], offset, a.now); err != nil {
		return err
	}
	_, err := c.exec(ctx, `DELETE FROM keys WHERE value IN
		(SELECT value FROM keys WHERE used_at < ? ORDER BY used_at LIMIT 4)`, a.now-news.KeyLife.Milliseconds())
	return err
}

// place checks that the draft is its item's next entry and finds the item's
// place on the front.
func (a *appending) place(ctx context.Context, c *conn, offset int64) (first int64, err error) {
	d := &a.draft
	var version int
	err = c.row(ctx, "SELECT first, version FROM items WHERE id = ?", []any{d.Item.ID}, &first, &version)
	isNew := errors.Is(err, sql.ErrNoRows)
	switch {
	case err != nil && !isNew:
		return 0, err
	case isNew && d.Kind != news.Posted:
		return 0, news.ErrNoItem
	case !isNew && d.Kind == news.Posted, d.Item.Version != version+1:
		return 0, news.ErrConflict
	case isNew:
		return offset, nil
	}
	return first, nil
}

// Since implements news.Log.
func (e *Engine) Since(ctx context.Context, from news.Cursor, limit int) ([]news.Entry, error) {
	var out []news.Entry
	err := e.view(ctx, func(c *conn) error {
		l, err := readLog(ctx, c)
		if err != nil {
			return err
		}
		if !l.reaches(from) {
			return news.ErrCursorLost
		}
		out, err = readEntries(ctx, c, "SELECT "+entryColumns+" FROM entries WHERE offset > ? ORDER BY offset LIMIT ?",
			int64(from.Offset), max(limit, 1))
		return err
	})
	if err != nil {
		return nil, failed(fmt.Sprintf("read the log after %q", from), err)
	}
	return out, nil
}

// Head implements news.Log.
func (e *Engine) Head(ctx context.Context) (news.Cursor, error) {
	var l logRow
	err := e.view(ctx, func(c *conn) (err error) {
		l, err = readLog(ctx, c)
		return err
	})
	if err != nil {
		return news.Cursor{}, failed("read the log's head", err)
	}
	return l.cursor(), nil
}

// logRow is the one row of the table log.
type logRow struct {
	epoch       string
	head, floor int64
}

func readLog(ctx context.Context, c *conn) (l logRow, err error) {
	err = c.row(ctx, "SELECT epoch, head, floor FROM log", nil, &l.epoch, &l.head, &l.floor)
	return l, err
}

func (l logRow) cursor() news.Cursor {
	return news.Cursor{Epoch: l.epoch, Offset: uint64(l.head)}
}

// reaches reports whether everything after from is there.
func (l logRow) reaches(from news.Cursor) bool {
	ours := from.Epoch == l.epoch || from == news.Cursor{}
	return ours && from.Offset >= uint64(l.floor) && from.Offset <= uint64(l.head)
}

// entryColumns are what an entryRow scans, in tables entries and items alike.
const entryColumns = "offset, first, kind, alert, item"

type entryRow struct {
	offset, first int64
	kind          news.Kind
	alert         bool
	item          []byte
}

func (r *entryRow) dest() []any { return []any{&r.offset, &r.first, &r.kind, &r.alert, &r.item} }

func (r *entryRow) entry() (news.Entry, error) {
	return decodeEntry(r.offset, r.first, r.kind, r.alert, r.item)
}

func decodeEntry(offset, first int64, kind news.Kind, alert bool, item []byte) (news.Entry, error) {
	e := news.Entry{Offset: uint64(offset), First: uint64(first), Kind: kind, Alert: alert}
	if err := json.Unmarshal(item, &e.Item); err != nil {
		return news.Entry{}, fmt.Errorf("the item of entry %d: %w", offset, err)
	}
	return e, nil
}

func readEntries(ctx context.Context, c *conn, query string, args ...any) ([]news.Entry, error) {
	var out []news.Entry
	err := c.rows(ctx, query, args, func(rows *sql.Rows) error {
		var r entryRow
		if err := rows.Scan(r.dest()...); err != nil {
			return err
		}
		e, err := r.entry()
		out = append(out, e)
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// Writable is nil if an append would be taken just now, and else says why not:
// it changes nothing, and writes that to the disk as an append would be.
func (e *Engine) Writable(ctx context.Context) error {
	err := e.writer.write(ctx, func(ctx context.Context, c *conn) error {
		_, err := c.exec(ctx, "UPDATE log SET floor = floor")
		return err
	}, nil)
	if err != nil {
		return failed("write the log", err)
	}
	return nil
}
