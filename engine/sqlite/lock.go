package sqlite

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// fileLock is the hold on a data directory. The system gives it up when the
// process ends, however it ends.
type fileLock struct{ f *os.File }

// lockDir takes the hold on dir, or fails with ErrInUse and who has it.
func lockDir(dir string) (*fileLock, error) {
	f, err := os.OpenFile(filepath.Join(dir, lockFile), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := tryLock(f); err != nil {
		if errors.Is(err, errLocked) {
			err = fmt.Errorf("%w%s", ErrInUse, holder(f))
		}
		return nil, errors.Join(err, f.Close())
	}
	// The number only helps whoever is refused; the lock does not depend on it.
	if err := f.Truncate(0); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	if _, err := f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &fileLock{f}, nil
}

// holder says which process wrote its number into f, "" if none.
func holder(f *os.File) string {
	b := make([]byte, 20)
	n, _ := f.ReadAt(b, 0) // a short file ends with io.EOF
	pid, err := strconv.Atoi(strings.TrimSpace(string(b[:n])))
	if err != nil {
		return ""
	}
	return fmt.Sprintf(" (process %d)", pid)
}

// release gives the directory back. The file stays: to remove it would let
// two processes lock two different files of the same name.
func (l *fileLock) release() error { return l.f.Close() }
