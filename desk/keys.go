package desk

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Role is what an editor may do; each role may do all that a lesser one may.
type Role string

// The roles, least first.
const (
	RoleEditor Role = "editor" // posts and revises
	RoleChief  Role = "chief"  // also stops and resumes all campaigns
	RoleAdmin  Role = "admin"  // also everything an operator does over HTTP
)

// rank orders the roles; 0 for what is not one.
func (r Role) rank() int {
	switch r {
	case RoleEditor:
		return 1
	case RoleChief:
		return 2
	case RoleAdmin:
		return 3
	}
	return 0
}

// Valid reports whether r is a role.
func (r Role) Valid() bool { return r.rank() > 0 }

// Covers reports whether r may do what needs the role need.
func (r Role) Covers(need Role) bool { return r.rank() >= need.rank() && need.Valid() }

// Editor is the holder of a key. It carries nothing secret.
type Editor struct {
	ID        string    `json:"id"`
	Name      string    `json:"name"`
	Role      Role      `json:"role"`
	CreatedAt time.Time `json:"created_at"`
}

// Sum is the SHA-256 of a key: all that is kept of it.
type Sum [sha256.Size]byte

// KeySum is the sum of a key as its holder presents it.
func KeySum(secret string) Sum { return sha256.Sum256([]byte(secret)) }

// Credential is an editor with the sum of the key.
type Credential struct {
	Editor
	Sum Sum
}

// keyPrefix lets secret scanners recognise a key that leaked into a repository.
const keyPrefix = "crier_"

// MaxName bounds an editor's name in characters.
const MaxName = 80

// Errors of the keyring.
var (
	ErrNoKey = errors.New("no such editor key")
	ErrRole  = errors.New("not a role: use editor, chief or admin")
	ErrName  = fmt.Errorf("not an editor's name: use 1 to %d printable characters", MaxName)
	ErrWeak  = errors.New("the key is too short: use at least 24 characters")
)

// NewKey makes a key for a new editor. The secret is 32 random bytes in text
// form and is to be shown once. Errors: ErrRole, ErrName.
func NewKey(name string, role Role, at time.Time) (secret string, c Credential, err error) {
	var b [32]byte
	rand.Read(b[:])
	secret = keyPrefix + base64.RawURLEncoding.EncodeToString(b[:])
	c, err = credential("k"+strings.ToLower(rand.Text()[:12]), name, role, secret, at)
	if err != nil {
		return "", Credential{}, err
	}
	return secret, c, nil
}

// FixedKeyID is the editor whose key the operator set in the environment.
const FixedKeyID = "k-env"

// FixedKey is the credential of a key that the operator chose, of at least 24
// characters. Errors: ErrWeak.
func FixedKey(secret string, at time.Time) (Credential, error) {
	if len(secret) < 24 {
		return Credential{}, ErrWeak
	}
	return credential(FixedKeyID, "CRIER_ADMIN_KEY", RoleAdmin, secret, at)
}

func credential(id, name string, role Role, secret string, at time.Time) (Credential, error) {
	name = strings.TrimSpace(name)
	switch {
	case !role.Valid():
		return Credential{}, ErrRole
	case name == "" || utf8.RuneCountInString(name) > MaxName || strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }):
		return Credential{}, ErrName
	}
	at = at.UTC().Truncate(time.Millisecond)
	return Credential{Editor{ID: id, Name: name, Role: role, CreatedAt: at}, KeySum(secret)}, nil
}

// Keyring keeps credentials. Methods wait for the engine and honour ctx; all
// are safe for concurrent use.
type Keyring interface {
	// PutKey keeps c, in place of an earlier credential of the same ID.
	PutKey(ctx context.Context, c Credential) error
	// KeyHolder is the editor whose key has the sum. Errors: ErrNoKey.
	KeyHolder(ctx context.Context, sum Sum) (Editor, error)
	// Keys is every editor, oldest key first.
	Keys(ctx context.Context) ([]Editor, error)
	// RevokeKey forgets the credential of an editor. Errors: ErrNoKey.
	RevokeKey(ctx context.Context, id string) error
}
