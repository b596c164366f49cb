package sqlite

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"crier/engine/enginetest"
)

func TestConformance(t *testing.T) {
	enginetest.Run(t, enginetest.Harness{
		Create: func(t testing.TB) string { return t.TempDir() },
		Open: func(ctx context.Context, dir string) (enginetest.Engine, error) {
			return Open(ctx, dir, Options{})
		},
		Nodes: 1,
		Save:  save,
	})
}

// save makes a backup; to restore it the data directory is emptied first, as
// an operator would.
func save(t testing.TB, dir string) func(testing.TB) {
	backup := filepath.Join(t.TempDir(), "backup.db")
	e, err := Open(t.Context(), dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Backup(t.Context(), backup); err != nil {
		t.Fatal(err)
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	return func(t testing.TB) {
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
		if err := Restore(t.Context(), backup, dir); err != nil {
			t.Fatal(err)
		}
	}
}
