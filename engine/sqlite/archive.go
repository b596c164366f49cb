package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"

	"crier/news"
)

// Item implements news.Archive.
func (e *Engine) Item(ctx context.Context, id string) (news.Entry, error) {
	var r entryRow
	err := e.view(ctx, func(c *conn) error {
		return c.row(ctx, "SELECT "+entryColumns+" FROM items WHERE id = ?", []any{id}, r.dest()...)
	})
	if errors.Is(err, sql.ErrNoRows) {
		err = news.ErrNoItem
	}
	var out news.Entry
	if err == nil {
		out, err = r.entry()
	}
	if err != nil {
		return news.Entry{}, failed(fmt.Sprintf("read item %.64q", id), err)
	}
	return out, nil
}

// Items implements news.Archive.
func (e *Engine) Items(ctx context.Context, q news.Query) ([]news.Entry, error) {
	before := int64(math.MaxInt64)
	if q.Before > 0 && q.Before < math.MaxInt64 {
		before = int64(q.Before)
	}
	query, args := "SELECT "+entryColumns+" FROM items WHERE first < ? ORDER BY first DESC LIMIT ?",
		[]any{before, max(q.Limit, 1)}
	if q.Story != "" {
		query = "SELECT " + entryColumns + " FROM items WHERE story = ? AND first < ? ORDER BY first DESC LIMIT ?"
		args = append([]any{q.Story}, args...)
	}
	var out []news.Entry
	err := e.view(ctx, func(c *conn) (err error) {
		out, err = readEntries(ctx, c, query, args...)
		return err
	})
	if err != nil {
		return nil, failed("read items", err)
	}
	return out, nil
}

// Front implements news.Archive.
func (e *Engine) Front(ctx context.Context, n int) (news.Snapshot, error) {
	const query = `
		SELECT * FROM (SELECT ` + entryColumns + ` FROM items WHERE drill = 0 ORDER BY first DESC LIMIT ?1)
		UNION ALL
		SELECT * FROM (SELECT ` + entryColumns + ` FROM items WHERE drill = 1 ORDER BY first DESC LIMIT ?1)
		ORDER BY first DESC`
	var out news.Snapshot
	err := e.view(ctx, func(c *conn) error {
		l, err := readLog(ctx, c)
		if err != nil {
			return err
		}
		out.Cursor = l.cursor()
		out.Entries, err = readEntries(ctx, c, query, max(n, 1))
		return err
	})
	if err != nil {
		return news.Snapshot{}, failed("read the front", err)
	}
	return out, nil
}
