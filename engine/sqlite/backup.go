package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"crier/news"

	driver "modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"
)

// Backup writes the database as it stands now into a new file at path, for
// its owner only. It may run beside anything; appends go on meanwhile. There
// is either a whole backup at path or none.
func (e *Engine) Backup(ctx context.Context, path string) error {
	if err := e.backup(ctx, path); err != nil {
		return failed("back up to "+path, err)
	}
	return nil
}

func (e *Engine) backup(ctx context.Context, path string) (err error) {
	if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
		return errors.Join(fmt.Errorf("%s: %w", path, os.ErrExist), err)
	}
	part := path + ".part"
	f, err := os.OpenFile(part, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer func() {
		err = errors.Join(err, f.Close())
		if err != nil {
			err = errors.Join(err, os.Remove(part))
			return
		}
		if err = os.Rename(part, path); err == nil {
			err = syncDir(filepath.Dir(path))
		}
	}()
	// A connection of its own: a reader's would be taken for a long time.
	c, err := e.db.Conn(ctx)
	if err != nil {
		select {
		case <-e.quit:
			return errClosed
		default:
			return err
		}
	}
	if _, err = c.ExecContext(ctx, "VACUUM INTO ?", part); err != nil {
		return errors.Join(err, c.Close())
	}
	return errors.Join(c.Close(), f.Sync())
}

// Check reports whether the file at path, which no process may be writing to,
// is a sound database of a schema that this package knows. Errors:
// ErrForeign, ErrNewer, ErrDamaged.
func Check(ctx context.Context, path string) error {
	if err := check(ctx, path); err != nil {
		return fmt.Errorf("check %s: %w", path, err)
	}
	return nil
}

func check(ctx context.Context, path string) error {
	err := examine(ctx, path)
	if e := (*driver.Error)(nil); errors.As(err, &e) && e.Code()&0xff == lib.SQLITE_CORRUPT {
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return err
}

func examine(ctx context.Context, path string) (err error) {
	if err := looksLike(path); err != nil {
		return err
	}
	db, err := sql.Open("sqlite", dsn(path)+"&mode=ro&immutable=1")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	c, err := dial(ctx, db)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.close()) }()
	known := len(migrations())
	version, err := identify(ctx, c, known)
	if err != nil {
		return err
	}
	if version == 0 {
		return ErrForeign
	}
	var verdict string
	if err := c.row(ctx, "PRAGMA integrity_check(1)", nil, &verdict); err != nil {
		return err
	}
	if verdict != "ok" {
		return fmt.Errorf("%w: %s", ErrDamaged, verdict)
	}
	var whole bool
	// A key that came by a move may answer with an entry that had been trimmed.
	err = c.row(ctx, "SELECT (SELECT count(*) FROM entries WHERE offset > floor) = head - floor FROM log", nil, &whole)
	if err == nil && !whole {
		return fmt.Errorf("%w: the log has a hole", ErrDamaged)
	}
	return err
}

// looksLike keeps SQLite from reporting a text file as damaged or an absent
// one as unavailable.
func looksLike(path string) error {
	const magic = "SQLite format 3\x00"
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	head := make([]byte, len(magic))
	_, err = io.ReadFull(f, head)
	if err = errors.Join(err, f.Close()); err != nil || string(head) != magic {
		return ErrForeign
	}
	return nil
}

// Restore makes the backup the database of the data directory dir, which must
// have none. The log gets a new epoch, as what came after the backup is lost
// and its offsets will be given again: cursors of before are told so. Entries
// that had become campaigns stay followed. The directory has either the whole
// database or none. Errors: those of Check, ErrInUse, ErrNotEmpty.
func Restore(ctx context.Context, backup, dir string) error {
	if err := restore(ctx, backup, dir); err != nil {
		return fmt.Errorf("restore %s into %s: %w", backup, dir, err)
	}
	return nil
}

func restore(ctx context.Context, backup, dir string) (err error) {
	if err := check(ctx, backup); err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	lock, err := lockDir(dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lock.release()) }()
	path := filepath.Join(dir, File)
	for _, suffix := range []string{"", "-wal", "-shm"} { // a log of another database would be played into this one
		if _, err := os.Lstat(path + suffix); !errors.Is(err, os.ErrNotExist) {
			return errors.Join(fmt.Errorf("%s%s: %w", path, suffix, ErrNotEmpty), err)
		}
	}
	part := path + ".part"
	if err := copyFile(backup, part); err != nil {
		return err
	}
	if err := renew(ctx, part); err != nil {
		return errors.Join(err, os.Remove(part))
	}
	if err := os.Rename(part, path); err != nil {
		return err
	}
	return syncDir(dir)
}

// renew brings the database at path up to date and begins a new epoch.
func renew(ctx context.Context, path string) (err error) {
	e, err := openFile(ctx, path, Options{Now: time.Now, Readers: 1}, upToDate)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, e.Close()) }()
	return e.writer.write(ctx, func(ctx context.Context, c *conn) error {
		was, err := readLog(ctx, c)
		if err != nil {
			return err
		}
		epoch := news.NewEpoch()
		if _, err := c.exec(ctx, "UPDATE log SET epoch = ?", epoch); err != nil {
			return err
		}
		_, err = c.exec(ctx, "UPDATE sending SET followed_epoch = ? WHERE followed_epoch = ?", epoch, was.epoch)
		return err
	}, nil)
}

// copyFile makes a durable copy for its owner only, in place of an earlier
// attempt's.
func copyFile(from, to string) (err error) {
	src, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, src.Close()) }()
	dst, err := os.OpenFile(to, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(dst, src)
	return errors.Join(err, dst.Sync(), dst.Close())
}
