package desk_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"crier/desk"
)

func TestNewKey(t *testing.T) {
	at := time.Date(2026, 3, 1, 12, 0, 0, 999999, time.UTC)
	secret, c, err := desk.NewKey(" Ada ", desk.RoleChief, at)
	if err != nil {
		t.Fatal(err)
	}
	other, d, _ := desk.NewKey("Ada", desk.RoleChief, at)
	if secret == other || c.ID == d.ID {
		t.Error("two keys are alike")
	}
	// 32 random bytes are 43 characters of base64.
	if body, ok := strings.CutPrefix(secret, "crier_"); !ok || len(body) != 43 {
		t.Errorf("the secret is %q", secret)
	}
	if c.Sum != desk.KeySum(secret) || c.Name != "Ada" || c.Role != desk.RoleChief || !c.CreatedAt.Equal(at.Truncate(time.Millisecond)) {
		t.Errorf("credential %+v", c)
	}
}

func TestKeysRefused(t *testing.T) {
	for _, c := range []struct {
		name string
		role desk.Role
		want error
	}{
		{"", desk.RoleEditor, desk.ErrName},
		{" ", desk.RoleEditor, desk.ErrName},
		{"a\nb", desk.RoleEditor, desk.ErrName},
		{strings.Repeat("a", desk.MaxName+1), desk.RoleEditor, desk.ErrName},
		{"Ada", "", desk.ErrRole},
		{"Ada", "root", desk.ErrRole},
	} {
		if secret, _, err := desk.NewKey(c.name, c.role, time.Now()); !errors.Is(err, c.want) || secret != "" {
			t.Errorf("NewKey(%q, %q) = %q, %v; want %v", c.name, c.role, secret, err, c.want)
		}
	}
	if _, err := desk.FixedKey(strings.Repeat("a", 23), time.Now()); !errors.Is(err, desk.ErrWeak) {
		t.Errorf("a short key of the environment was taken: %v", err)
	}
}

func TestRolesCover(t *testing.T) {
	roles := []desk.Role{desk.RoleEditor, desk.RoleChief, desk.RoleAdmin}
	for i, has := range roles {
		for j, need := range roles {
			if got := has.Covers(need); got != (i >= j) {
				t.Errorf("%s covers %s: %v", has, need, got)
			}
		}
	}
	for _, r := range append(roles, "", "root") {
		if desk.Role("root").Covers(r) || desk.Role("").Covers(r) {
			t.Errorf("what is no role covers %q", r)
		}
		if r.Covers("root") || r.Covers("") {
			t.Errorf("%q covers what is no role", r)
		}
	}
}
