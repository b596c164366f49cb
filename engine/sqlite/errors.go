package sqlite

import (
	"errors"
	"fmt"

	"crier/news"

	driver "modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"
)

// Errors of opening, checking and restoring. Test with errors.Is.
var (
	// ErrInUse: another process serves the data directory.
	ErrInUse = errors.New("in use by another process")
	// ErrNewer: a newer Crier wrote the database.
	ErrNewer = errors.New("written by a newer version of Crier: run that one")
	// ErrForeign: the file is not a database of Crier's.
	ErrForeign = errors.New("not a Crier database")
	// ErrDamaged: the file is a Crier database but not a sound one.
	ErrDamaged = errors.New("the database is damaged")
	// ErrNotEmpty: the directory to restore into has a database.
	ErrNotEmpty = errors.New("there is a database already: move it away first")
)

var errClosed = fmt.Errorf("%w: the engine is closed", news.ErrUnavailable)

// failed wraps err with the operation that failed. What may pass without
// anybody mending the database (a full disk, a read-only file system, an I/O
// error, a lock that is held too long) becomes news.ErrUnavailable.
func failed(op string, err error) error {
	var e *driver.Error
	if errors.As(err, &e) {
		switch e.Code() & 0xff { // the rest of the code is detail
		case lib.SQLITE_FULL, lib.SQLITE_READONLY, lib.SQLITE_IOERR, lib.SQLITE_BUSY,
			lib.SQLITE_LOCKED, lib.SQLITE_CANTOPEN, lib.SQLITE_NOMEM, lib.SQLITE_PROTOCOL:
			return fmt.Errorf("%s: %w: %w", op, news.ErrUnavailable, err)
		}
	}
	return fmt.Errorf("%s: %w", op, err)
}
