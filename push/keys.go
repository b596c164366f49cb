package push

import (
	"bytes"
	"context"
	"crypto/hkdf"
	"crypto/sha256"
	"fmt"
	"sync/atomic"
	"time"

	"crier/push/seal"
)

// KeyStore keeps the VAPID keys for all nodes, in the form of VAPID.Bytes. Its
// methods wait for the store and are safe for concurrent use.
type KeyStore interface {
	// Kept is what is kept.
	Kept(ctx context.Context) ([]byte, error)
	// Replace keeps fresh if old is what is kept, and reports whether it was.
	Replace(ctx context.Context, old, fresh []byte) (replaced bool, err error)
}

// keysEvery is how often a node asks whether the keys were rotated.
const keysEvery = 2 * time.Second

// keyring is the VAPID keys as this node knows them.
type keyring struct {
	subject string
	now     atomic.Pointer[signers]
}

// signers is the keys at a time.
type signers struct {
	vapid VAPID
	kept  []byte // as the store had them; nil at first
	desk  []byte // see Service.DeskKey
	by    map[int]*seal.Signer
}

func newKeyring(v VAPID, subject string) (*keyring, error) {
	k := &keyring{subject: subject}
	return k, k.adopt(v, nil)
}

// adopt has these be the keys. Signers stay, with the tokens they have signed.
// It is called by one goroutine at a time.
func (k *keyring) adopt(v VAPID, kept []byte) error {
	next := &signers{vapid: v, kept: kept, by: map[int]*seal.Signer{}}
	old := k.now.Load()
	for _, p := range v.pairs {
		if old != nil && old.by[p.Number] != nil && old.by[p.Number].Public() == p.Public {
			next.by[p.Number] = old.by[p.Number]
			continue
		}
		s, err := seal.NewSigner(p.Private, k.subject)
		if err != nil {
			return err
		}
		next.by[p.Number] = s
	}
	if len(next.by) == 0 {
		return fmt.Errorf("VAPID keys: %w", seal.ErrSigningKey)
	}
	var err error
	if next.desk, err = hkdf.Key(sha256.New, []byte(v.pairs[0].Private), nil, "crier desk tickets", 32); err != nil {
		return fmt.Errorf("the desks' key: %w", err)
	}
	k.now.Store(next)
	return nil
}

// signer is the one for subscriptions that were made with the key of the
// number. If there is none, out says what becomes of their notifications: what
// another node has made is known here in a moment, what was retired is no more.
func (k *keyring) signer(number int, now time.Time) (s *seal.Signer, out outcome) {
	all := k.now.Load()
	if s := all.by[number]; s != nil {
		return s, outcome{}
	}
	if number > all.vapid.Newest() {
		return nil, outcome{fate: unsent, after: keysEvery, at: now}
	}
	return nil, outcome{fate: failed, reason: FailedKeys, at: now}
}

// hearKeys takes over what another node or an operator has made of the keys.
func (s *Service) hearKeys(ctx context.Context) error {
	if s.o.Keys == nil {
		return nil
	}
	kept, err := s.o.Keys.Kept(ctx)
	if err != nil || bytes.Equal(kept, s.keys.now.Load().kept) {
		return err
	}
	v, err := ParseVAPID(kept)
	if err != nil {
		return err
	}
	if was := s.keys.now.Load(); was.kept != nil {
		s.o.Logger.Info("the VAPID keys have changed", "newest", v.Newest(), "oldest", v.Oldest())
	}
	return s.keys.adopt(v, kept)
}

// DeskKey is 32 bytes to sign tickets for desks with, the same on all nodes a
// few seconds after the VAPID keys were rotated. It tells nothing of these.
func (s *Service) DeskKey() []byte { return s.keys.now.Load().desk }

// PublicKey is what browsers subscribe with: an uncompressed point in base64url.
func (s *Service) PublicKey() string { return s.keys.now.Load().vapid.Public() }
