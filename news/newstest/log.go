package newstest

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"crier/news"
)

// Log is a news.Log in memory, with a front. Make one with [New].
type Log struct {
	mu       sync.Mutex
	epoch    string
	entries  []news.Entry   // from offset 1
	newest   map[string]int // index of an item's last entry, by id
	trimmed  uint64         // Since knows nothing up to here
	keys     map[string]kept
	bells    map[chan news.Hint]struct{}
	doorbell Doorbell
	late     []news.Hint
	broken   error
}

type kept struct {
	sum     [32]byte
	receipt news.Receipt
}

// New is an empty log with an epoch of its own.
func New() *Log {
	return &Log{epoch: news.NewEpoch(), newest: map[string]int{}, keys: map[string]kept{}, bells: map[chan news.Hint]struct{}{}}
}

// Append implements news.Log. It remembers keys for ever.
func (l *Log) Append(_ context.Context, key news.Key, d news.Draft) (news.Receipt, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.broken != nil {
		return news.Receipt{}, fmt.Errorf("append: %w", l.broken)
	}
	if k, ok := l.keys[key.Value]; ok && key.Value != "" {
		if k.sum != key.Sum {
			return news.Receipt{}, fmt.Errorf("append: %w", news.ErrKeyReused)
		}
		r := k.receipt
		r.Entry, r.Replayed = r.Entry.Clone(), true
		return r, nil
	}
	e := news.Entry{Offset: uint64(len(l.entries)) + 1, Kind: d.Kind, Alert: d.Alert, Item: d.Item.Clone()}
	last, found := l.last(d.Item.ID)
	switch {
	case !found && d.Kind != news.Posted:
		return news.Receipt{}, fmt.Errorf("append: %w", news.ErrNoItem)
	case last.Item.Version+1 != d.Item.Version:
		return news.Receipt{}, fmt.Errorf("append: %w", news.ErrConflict)
	}
	if e.First = last.First; !found {
		e.First = e.Offset
	}
	l.newest[e.Item.ID] = len(l.entries)
	l.entries = append(l.entries, e)
	r := news.Receipt{Entry: e.Clone(), Cursor: l.head()}
	if key.Value != "" {
		l.keys[key.Value] = kept{key.Sum, news.Receipt{Entry: e.Clone(), Cursor: r.Cursor}}
	}
	l.ring(e)
	return r, nil
}

// last is the last entry of the item id.
func (l *Log) last(id string) (news.Entry, bool) {
	i, ok := l.newest[id]
	if !ok {
		return news.Entry{}, false
	}
	return l.entries[i], true
}

func (l *Log) head() news.Cursor {
	return news.Cursor{Epoch: l.epoch, Offset: uint64(len(l.entries))}
}

// Since implements news.Log.
func (l *Log) Since(_ context.Context, from news.Cursor, limit int) ([]news.Entry, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.broken != nil {
		return nil, fmt.Errorf("since %s: %w", from, l.broken)
	}
	if from.Epoch != l.epoch && from != (news.Cursor{}) || from.Offset < l.trimmed || from.Offset > uint64(len(l.entries)) {
		return nil, fmt.Errorf("since %s: %w", from, news.ErrCursorLost)
	}
	var out []news.Entry
	for _, e := range l.entries[from.Offset:min(from.Offset+uint64(limit), uint64(len(l.entries)))] {
		out = append(out, e.Clone())
	}
	return out, nil
}

// Head implements news.Log.
func (l *Log) Head(context.Context) (news.Cursor, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.broken != nil {
		return news.Cursor{}, fmt.Errorf("head: %w", l.broken)
	}
	return l.head(), nil
}

// Front is a snapshot of the n newest live items and the n newest drills, as
// news.Archive has it.
func (l *Log) Front(_ context.Context, n int) (news.Snapshot, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.broken != nil {
		return news.Snapshot{}, fmt.Errorf("front: %w", l.broken)
	}
	s := news.Snapshot{Cursor: l.head()}
	shown := map[bool]int{}
	for _, first := range slices.Backward(l.entries) {
		if first.Offset != first.First || shown[first.Item.Drill] == n {
			continue
		}
		shown[first.Item.Drill]++
		e, _ := l.last(first.Item.ID)
		s.Entries = append(s.Entries, e.Clone())
	}
	return s, nil
}
