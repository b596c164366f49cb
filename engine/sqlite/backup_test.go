package sqlite

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"crier/news"
)

// TestBackupWhileAppending: each backup taken meanwhile is sound, and the log
// up to some offset.
func TestBackupWhileAppending(t *testing.T) {
	e := openTest(t, t.TempDir(), Options{})
	ctx, dir := t.Context(), t.TempDir()
	mustAppend(t, e, testKey("k", "b"), testDraft("n"))
	stop, done := make(chan struct{}), make(chan error)
	go func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				done <- nil
				return
			default:
			}
			if _, err := e.Append(ctx, testKey(fmt.Sprint("k", i), "b"), testDraft(fmt.Sprint("n", i))); err != nil {
				done <- err
				return
			}
		}
	}()
	var paths []string
	var least []uint64
	for i := range 5 {
		least = append(least, offsetOf(t, e))
		paths = append(paths, filepath.Join(dir, fmt.Sprint("backup ", i, ".db")))
		if err := e.Backup(ctx, paths[i]); err != nil {
			t.Fatal(err)
		}
	}
	close(stop)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	log, err := e.Since(ctx, news.Cursor{}, 1e6)
	if err != nil {
		t.Fatal(err)
	}
	for i, path := range paths {
		if fi, err := os.Stat(path); err != nil || fi.Mode().Perm() != 0o600 {
			t.Fatalf("mode %v, %v", fi.Mode(), err)
		}
		if err := Check(ctx, path); err != nil {
			t.Fatal(err)
		}
		data := filepath.Join(t.TempDir(), "data")
		if err := Restore(ctx, path, data); err != nil {
			t.Fatal(err)
		}
		restored := openTest(t, data, Options{})
		got, err := restored.Since(ctx, news.Cursor{}, 1e6)
		if err != nil {
			t.Fatal(err)
		}
		n := uint64(len(got))
		if n < least[i] || !reflect.DeepEqual(got, log[:n]) || offsetOf(t, restored) != n {
			t.Fatalf("backup %d, begun at offset %d, has %d entries that are not the log's", i, least[i], n)
		}
		front, err := restored.Front(ctx, 1e6)
		if err != nil || uint64(len(front.Entries)) != n {
			t.Fatalf("its front has %d items, %v", len(front.Entries), err)
		}
		// Its keys answer as the original's do.
		if r := mustAppend(t, restored, testKey("k", "b"), testDraft("n")); !r.Replayed || r.Entry.Offset != 1 {
			t.Fatalf("replay: %+v", r)
		}
	}
	if left, err := filepath.Glob(filepath.Join(dir, "*.part")); err != nil || left != nil {
		t.Fatalf("left over: %v, %v", left, err)
	}
}

func TestBackupOverwritesNothing(t *testing.T) {
	e := openTest(t, t.TempDir(), Options{})
	path := filepath.Join(t.TempDir(), "precious")
	if err := os.WriteFile(path, []byte("keep me"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := e.Backup(t.Context(), path); !errors.Is(err, os.ErrExist) {
		t.Fatalf("backup over a file: %v", err)
	}
	if b, err := os.ReadFile(path); err != nil || string(b) != "keep me" {
		t.Fatalf("the file has %q, %v", b, err)
	}
	if err := e.Backup(t.Context(), filepath.Join(path, "below a file")); err == nil {
		t.Fatal("backup to nowhere")
	}
}

func TestCheck(t *testing.T) {
	e := openTest(t, t.TempDir(), Options{})
	for i := range 200 {
		mustAppend(t, e, news.Key{}, testDraft(fmt.Sprint("n", i)))
	}
	good := filepath.Join(t.TempDir(), "good.db")
	if err := e.Backup(t.Context(), good); err != nil {
		t.Fatal(err)
	}
	sound, err := os.ReadFile(good)
	if err != nil {
		t.Fatal(err)
	}
	page := sound[4096*3 : 4096*4]
	for name, c := range map[string]struct {
		content []byte
		want    error
	}{
		"sound":         {sound, nil},
		"empty":         {nil, ErrForeign},
		"text":          {bytes.Repeat([]byte("not a database\n"), 1000), ErrForeign},
		"another's":     {append(append(bytes.Clone(sound[:68]), 0, 0, 0, 9), sound[72:]...), ErrForeign},
		"a newer one":   {append(append(bytes.Clone(sound[:60]), 0, 0, 0, 99), sound[64:]...), ErrNewer},
		"cut short":     {sound[:len(sound)/2], ErrDamaged},
		"a zeroed page": {bytes.Replace(sound, page, make([]byte, len(page)), 1), ErrDamaged},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "backup.db")
			if err := os.WriteFile(path, c.content, 0o600); err != nil {
				t.Fatal(err)
			}
			if err := Check(t.Context(), path); !errors.Is(err, c.want) {
				t.Errorf("check: got %v, want %v", err, c.want)
			}
			data := filepath.Join(t.TempDir(), "data")
			if err := Restore(t.Context(), path, data); !errors.Is(err, c.want) {
				t.Errorf("restore: got %v, want %v", err, c.want)
			}
			if _, err := os.Stat(filepath.Join(data, File)); (err == nil) != (c.want == nil) {
				t.Errorf("the database after it: %v", err)
			}
			if after, err := os.ReadFile(path); err != nil || !bytes.Equal(after, c.content) {
				t.Errorf("the backup was changed (%v)", err)
			}
		})
	}
	if err := Check(t.Context(), filepath.Join(t.TempDir(), "none")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("check of nothing: %v", err)
	}
	// A hole in the log is damage that SQLite cannot know of.
	holed := filepath.Join(t.TempDir(), "holed.db")
	onWriter(t, e, "DELETE FROM entries WHERE offset = 100")
	if err := e.Backup(t.Context(), holed); err != nil {
		t.Fatal(err)
	}
	if err := Check(t.Context(), holed); !errors.Is(err, ErrDamaged) {
		t.Errorf("check of a log with a hole: %v", err)
	}
}

func TestRestoreRefuses(t *testing.T) {
	dir := t.TempDir()
	e := openTest(t, dir, Options{})
	mustAppend(t, e, news.Key{}, testDraft("n1"))
	backup := filepath.Join(t.TempDir(), "backup.db")
	if err := e.Backup(t.Context(), backup); err != nil {
		t.Fatal(err)
	}
	if err := Restore(t.Context(), backup, dir); !errors.Is(err, ErrInUse) {
		t.Fatalf("into a directory that is served: %v", err)
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	if err := Restore(t.Context(), backup, dir); !errors.Is(err, ErrNotEmpty) {
		t.Fatalf("over a database: %v", err)
	}
	// A write-ahead log that was left behind would be played into the backup.
	stray := t.TempDir()
	if err := os.WriteFile(filepath.Join(stray, File+"-wal"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Restore(t.Context(), backup, stray); !errors.Is(err, ErrNotEmpty) {
		t.Fatalf("next to a stray log: %v", err)
	}
	again := openTest(t, dir, Options{})
	if got := offsetOf(t, again); got != 1 {
		t.Fatalf("the head is at %d after the refusals", got)
	}
}
