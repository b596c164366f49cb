package sqlite

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"crier/engine"
	"crier/push"
)

// secretFile is where a secret is: in a file of its own, so that a copy of the
// database alone gives nothing away.
func (e *Engine) secretFile(name string) (string, error) {
	if name != engine.VAPID {
		return "", fmt.Errorf("a data directory has no place for the secret %.40q", name)
	}
	return filepath.Join(e.dir, push.VAPIDFile), nil
}

// Kept is what is kept under name, nil if that is nothing.
func (e *Engine) Kept(_ context.Context, name string) ([]byte, error) {
	b, err := e.readSecret(name)
	if err != nil {
		return nil, failed("read the secret "+name, err)
	}
	return b, nil
}

func (e *Engine) readSecret(name string) ([]byte, error) {
	path, err := e.secretFile(name)
	if err != nil {
		return nil, err
	}
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return b, err
}

// Keep returns what is kept under name. If that is nothing, it is fresh from
// now on, and created tells.
func (e *Engine) Keep(ctx context.Context, name string, fresh []byte) (kept []byte, created bool, err error) {
	if kept, err = e.Kept(ctx, name); kept != nil || err != nil {
		return kept, false, err
	}
	created, err = e.Replace(ctx, name, nil, fresh)
	if err == nil && !created {
		kept, err = e.Kept(ctx, name)
		return kept, false, err
	}
	return slices.Clone(fresh), created, err
}

// Replace keeps fresh under name if old is what is kept, nil for nothing, and
// reports whether it was. The file is there whole or not at all, whenever the
// power fails. Of processes that race one wins: they hold the database's write
// lock meanwhile.
func (e *Engine) Replace(ctx context.Context, name string, old, fresh []byte) (replaced bool, err error) {
	done := make(chan bool, 1)
	old, fresh = slices.Clone(old), slices.Clone(fresh)
	err = e.writer.write(ctx, func(context.Context, *conn) error {
		is, err := e.readSecret(name)
		if err != nil || (is == nil) != (old == nil) || !bytes.Equal(is, old) {
			done <- false
			return err
		}
		path, err := e.secretFile(name)
		if err == nil {
			err = writeWhole(path, fresh)
		}
		done <- err == nil
		return err
	}, nil)
	if err != nil {
		return false, failed("keep the secret "+name, err)
	}
	return <-done, nil
}

// writeWhole puts b at path so that a crash leaves all of it or nothing.
func writeWhole(path string, b []byte) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), ".secret-*") // mode 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = f.Close() // the first error is the one to tell
			_ = os.Remove(f.Name())
		}
	}()
	if _, err = f.Write(b); err != nil {
		return err
	}
	if err = f.Sync(); err != nil {
		return err
	}
	if err = f.Close(); err != nil {
		return err
	}
	if err = os.Rename(f.Name(), path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}
