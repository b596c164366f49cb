package news

import (
	"context"
	"errors"
	"time"
)

// Errors of the log's contract. Engines return them wrapped; test with errors.Is.
var (
	// ErrCursorLost: the entries after a cursor are not there: trimmed, of
	// another epoch, or the cursor is ahead of the log. Take a snapshot of the
	// front and follow from its cursor.
	ErrCursorLost = errors.New("the history after this cursor is lost")
	// ErrKeyReused: the idempotency key has been used with another body.
	ErrKeyReused = errors.New("idempotency key used before with another body")
	// ErrConflict: the item is not at the version the draft revises.
	ErrConflict = errors.New("the item has changed")
	// ErrNoItem: there is no such item.
	ErrNoItem = errors.New("no such item")
	// ErrUnavailable: the engine cannot take the append just now; nothing was
	// kept, and the same call may be made again.
	ErrUnavailable = errors.New("the log is unavailable")
)

// Log is the append-only truth. Methods wait for the engine and honour ctx;
// all are safe for concurrent use.
type Log interface {
	// Append makes d durable as the log's next entry and then rings the
	// doorbell. Exactly one append is made per key, however many callers race:
	// the others, and every later call with the same key and sum within
	// KeyLife, get the first one's receipt with Replayed set. An empty
	// Key.Value asks for no such protection. Errors: ErrKeyReused, ErrConflict,
	// ErrNoItem, ErrUnavailable; after any of them the log is unchanged. After
	// a ctx error the append may or may not have happened: repeat it with the
	// same key to learn which.
	Append(ctx context.Context, key Key, d Draft) (Receipt, error)
	// Since returns up to limit (at least 1) entries after from, oldest first;
	// none when from is the head. Errors: ErrCursorLost.
	Since(ctx context.Context, from Cursor, limit int) ([]Entry, error)
	// Head is the cursor of the last entry; its offset is 0 in an empty log.
	Head(ctx context.Context) (Cursor, error)
	// Wake hands out a channel of hints that entries were appended, by anyone
	// on any node. A hint may be lost, doubled or late; sending never waits
	// for a receiver. Call stop when done; c is not closed.
	Wake() (c <-chan Hint, stop func())
}

// Archive is the log seen by item. Methods wait for the engine and honour ctx.
type Archive interface {
	// Item is the last entry of an item. Errors: ErrNoItem.
	Item(ctx context.Context, id string) (Entry, error)
	// Items is the last entry of each item that q asks for, newest item first.
	Items(ctx context.Context, q Query) ([]Entry, error)
	// Front is a snapshot, atomic with its cursor, of the last entry of the n
	// newest live items and of the n newest drills, newest item first.
	Front(ctx context.Context, n int) (Snapshot, error)
}

// Query chooses items. The zero value asks for all; Limit must be at least 1.
type Query struct {
	Story  string // of this story only
	Before uint64 // whose First is less than this; 0 for no bound
	Limit  int
}

// Snapshot is the front at a cursor, newest item first.
type Snapshot struct {
	Cursor  Cursor
	Entries []Entry
}

// KeyLife is how long an engine remembers an idempotency key, at least.
const KeyLife = 24 * time.Hour

// Key makes an append happen once: the client's idempotency key, made unique
// per editor by the caller, and the SHA-256 of the request it came with.
type Key struct {
	Value string // at most 256 bytes; "" for none
	Sum   [32]byte
}

// Draft is the next entry of an item, checked and complete but for the offset.
// Make one with [Post.Draft] or [Revision.Draft].
type Draft struct {
	Kind  Kind
	Alert bool
	Item  Item   // as it will stand; Version is 1 for a new item, else one above the present
	By    string // the editor's key, kept for the audit and never shown to readers
}

// Receipt says what became of an append.
type Receipt struct {
	Entry    Entry
	Cursor   Cursor // of Entry
	Replayed bool   // the append was made by an earlier call with the same key
}

// Hint is a ring of the doorbell. Entry may be nil: then the log is to be read.
type Hint struct {
	Cursor Cursor // of Entry, or as far as the log is known to reach
	Entry  *Entry // shared by all receivers: not to be changed
}
