package main

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"crier/engine/sqlite"
	"crier/push"
)

// A backup is a tar file of the database, as of one moment, and the VAPID
// keys, without which every subscription would be lost.
var backupFiles = []string{sqlite.File, push.VAPIDFile}

// maxRestored bounds each file of a backup.
const maxRestored = 1 << 40

type backupCmd struct {
	dataFlag
	To string `help:"File to write; must not exist." type:"path" required:"" placeholder:"FILE"`
}

func (c *backupCmd) Run(ctx context.Context, s streams) error {
	if _, err := os.Stat(filepath.Join(c.Data, sqlite.File)); err != nil {
		return fmt.Errorf("back up %s: %w", c.Data, err)
	}
	scratch, err := os.MkdirTemp(filepath.Dir(c.To), ".crier-backup-")
	if err != nil {
		return fmt.Errorf("back up: %w", err)
	}
	defer os.RemoveAll(scratch) //nolint:errcheck // it is scratch
	copied := filepath.Join(scratch, sqlite.File)
	if err := backUp(ctx, c.Data, copied); err != nil {
		return err
	}
	whole := filepath.Join(scratch, "whole")
	if err := writeTar(whole, copied, filepath.Join(c.Data, push.VAPIDFile)); err != nil {
		return fmt.Errorf("back up: %w", err)
	}
	// Linked, not renamed: an older backup is never overwritten, and no half
	// of a new one is ever seen.
	if err := os.Link(whole, c.To); err != nil {
		return fmt.Errorf("back up: %w", err)
	}
	_, err = fmt.Fprintln(s.out, c.To)
	return err
}

func backUp(ctx context.Context, dir, to string) (err error) {
	e, err := sqlite.Open(ctx, dir, sqlite.Options{Beside: true})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, e.Close()) }()
	return e.Backup(ctx, to)
}

// writeTar writes files, by their base names, to a new tar file and syncs it.
// A file that does not exist is left out.
func writeTar(to string, files ...string) (err error) {
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	w := tar.NewWriter(out)
	for _, name := range files {
		if err := addToTar(w, name); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return errors.Join(w.Close(), out.Sync())
}

func addToTar(w *tar.Writer, name string) error {
	in, err := os.Open(name)
	if err != nil {
		return err
	}
	defer in.Close() //nolint:errcheck // it was only read
	info, err := in.Stat()
	if err != nil {
		return err
	}
	if err := w.WriteHeader(&tar.Header{Name: filepath.Base(name), Mode: 0o600, Size: info.Size(), ModTime: time.Now()}); err != nil {
		return err
	}
	_, err = io.Copy(w, in)
	return err
}

type restoreCmd struct {
	dataFlag
	From string `help:"Backup to read." type:"existingfile" required:"" placeholder:"FILE"`
}

// Run makes the data directory from a backup. It is made beside its place and
// moved there when it is whole and has been found sound, so that a failure
// leaves nothing behind and a directory in use is never touched. What was
// posted after the backup is lost, so the log gets a new epoch and readers are
// told.
func (c *restoreCmd) Run(ctx context.Context, s streams) error {
	if _, err := os.Stat(c.Data); !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("restore: %s exists: move it away first", c.Data)
	}
	if err := os.MkdirAll(filepath.Dir(c.Data), 0o700); err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	scratch, err := os.MkdirTemp(filepath.Dir(c.Data), ".crier-restore-")
	if err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	defer os.RemoveAll(scratch) //nolint:errcheck // it is scratch
	if err := readTar(c.From, scratch); err != nil {
		return fmt.Errorf("restore %s: %w", c.From, err)
	}
	made := filepath.Join(scratch, "data")
	if err := sqlite.Restore(ctx, filepath.Join(scratch, sqlite.File), made); err != nil {
		return err
	}
	keys := filepath.Join(scratch, push.VAPIDFile)
	if err := os.Rename(keys, filepath.Join(made, push.VAPIDFile)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("restore: %w", err)
	}
	if err := os.Rename(made, c.Data); err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	_, err = fmt.Fprintln(s.out, c.Data)
	return err
}

// readTar unpacks a backup into dir. Only the files a backup has are taken.
func readTar(from, dir string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close() //nolint:errcheck // it was only read
	r := tar.NewReader(in)
	for {
		h, err := r.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("not a backup, or cut short: %w", err)
		}
		if !isBackupFile(h.Name) || h.Size > maxRestored {
			return fmt.Errorf("not a backup: it holds %.60q", h.Name)
		}
		if err := writeFile(filepath.Join(dir, filepath.Base(h.Name)), r); err != nil {
			return err
		}
	}
}

func isBackupFile(name string) bool {
	for _, f := range backupFiles {
		if name == f {
			return true
		}
	}
	return false
}

func writeFile(name string, r io.Reader) (err error) {
	out, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	if _, err := io.Copy(out, r); err != nil {
		return err
	}
	return out.Sync()
}
