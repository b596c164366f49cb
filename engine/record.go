package engine

import (
	"iter"
	"time"

	"crier/desk"
	"crier/news"
	"crier/push"
)

// Kind is what a record is of.
type Kind string

// The kinds of record, in the order in which they are exported.
const (
	KindLog          Kind = "log"
	KindEntry        Kind = "entries"
	KindItem         Kind = "items"
	KindKey          Kind = "idempotency keys"
	KindEditor       Kind = "editors"
	KindSecret       Kind = "shared secrets"
	KindAlarm        Kind = "alarms"
	KindRate         Kind = "learned rates"
	KindCampaign     Kind = "campaigns"
	KindNonce        Kind = "receipts"
	KindSubscription Kind = "subscriptions"
	KindRetry        Kind = "retries"
	KindLetter       Kind = "dead letters"
)

// Kinds is every kind of record, in the order in which they are exported. The
// slice is the caller's.
func Kinds() []Kind {
	return []Kind{KindLog, KindEntry, KindItem, KindKey, KindEditor, KindSecret, KindAlarm, KindRate, KindCampaign, KindNonce, KindSubscription, KindRetry, KindLetter}
}

// Record is a Log, Entry, Item, Key, Editor, Secret, Alarm, Rate, Campaign,
// Nonce, Subscription, Retry or Letter. Times are in UTC, to the millisecond.
type Record interface{ kind() Kind }

// Log is what there is one of. It is the first record.
type Log struct {
	Epoch    string
	Head     uint64      // offset of the last entry
	Floor    uint64      // entries up to this offset have been trimmed
	Followed news.Cursor // entries up to here have become campaigns
	Stop     *push.Stop  // in force; nil if there is none
	Trusted  time.Time   // until then no alarm is raised
}

// Entry is a line of the log that has not been trimmed, by offset.
type Entry struct {
	Entry news.Entry
	By    string    // the editor's key
	At    time.Time // when it was appended
}

// Item is the last entry of an item, newest item first.
type Item struct{ Entry news.Entry }

// Key is an idempotency key, by value.
type Key struct {
	Value string
	Sum   [32]byte
	Entry news.Entry // what it answers with; its line of the log may have been trimmed
	Until time.Time  // the end of its life
}

// Editor is an editor's credential, by ID.
type Editor struct{ Credential desk.Credential }

// Secret is what all nodes of a site share, by name.
type Secret struct {
	Name  string
	Value []byte
}

// Alarm is an alarm that stands, by service.
type Alarm struct{ Alarm push.Alarm }

// Rate is what was learned of a push service, by service.
type Rate struct{ Rate push.Rate }

// VAPID is the name of the secret with the VAPID keys, in the form of
// push.NewVAPID.
const VAPID = "vapid"

// Campaign is a campaign with its counts, in the order of opening.
type Campaign struct {
	Number             int64 // 1, 2, 3 …
	Campaign           push.Campaign
	Standing           int64 // subscriptions that stood when it opened
	Cancelled          bool
	Tally              push.Tally
	Displayed, Clicked int64         // receipts, as they were counted
	DisplayedAt        map[int]int64 // see push.Tenth
	Ranges             []Range       // that are not done, by Low
}

// Range is a part of a campaign that is not done.
type Range struct {
	push.Range
	Position push.ID // the last subscription scanned
	Scanned  bool
	Token    int64   // of the last claim
	Reached  push.ID // up to here come those whom a replaced campaign had reached; zero if the range is past them
}

// Nonce is a receipt that was counted, by campaign, kind and sum.
type Nonce struct {
	Campaign int64 // its number
	Kind     push.ReceiptKind
	Sum      [16]byte // the first half of the nonce's SHA-256
}

// Subscription is a subscription, by ID.
type Subscription struct {
	Subscription push.Subscription
	Born         int64 // the number of the last campaign that was opened before it was made, 0 for none
}

// Retry is a delivery to be attempted again, by campaign, range and ID.
type Retry struct {
	Campaign int64 // its number
	Low      int   // of its range
	ID       push.ID
	Attempts int
	Due      time.Time // zero if departed
	Departed bool      // its subscription is no more: only to be counted
}

// Letter is a dead letter, by campaign and ID.
type Letter struct {
	Campaign int64 // its number
	Range    push.Range
	Letter   push.Letter
}

func (Log) kind() Kind          { return KindLog }
func (Entry) kind() Kind        { return KindEntry }
func (Item) kind() Kind         { return KindItem }
func (Key) kind() Kind          { return KindKey }
func (Editor) kind() Kind       { return KindEditor }
func (Secret) kind() Kind       { return KindSecret }
func (Alarm) kind() Kind        { return KindAlarm }
func (Rate) kind() Kind         { return KindRate }
func (Campaign) kind() Kind     { return KindCampaign }
func (Nonce) kind() Kind        { return KindNonce }
func (Subscription) kind() Kind { return KindSubscription }
func (Retry) kind() Kind        { return KindRetry }
func (Letter) kind() Kind       { return KindLetter }

// Over reports whether at the time at a campaign takes no receipts any more and
// its dead letters are forgotten.
func Over(c push.Campaign, at time.Time) bool { return at.After(c.Deadline.Add(push.ReceiptLife)) }

// Records is the records that walk puts, and then its error if it has one. It
// is how exporters make their sequence: put fails when no more is wanted, and
// walk returns that error as it is.
func Records(walk func(put func(Record) error) error) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		enough := false
		err := walk(func(r Record) error {
			if !yield(r, nil) {
				enough = true
				return errEnough
			}
			return nil
		})
		if err != nil && !enough {
			yield(nil, err)
		}
	}
}
