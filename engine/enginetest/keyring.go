package enginetest

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"crier/desk"
)

func testKeyring(t *testing.T, s *store) {
	ctx, e := t.Context(), s.node(0)
	equal(t, "editors", len(must(e.Keys(ctx))(t)), 0)
	var keys []desk.Credential
	var editors []desk.Editor
	for i, role := range []desk.Role{desk.RoleEditor, desk.RoleChief, desk.RoleAdmin} {
		_, k, err := desk.NewKey(fmt.Sprintf("Désk %d", i), role, base.Add(time.Duration(i)*time.Hour))
		ok(t, err)
		keys, editors = append(keys, k), append(editors, k.Editor)
	}
	for _, i := range []int{2, 0, 1} {
		ok(t, e.PutKey(ctx, keys[i]))
	}
	equal(t, "editors, oldest key first", must(s.node(1).Keys(ctx))(t), editors)
	for _, k := range keys {
		equal(t, "holder", must(s.node(1).KeyHolder(ctx, k.Sum))(t), k.Editor)
	}
	if _, err := e.KeyHolder(ctx, desk.KeySum("no such key")); !errors.Is(err, desk.ErrNoKey) {
		t.Fatalf("an unknown key: %v", err)
	}

	// An editor's new key replaces the old one.
	changed := keys[0]
	changed.Sum, changed.Name, changed.Role = desk.KeySum("another secret"), "Moved up", desk.RoleChief
	ok(t, e.PutKey(ctx, changed))
	equal(t, "holder of the new key", must(s.node(1).KeyHolder(ctx, changed.Sum))(t), changed.Editor)
	if _, err := s.node(1).KeyHolder(ctx, keys[0].Sum); !errors.Is(err, desk.ErrNoKey) {
		t.Fatalf("the replaced key: %v", err)
	}
	equal(t, "editors", must(e.Keys(ctx))(t), []desk.Editor{changed.Editor, editors[1], editors[2]})

	ok(t, e.RevokeKey(ctx, keys[1].ID))
	for _, sum := range []desk.Sum{keys[1].Sum, {}} {
		if _, err := s.node(1).KeyHolder(ctx, sum); !errors.Is(err, desk.ErrNoKey) {
			t.Fatalf("a revoked key: %v", err)
		}
	}
	for _, id := range []string{keys[1].ID, "", "k-none"} {
		if err := e.RevokeKey(ctx, id); !errors.Is(err, desk.ErrNoKey) {
			t.Fatalf("revoking %q: %v", id, err)
		}
	}
	equal(t, "editors", must(e.Keys(ctx))(t), []desk.Editor{changed.Editor, editors[2]})
}
