package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"time"

	"crier/desk"
	"crier/news"
	"crier/push"

	_ "modernc.org/sqlite" // the driver, under the name "sqlite"
)

// File is the name of the database in its data directory.
const File = "crier.db"

// lockFile is the file by which a server holds its data directory.
const lockFile = "crier.lock"

// Options tune an engine. The zero value works.
type Options struct {
	// Now is the clock by which idempotency keys and entries age. Default
	// time.Now.
	Now func() time.Time
	// Readers is how many reads may run at once. Default 4.
	Readers int
	// Beside lets another process have the directory open, for the short
	// commands an operator runs next to a server. An engine opened so hears
	// no doorbell but its own, and a server does not hear its: do not append
	// entries with it while a server runs.
	Beside bool
}

// Engine is an open data directory. All methods are safe for concurrent use.
type Engine struct {
	dir       string
	now       func() time.Time
	db        *sql.DB
	writer    *writer
	readers   chan *conn // the free ones; nil is one that has yet to be connected
	bell      news.Doorbell
	leaders   leaders
	workers   workers
	audiences audiences
	lock      *fileLock // nil when opened beside
	quit      chan struct{}
	close     func() error
}

var (
	_ news.Log     = (*Engine)(nil)
	_ news.Archive = (*Engine)(nil)
	_ desk.Keyring = (*Engine)(nil)
	_ push.Store   = (*Engine)(nil)
)

// Open opens the data directory dir, made if it is not there, and brings its
// schema up to date. Errors: ErrInUse, ErrNewer, ErrForeign,
// engine.ErrHalfMoved. Close the engine when done.
func Open(ctx context.Context, dir string, o Options) (*Engine, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Readers <= 0 {
		o.Readers = 4
	}
	e, err := open(ctx, dir, o)
	if err != nil {
		return nil, fmt.Errorf("open data directory %s: %w", dir, err)
	}
	return e, nil
}

func open(ctx context.Context, dir string, o Options) (_ *Engine, err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	lock, err := lockDir(dir)
	served := errors.Is(err, ErrInUse) && o.Beside
	if err != nil && !served {
		return nil, err
	}
	want := upToDate
	if served {
		want = asIs
	}
	e, err := openFile(ctx, filepath.Join(dir, File), o, want)
	if lock != nil && (err != nil || o.Beside) {
		err = errors.Join(err, lock.release())
		lock = nil
	}
	if err != nil {
		return nil, err
	}
	e.dir, e.lock = dir, lock
	return e, nil
}

// wanted is what a database is to be when it has been opened.
type wanted int

const (
	asIs     wanted = iota // it is there with the schema this package knows
	upToDate               // made if it is not there, migrated if it is older
	halfMove               // made anew, and refused to all others until the move is finished
)

// openFile opens the database at path.
func openFile(ctx context.Context, path string, o Options, want wanted) (_ *Engine, err error) {
	if err := private(path, want != asIs); err != nil {
		return nil, err
	}
	db, err := sql.Open("sqlite", dsn(path, "journal_mode(WAL)", "synchronous(FULL)",
		"journal_size_limit(67108864)", "wal_autocheckpoint(1000)"))
	if err != nil {
		return nil, err
	}
	db.SetMaxIdleConns(-1) // all connections but a backup's are held for good
	e := &Engine{now: o.Now, db: db, readers: make(chan *conn, o.Readers), quit: make(chan struct{})}
	defer func() {
		if err != nil {
			err = errors.Join(err, db.Close())
		}
	}()
	wc, err := dial(ctx, db)
	if err != nil {
		return nil, err
	}
	switch want {
	case asIs:
		err = expect(ctx, wc, len(migrations()))
	case upToDate:
		err = bringUp(ctx, wc, migrations())
	case halfMove:
		err = beginMove(ctx, wc)
	}
	if err != nil {
		return nil, err
	}
	for range o.Readers {
		e.readers <- nil // connected when first needed
	}
	e.writer = newWriter(wc, e.quit)
	go e.writer.run()
	e.close = sync.OnceValue(e.shut)
	return e, nil
}

// private makes sure that the database at path is its owner's only. SQLite
// gives the -wal and -shm files the mode of the database.
func private(path string, create bool) error {
	flags := os.O_RDWR
	if create {
		flags |= os.O_CREATE
	}
	f, err := os.OpenFile(path, flags, 0o600)
	if err != nil {
		return err
	}
	return errors.Join(f.Chmod(0o600), f.Close())
}

// dsn is the driver's address of the database at path. Other processes may
// hold the write lock for a moment (see Options.Beside): five seconds of
// waiting for them is more than they take.
func dsn(path string, pragmas ...string) string {
	q := url.Values{"_pragma": append([]string{"busy_timeout(5000)", "foreign_keys(ON)", "trusted_schema(OFF)"}, pragmas...)}
	u := url.URL{Scheme: "file", Opaque: (&url.URL{Path: filepath.ToSlash(path)}).EscapedPath(), RawQuery: q.Encode()}
	return u.String()
}

// Close finishes what is being written and read, closes the files and unlocks
// the directory. Calls made after it fail with news.ErrUnavailable.
func (e *Engine) Close() error { return e.close() }

func (e *Engine) shut() error {
	close(e.quit)
	<-e.writer.done
	errs := []error{e.writer.c.close()}
	for range cap(e.readers) { // each comes back when its read is over
		if c := <-e.readers; c != nil {
			errs = append(errs, c.close())
		}
	}
	errs = append(errs, e.db.Close())
	if e.lock != nil {
		errs = append(errs, e.lock.release())
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("close data directory %s: %w", e.dir, err)
	}
	return nil
}
