package sqlite

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"

	"crier/engine"
	"crier/news"
)

// applicationID marks a database as Crier's: "Crie" in ASCII, at byte 68 of
// the file, where file(1) and others look for it.
const applicationID = 0x43726965

// movingID marks it as half a move, "Crim", so that nothing opens it, not even
// a version that knows of no moves.
const movingID = 0x4372696d

//go:embed schema/*.sql
var schemaFiles embed.FS

// migrations are the steps from an empty database to the schema of this
// package, in order. A step that has been released is never changed: number n
// takes user_version from n-1 to n.
func migrations() []string {
	names, err := fs.Glob(schemaFiles, "schema/*.sql")
	steps := make([]string, len(names))
	for i, name := range names {
		var text []byte
		if text, err = schemaFiles.ReadFile(name); err != nil {
			break
		}
		steps[i] = string(text)
	}
	if err != nil { // the files are part of the program
		panic(err)
	}
	return steps
}

// bringUp makes c's database Crier's and up to date, one transaction a step,
// so that an interrupted start is taken up where it stopped.
func bringUp(ctx context.Context, c *conn, steps []string) error {
	version, err := identify(ctx, c, len(steps))
	if err != nil {
		return err
	}
	for n := version + 1; n <= len(steps); n++ {
		if err := step(ctx, c, n, steps[n-1]); err != nil {
			return fmt.Errorf("migrate the schema to version %d: %w", n, err)
		}
	}
	return nil
}

func step(ctx context.Context, c *conn, n int, text string) (err error) {
	if _, err = c.exec(ctx, "BEGIN IMMEDIATE"); err != nil {
		return err
	}
	defer func() {
		end := "COMMIT"
		if err != nil {
			end = "ROLLBACK"
		}
		_, failed := c.sql.ExecContext(context.WithoutCancel(ctx), end)
		err = errors.Join(err, failed)
	}()
	// Not c.exec, which would keep the statements for ever.
	if _, err = c.sql.ExecContext(ctx, text); err != nil {
		return err
	}
	marks := fmt.Sprintf("PRAGMA application_id = %d; PRAGMA user_version = %d", applicationID, n)
	if _, err = c.sql.ExecContext(ctx, marks); err != nil || n > 1 {
		return err
	}
	_, err = c.sql.ExecContext(ctx, "INSERT INTO log VALUES (1, ?, 0, 0)", news.NewEpoch())
	return err
}

// expect fails unless c's database is Crier's, of exactly the version known.
func expect(ctx context.Context, c *conn, known int) error {
	version, err := identify(ctx, c, known)
	if err == nil && version < known {
		err = fmt.Errorf("schema %d is older than this program's %d: restart the server with this version first", version, known)
	}
	return err
}

// identify is the version of c's schema: 0 for a database with nothing in it.
// Errors: ErrForeign, ErrNewer, engine.ErrHalfMoved.
func identify(ctx context.Context, c *conn, known int) (version int, err error) {
	var id, tables int
	for _, q := range []struct {
		text string
		dest *int
	}{
		{"PRAGMA application_id", &id},
		{"PRAGMA user_version", &version},
		{"SELECT count(*) FROM sqlite_schema", &tables},
	} {
		if err := c.row(ctx, q.text, nil, q.dest); err != nil {
			return 0, err
		}
	}
	switch {
	case id == 0 && version == 0 && tables == 0:
		return 0, nil
	case id == movingID:
		return 0, engine.ErrHalfMoved
	case id != applicationID || version == 0:
		return 0, ErrForeign
	case version > known:
		return 0, fmt.Errorf("%w (schema %d; this one knows %d)", ErrNewer, version, known)
	}
	return version, nil
}
