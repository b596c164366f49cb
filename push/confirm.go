package push

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"crier/news"
)

// Confirm is whose subscriptions must be confirmed before they get alerts. The
// greeting of one carries a nonce, which its service worker sends back: so
// nobody can make us send alerts to endpoints that no browser of our readers
// has.
type Confirm string

// Whose subscriptions must be confirmed.
const (
	ConfirmVendors Confirm = "vendors" // those at the browser vendors' push services, not those that the operator named
	ConfirmAll     Confirm = "all"
	ConfirmNone    Confirm = "none"
)

// ErrNotConfirmed says that a confirmation is not of a subscription that stands.
var ErrNotConfirmed = errors.New("the confirmation is of no subscription")

// How subscriptions are confirmed.
const (
	greetAgain  = 10 * time.Minute // after a visit, before one more greets who has not confirmed
	confirmLife = 24 * time.Hour   // after a visit, until who has not confirmed is forgotten
)

// confirm is what a greeting carries and a browser sends back.
type confirm struct {
	Subscription string `json:"subscription"` // its ID
	Nonce        string `json:"nonce"`
}

// must reports whether a subscription with the endpoint must be confirmed.
func (c Confirm) must(hosts Hosts, endpoint string) bool {
	if c != ConfirmVendors {
		return c == ConfirmAll
	}
	t, fault := hosts.target(endpoint)
	return fault != nil || !t.named
}

// nonce is the one of a subscription: nobody can make it without our key, and
// there is nothing to keep.
func (k *keyring) nonce(s *Subscription) (string, bool) {
	p, ok := k.now.Load().vapid.numbered(s.Key)
	if !ok {
		return "", false
	}
	h := hmac.New(sha256.New, []byte("crier confirmation "+p.Private))
	h.Write(s.ID[:])
	h.Write(s.Auth[:])
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil)[:16]), true
}

// Confirm notes that a notification has arrived at the subscription with the ID,
// in hexadecimal, if the nonce is its own. Errors: [news.Invalid],
// ErrNotConfirmed.
func (s *Service) Confirm(ctx context.Context, subscription, nonce string) error {
	b, err := hex.DecodeString(subscription)
	if err != nil || len(b) != len(ID{}) {
		return news.Invalid{{Field: "subscription", Problem: "is not a subscription's", Mend: "send data.confirm of the notification"}}
	}
	if len(nonce) != tokenLength {
		return news.Invalid{{Field: "nonce", Problem: "is not a nonce", Mend: "send data.confirm of the notification"}}
	}
	sub, err := s.store.Subscription(ctx, ID(b))
	if err != nil && !errors.Is(err, ErrNoSubscription) {
		return err
	}
	want, ok := s.keys.nonce(&sub)
	if err != nil || !ok || !hmac.Equal([]byte(want), []byte(nonce)) {
		return ErrNotConfirmed
	}
	if !sub.Unconfirmed {
		return nil
	}
	err = s.store.ConfirmSubscription(ctx, sub.ID, sub.Auth)
	if errors.Is(err, ErrNoSubscription) || errors.Is(err, ErrNotYours) { // it has changed meanwhile
		err = ErrNotConfirmed
	}
	return err
}

// check is nil if c is one of the three.
func (c Confirm) check() error {
	switch c {
	case ConfirmVendors, ConfirmAll, ConfirmNone:
		return nil
	}
	return fmt.Errorf("confirm %.20q: use vendors, all or none", string(c))
}
