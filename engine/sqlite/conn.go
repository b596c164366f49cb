package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"time"
)

// conn is one connection with the statements prepared on it. Statements are
// named by their text; all texts are constants, so their number is bounded.
type conn struct {
	sql   *sql.Conn
	stmts map[string]*sql.Stmt
}

func dial(ctx context.Context, db *sql.DB) (*conn, error) {
	c, err := db.Conn(ctx)
	if err != nil {
		return nil, err
	}
	return &conn{c, map[string]*sql.Stmt{}}, nil
}

// dialReader makes a connection that cannot write.
func dialReader(ctx context.Context, db *sql.DB) (*conn, error) {
	c, err := dial(ctx, db)
	if err != nil {
		return nil, err
	}
	if _, err := c.exec(ctx, "PRAGMA query_only = ON"); err != nil {
		return nil, errors.Join(err, c.close())
	}
	return c, nil
}

func (c *conn) close() error {
	var errs []error
	for _, s := range c.stmts {
		errs = append(errs, s.Close())
	}
	return errors.Join(append(errs, c.sql.Close())...)
}

func (c *conn) stmt(ctx context.Context, query string) (*sql.Stmt, error) {
	if s := c.stmts[query]; s != nil {
		return s, nil
	}
	s, err := c.sql.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	c.stmts[query] = s
	return s, nil
}

// exec runs a statement and says how many rows it changed.
func (c *conn) exec(ctx context.Context, query string, args ...any) (int64, error) {
	s, err := c.stmt(ctx, query) //nolint:sqlclosecheck // it stays in c.stmts until c.close
	if err != nil {
		return 0, err
	}
	r, err := s.ExecContext(ctx, args...)
	if err != nil {
		return 0, err
	}
	return r.RowsAffected()
}

// row scans the first row of a query, or fails with sql.ErrNoRows.
func (c *conn) row(ctx context.Context, query string, args []any, dest ...any) error {
	s, err := c.stmt(ctx, query) //nolint:sqlclosecheck // it stays in c.stmts until c.close
	if err != nil {
		return err
	}
	return s.QueryRowContext(ctx, args...).Scan(dest...)
}

// rows calls scan for each row of a query.
func (c *conn) rows(ctx context.Context, query string, args []any, scan func(*sql.Rows) error) (err error) {
	s, err := c.stmt(ctx, query) //nolint:sqlclosecheck // it stays in c.stmts until c.close
	if err != nil {
		return err
	}
	rows, err := s.QueryContext(ctx, args...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// view runs read on a snapshot of the database.
func (e *Engine) view(ctx context.Context, read func(*conn) error) (err error) {
	var c *conn
	select {
	case c = <-e.readers:
	case <-ctx.Done():
		return ctx.Err()
	case <-e.quit:
		return errClosed
	}
	defer func() { e.readers <- c }()
	if c == nil {
		if c, err = dialReader(ctx, e.db); err != nil {
			return err
		}
	}
	if _, err := c.exec(ctx, "BEGIN"); err != nil {
		return err
	}
	err = read(c)
	// The transaction must end even if ctx has, and having changed nothing it
	// ends the same way whatever became of it. A connection on which it does
	// not end is of no more use.
	if _, end := c.exec(context.Background(), "COMMIT"); end != nil {
		err = errors.Join(err, end, c.close())
		c = nil
	}
	return err
}

// at is t as it is kept: milliseconds since 1970. It keeps the zero time too.
func at(t time.Time) int64 { return t.UnixMilli() }

// when is the time that at kept.
func when(ms int64) time.Time { return time.UnixMilli(ms).UTC() }
