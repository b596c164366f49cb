package redis

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"crier/desk"
)

func (k keys) keyring() []string { return []string{k.editors(), k.sums()} }

// PutKey implements desk.Keyring. A sum has one holder: the last put with it.
func (e *Engine) PutKey(ctx context.Context, k desk.Credential) error {
	k.CreatedAt = when(at(k.CreatedAt))
	editor, err := json.Marshal(k.Editor)
	if err == nil {
		_, err = e.run(ctx, e.scripts.putKey, e.keys.keyring(), k.ID, k.Sum[:], editor)
	}
	if err != nil {
		return failed("keep editor key", err)
	}
	return nil
}

// KeyHolder implements desk.Keyring.
func (e *Engine) KeyHolder(ctx context.Context, sum desk.Sum) (desk.Editor, error) {
	var out desk.Editor
	v, err := e.run(ctx, e.scripts.keyHolder, e.keys.keyring(), sum[:])
	if s, ok := v.(string); err == nil && ok {
		out, err = readEditor(s)
	} else if err == nil {
		err = desk.ErrNoKey
	}
	if err != nil {
		return desk.Editor{}, failed("find editor key", err)
	}
	return out, nil
}

// readEditor reads a sum of 32 bytes and the editor in JSON.
func readEditor(s string) (e desk.Editor, err error) {
	err = json.Unmarshal([]byte(s[min(len(s), len(desk.Sum{})):]), &e)
	return e, err
}

// Keys implements desk.Keyring.
func (e *Engine) Keys(ctx context.Context) ([]desk.Editor, error) {
	all, err := again(ctx, e, func(ctx context.Context) (map[string]string, error) {
		return e.client.HGetAll(ctx, e.keys.editors()).Result()
	})
	var out []desk.Editor
	for _, s := range all {
		var ed desk.Editor
		if ed, err = readEditor(s); err != nil {
			break
		}
		out = append(out, ed)
	}
	if err != nil {
		return nil, failed("list editor keys", err)
	}
	slices.SortFunc(out, func(a, b desk.Editor) int {
		return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), cmp.Compare(a.ID, b.ID))
	})
	return out, nil
}

// RevokeKey implements desk.Keyring.
func (e *Engine) RevokeKey(ctx context.Context, id string) error {
	v, err := e.once(ctx, e.scripts.revokeKey, e.keys.keyring(), id)
	if err == nil && v != int64(1) {
		err = desk.ErrNoKey
	}
	if err != nil {
		return failed(fmt.Sprintf("revoke editor key %.64q", id), err)
	}
	return nil
}
