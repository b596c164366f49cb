package sqlite

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"crier/engine"
	"crier/engine/enginetest"
	"crier/news"
	"crier/push"
)

// directories are the data directories as places to move from and to.
func directories() enginetest.Place {
	return enginetest.Place{
		Create: func(t testing.TB) string { return filepath.Join(t.TempDir(), "data") },
		Open:   func(ctx context.Context, dir string) (enginetest.Engine, error) { return Open(ctx, dir, Options{}) },
		Source: func(ctx context.Context, dir string) (enginetest.Source, error) { return OpenSource(ctx, dir) },
		Target: func(ctx context.Context, dir string) (enginetest.Target, error) { return OpenTarget(ctx, dir) },
	}
}

func TestMove(t *testing.T) { enginetest.RunMove(t, directories(), directories()) }

// TestMoveAround: what is in a directory beside a database is not moved over.
func TestMoveAround(t *testing.T) {
	for _, name := range []string{push.VAPIDFile, File + "-wal"} {
		dir := t.TempDir()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := OpenTarget(t.Context(), dir); !errors.Is(err, engine.ErrNotEmpty) {
			t.Errorf("%s: %v", name, err)
		}
		if b, err := os.ReadFile(path); err != nil || string(b) != "x" {
			t.Errorf("%s is %q, %v", name, b, err)
		}
	}
}

// TestMoveDamaged: a log with a hole does not pass for a trimmed one.
func TestMoveDamaged(t *testing.T) {
	dir := t.TempDir()
	t.Run("make", func(t *testing.T) {
		e := openTest(t, dir, Options{})
		for _, id := range []string{"n1", "n2", "n3"} {
			mustAppend(t, e, news.Key{}, testDraft(id))
		}
		onWriter(t, e, "DELETE FROM entries WHERE offset = 2")
	})
	from, err := OpenSource(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	to, err := OpenTarget(t.Context(), filepath.Join(t.TempDir(), "data"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := engine.Move(t.Context(), from, to, engine.Options{}); err == nil || !strings.Contains(err.Error(), "damaged") {
		t.Errorf("moving a log with a hole: %v", err)
	}
	if err := errors.Join(from.Close(), to.Close()); err != nil {
		t.Error(err)
	}
}
