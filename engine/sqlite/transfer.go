package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"crier/engine"
	"crier/news"
	"crier/push"
)

var (
	_ engine.Exporter = (*Engine)(nil)
	_ engine.Importer = (*Target)(nil)
)

// OpenSource opens the data directory dir to move from. It must be there, of
// this version's schema, and nobody may have it open meanwhile. Errors:
// engine.ErrNothing, engine.ErrInUse, engine.ErrHalfMoved, ErrNewer,
// ErrForeign. Close it when done.
func OpenSource(ctx context.Context, dir string) (*Engine, error) {
	e, err := openSource(ctx, dir)
	if err != nil {
		return nil, fmt.Errorf("open data directory %s: %w", dir, err)
	}
	return e, nil
}

func openSource(ctx context.Context, dir string) (*Engine, error) {
	path := filepath.Join(dir, File)
	if _, err := os.Lstat(path); errors.Is(err, os.ErrNotExist) {
		return nil, engine.ErrNothing
	}
	return openAlone(ctx, dir, asIs)
}

// openAlone opens dir with the hold of one who serves it.
func openAlone(ctx context.Context, dir string, want wanted) (*Engine, error) {
	lock, err := lockDir(dir)
	if errors.Is(err, ErrInUse) {
		err = fmt.Errorf("%w (%w)", engine.ErrInUse, err)
	}
	if err != nil {
		return nil, err
	}
	if want == halfMove {
		err = makeRoom(ctx, dir)
	}
	var e *Engine
	if err == nil {
		e, err = openFile(ctx, filepath.Join(dir, File), Options{Now: time.Now, Readers: 1}, want)
	}
	if err != nil {
		return nil, errors.Join(err, lock.release())
	}
	e.dir, e.lock = dir, lock
	return e, nil
}

// Target is a data directory to move to.
type Target struct{ e *Engine }

// OpenTarget makes the data directory dir to move to. What there is may be
// empty or half a move, which is removed. The directory is half a move from
// then on, until Finish. Errors: engine.ErrNotEmpty, engine.ErrInUse, ErrNewer,
// ErrForeign. Close it when done.
func OpenTarget(ctx context.Context, dir string) (*Target, error) {
	err := os.MkdirAll(dir, 0o700)
	var e *Engine
	if err == nil {
		e, err = openAlone(ctx, dir, halfMove)
	}
	if err != nil {
		return nil, fmt.Errorf("open data directory %s: %w", dir, err)
	}
	return &Target{e}, nil
}

// makeRoom removes half a move from dir, and fails if there is anything else.
func makeRoom(ctx context.Context, dir string) error {
	path, keys := filepath.Join(dir, File), filepath.Join(dir, push.VAPIDFile)
	if _, err := os.Lstat(path); errors.Is(err, os.ErrNotExist) {
		for _, name := range []string{keys, path + "-wal", path + "-shm"} {
			if _, err := os.Lstat(name); !errors.Is(err, os.ErrNotExist) {
				return errors.Join(fmt.Errorf("%s is there: %w", filepath.Base(name), engine.ErrNotEmpty), err)
			}
		}
		return nil
	}
	version, err := versionOf(ctx, path)
	switch {
	case err == nil && version > 0:
		return engine.ErrNotEmpty
	case err != nil && !errors.Is(err, engine.ErrHalfMoved):
		return err
	}
	// The mark goes last: until then this can be done again.
	for _, name := range []string{keys, path + "-wal", path + "-shm", path} {
		if err := os.Remove(name); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return syncDir(dir)
}

// versionOf is identify of the database at path.
func versionOf(ctx context.Context, path string) (version int, err error) {
	db, err := sql.Open("sqlite", dsn(path))
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	c, err := dial(ctx, db)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, c.close()) }()
	return identify(ctx, c, len(migrations()))
}

// beginMove makes the whole schema in an empty database, marked as half a
// move, in one transaction: there is no moment at which it could be opened.
func beginMove(ctx context.Context, c *conn) (err error) {
	if _, err = c.exec(ctx, "BEGIN IMMEDIATE"); err != nil {
		return err
	}
	defer func() {
		end := "COMMIT"
		if err != nil {
			end = "ROLLBACK"
		}
		_, failed := c.sql.ExecContext(context.WithoutCancel(ctx), end)
		err = errors.Join(err, failed)
	}()
	steps := append(migrations(), fmt.Sprintf("PRAGMA application_id = %d; PRAGMA user_version = %d", movingID, len(migrations())))
	for _, text := range steps {
		if _, err = c.sql.ExecContext(ctx, text); err != nil {
			return err
		}
	}
	_, err = c.sql.ExecContext(ctx, "INSERT INTO log VALUES (1, ?, 0, 0)", news.NewEpoch())
	return err
}

// Finish implements engine.Importer.
func (t *Target) Finish(ctx context.Context) error {
	err := t.e.writer.write(ctx, func(ctx context.Context, c *conn) error {
		_, err := c.exec(ctx, fmt.Sprintf("PRAGMA application_id = %d", applicationID))
		return err
	}, nil)
	if err == nil {
		err = syncDir(t.e.dir)
	}
	if err != nil {
		return failed("finish the move", err)
	}
	return nil
}

// Close closes the files and unlocks the directory.
func (t *Target) Close() error { return t.e.Close() }
