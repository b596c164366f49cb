package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// bare opens a database file as it is, with none of this package's care.
func bare(t *testing.T, path string) *conn {
	t.Helper()
	db, err := sql.Open("sqlite", dsn(path))
	if err != nil {
		t.Fatal(err)
	}
	c, err := dial(t.Context(), db)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(c.close(), db.Close()); err != nil {
			t.Error(err)
		}
	})
	return c
}

func TestSettings(t *testing.T) {
	dir := t.TempDir()
	e := openTest(t, dir, Options{})
	mustAppend(t, e, testKey("k", "b"), testDraft("n1"))
	want := map[string]string{"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1", "busy_timeout": "5000",
		"trusted_schema": "0", "application_id": "1131571557", "user_version": strconv.Itoa(len(migrations())), "query_only": "0"}
	check := func(c *conn) error {
		for name, value := range want {
			var got string
			if err := c.row(t.Context(), "PRAGMA "+name, nil, &got); err != nil {
				return err
			}
			if got != value {
				t.Errorf("%s is %s, want %s", name, got, value)
			}
		}
		return nil
	}
	if err := check(e.writer.c); err != nil {
		t.Fatal(err)
	}
	want["query_only"] = "1"
	if err := e.view(t.Context(), check); err != nil {
		t.Fatal(err)
	}
	if n := number(t, e, "SELECT count(*) FROM pragma_table_list WHERE schema = 'main' AND type = 'table' AND NOT strict AND name NOT LIKE 'sqlite_%'"); n != 0 {
		t.Errorf("%d tables are not STRICT", n)
	}
	for _, name := range []string{File, File + "-wal", File + "-shm", lockFile} {
		fi, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if fi.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v", name, fi.Mode())
		}
	}
}

// TestModeTightened: a database that came with a loose mode is made private.
func TestModeTightened(t *testing.T) {
	dir := t.TempDir()
	if err := openTest(t, dir, Options{}).Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, File)
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	openTest(t, dir, Options{})
	if fi, err := os.Stat(path); err != nil || fi.Mode().Perm() != 0o600 {
		t.Fatalf("mode %v, %v", fi.Mode(), err)
	}
}

func TestOddDirectoryNames(t *testing.T) {
	for _, name := range []string{"with space", "a?mode=memory", "a#b", "100%25", "é&_pragma=x"} {
		dir := filepath.Join(t.TempDir(), name)
		e := openTest(t, dir, Options{})
		mustAppend(t, e, testKey("k", "b"), testDraft("n1"))
		if _, err := os.Stat(filepath.Join(dir, File)); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
}

// TestMigrations takes a database through steps that are yet to be thought
// of: each is made once, in order, and one that fails leaves its predecessor's
// schema for the next start.
func TestMigrations(t *testing.T) {
	ctx, path := t.Context(), filepath.Join(t.TempDir(), File)
	c := bare(t, path)
	steps := append(migrations(), "CREATE TABLE notes (n INTEGER) STRICT; INSERT INTO notes VALUES (3)")
	bad := append(slices.Clone(steps), "INSERT INTO notes VALUES (4); INSERT INTO nowhere VALUES (1)")
	good := append(slices.Clone(steps), "INSERT INTO notes VALUES (4)")
	if err := bringUp(ctx, c, migrations()); err != nil {
		t.Fatal(err)
	}
	was, err := readLog(ctx, c)
	if err != nil {
		t.Fatal(err)
	}
	if err := bringUp(ctx, c, bad); err == nil || !strings.Contains(err.Error(), fmt.Sprint("version ", len(bad))) {
		t.Fatalf("a step that fails: %v", err)
	}
	for _, s := range []struct {
		steps   []string
		version int
		notes   int
	}{{steps, len(steps), 1}, {good, len(good), 2}, {good, len(good), 2}} {
		if err := bringUp(ctx, c, s.steps); err != nil {
			t.Fatal(err)
		}
		version, err := identify(ctx, c, len(good))
		var notes int
		if err := errors.Join(err, c.row(ctx, "SELECT count(*) FROM notes", nil, &notes)); err != nil {
			t.Fatal(err)
		}
		if version != s.version || notes != s.notes {
			t.Fatalf("version %d with %d notes, want %d with %d", version, notes, s.version, s.notes)
		}
	}
	if is, err := readLog(ctx, c); err != nil || is != was {
		t.Fatalf("the log was %+v and is %+v, %v", was, is, err)
	}
	// What is there now is too new for this package, and too old for a later one.
	if err := bringUp(ctx, c, migrations()); !errors.Is(err, ErrNewer) || !strings.Contains(err.Error(), fmt.Sprintf("schema %d; this one knows %d", len(good), len(migrations()))) {
		t.Fatalf("a newer schema: %v", err)
	}
	if err := expect(ctx, c, len(good)+1); err == nil || !strings.Contains(err.Error(), "older") {
		t.Fatalf("an older schema: %v", err)
	}
}

func TestOpenRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		make func(t *testing.T, path string)
		want error
	}{
		"a newer schema": {func(t *testing.T, path string) {
			openTest(t, filepath.Dir(path), Options{})
			mustExec(t, bare(t, path), "PRAGMA user_version = 99")
		}, ErrNewer},
		"another program's database": {func(t *testing.T, path string) {
			mustExec(t, bare(t, path), "CREATE TABLE bookmarks (url TEXT)")
		}, ErrForeign},
		"another program's mark": {func(t *testing.T, path string) {
			mustExec(t, bare(t, path), "PRAGMA application_id = 7")
		}, ErrForeign},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			t.Run("make", func(t *testing.T) { c.make(t, filepath.Join(dir, File)) }) // closed at its end
			for _, beside := range []bool{false, true} {
				e, err := Open(t.Context(), dir, Options{Beside: beside})
				if !errors.Is(err, c.want) || e != nil {
					t.Fatalf("got %v, want %v", err, c.want)
				}
			}
			// The lock is not kept by those who were refused.
			lock, err := lockDir(dir)
			if err != nil {
				t.Fatal(err)
			}
			if err := lock.release(); err != nil {
				t.Fatal(err)
			}
		})
	}
	t.Run("a text file", func(t *testing.T) {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, File), []byte(strings.Repeat("not a database\n", 100)), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(t.Context(), dir, Options{}); err == nil {
			t.Fatal("a text file was opened")
		}
	})
}

func mustExec(t *testing.T, c *conn, query string) {
	t.Helper()
	if _, err := c.sql.ExecContext(context.Background(), query); err != nil {
		t.Fatal(err)
	}
}
