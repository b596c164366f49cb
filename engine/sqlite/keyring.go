package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"crier/desk"
)

// PutKey implements desk.Keyring. A sum has one holder: the last put with it.
func (e *Engine) PutKey(ctx context.Context, k desk.Credential) error {
	err := e.writer.write(ctx, func(ctx context.Context, c *conn) error {
		_, err := c.exec(ctx, "INSERT OR REPLACE INTO credentials VALUES (?, ?, ?, ?, ?)",
			k.ID, k.Sum[:], k.Name, k.Role, at(k.CreatedAt))
		return err
	}, nil)
	if err != nil {
		return failed("keep editor key", err)
	}
	return nil
}

const editorColumns = "id, name, role, created_at"

type editorRow struct {
	editor  desk.Editor
	created int64
}

func (r *editorRow) dest() []any {
	return []any{&r.editor.ID, &r.editor.Name, &r.editor.Role, &r.created}
}

func (r *editorRow) read() desk.Editor {
	r.editor.CreatedAt = when(r.created)
	return r.editor
}

// KeyHolder implements desk.Keyring.
func (e *Engine) KeyHolder(ctx context.Context, sum desk.Sum) (desk.Editor, error) {
	var r editorRow
	err := e.view(ctx, func(c *conn) error {
		return c.row(ctx, "SELECT "+editorColumns+" FROM credentials WHERE sum = ?", []any{sum[:]}, r.dest()...)
	})
	if errors.Is(err, sql.ErrNoRows) {
		err = desk.ErrNoKey
	}
	if err != nil {
		return desk.Editor{}, failed("find editor key", err)
	}
	return r.read(), nil
}

// Keys implements desk.Keyring.
func (e *Engine) Keys(ctx context.Context) ([]desk.Editor, error) {
	var out []desk.Editor
	err := e.view(ctx, func(c *conn) error {
		return c.rows(ctx, "SELECT "+editorColumns+" FROM credentials ORDER BY created_at, id", nil, func(rows *sql.Rows) error {
			var r editorRow
			err := rows.Scan(r.dest()...)
			out = append(out, r.read())
			return err
		})
	})
	if err != nil {
		return nil, failed("list editor keys", err)
	}
	return out, nil
}

// RevokeKey implements desk.Keyring.
func (e *Engine) RevokeKey(ctx context.Context, id string) error {
	err := e.writer.write(ctx, func(ctx context.Context, c *conn) error {
		n, err := c.exec(ctx, "DELETE FROM credentials WHERE id = ?", id)
		if err == nil && n == 0 {
			err = desk.ErrNoKey
		}
		return err
	}, nil)
	if err != nil {
		return failed(fmt.Sprintf("revoke editor key %.64q", id), err)
	}
	return nil
}
