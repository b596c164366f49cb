package sqlite

import (
	"math"
	"os"

	"golang.org/x/sys/windows"
)

// errLocked: another process holds the lock.
var errLocked = windows.ERROR_LOCK_VIOLATION

// tryLock locks f for this open file alone, without waiting. Windows forbids
// others to read a locked part, so the lock is on a byte far beyond the text.
func tryLock(f *os.File) error {
	at := windows.Overlapped{OffsetHigh: math.MaxInt32}
	return windows.LockFileEx(windows.Handle(f.Fd()),
		windows.LOCKFILE_EXCLUSIVE_LOCK|windows.LOCKFILE_FAIL_IMMEDIATELY, 0, 1, 0, &at)
}
