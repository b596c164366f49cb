package hub

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"time"

	"crier/news"
)

// Page is what a poll has found: messages (entry, reset, drain, or a beat that
// says whether the log is silent), oldest first, and the cursor to poll with
// next. Messages may be empty.
type Page struct {
	Cursor   news.Cursor
	Messages []json.RawMessage
}

// visit is a reader who has come with a poll: its wire keeps what it is sent.
type visit struct {
	reader
	got   []byte        // lines; guarded by reader.mu
	woken chan struct{} // has something, or has been sent away
}

// Poll returns the messages after j.Cursor that j.Topics want: at once if
// there are any, else as soon as there are, and after wait without. It may
// return before, without messages, when the hub drains. Errors: ErrNotReady,
// ErrDraining, ErrFull, ErrCrowded, ctx's, and the log's if it had to be read,
// for which it has 15 s.
func (h *Hub) Poll(ctx context.Context, j Join, wait time.Duration) (Page, error) {
	where := homeOf(j.Address)
	if err := h.admit(where); err != nil {
		return Page{}, err
	}
	v := &visit{woken: make(chan struct{}, 1)}
	v.init(h, v, lines, j.Topics)
	v.home = where
	defer v.leave(Left)

	p := h.start(j.Cursor)
	soon, cancel := context.WithTimeout(ctx, h.joinTime)
	defer cancel()
	for !p.live {
		b, next, err := h.step(soon, p, j.Topics, lines)
		if err != nil {
			return Page{}, fmt.Errorf("poll: %w", err)
		}
		if p = next; len(b) > 0 {
			found := page(h.vouch(b), p.cursor)
			found.Cursor = p.cursor // may be beyond the last that was wanted
			return found, nil
		}
	}
	if wait <= 0 {
		return page(h.vouch(nil), p.cursor), nil
	}
	v.at = p.at
	v.shard.admit(&v.reader)
	if h.stale() { // whoever comes while the log is silent should know soon
		wait = min(wait, 2*h.o.StaleAfter)
	}
	over := time.NewTimer(wait)
	defer over.Stop()
	select {
	case <-v.woken:
	case <-over.C:
	case <-ctx.Done():
		return Page{}, ctx.Err()
	}
	// All it wanted up to p has been there, and all that came is in got: what
	// may still be in line at the shard comes with the next poll.
	v.end(Left, nil)
	return page(h.vouch(v.got), p.cursor), nil
}

// page takes lines apart. from is the cursor if no message has one.
func page(b []byte, from news.Cursor) Page {
	p := Page{Cursor: from}
	for line := range bytes.Lines(b) {
		p.Messages = append(p.Messages, bytes.TrimSuffix(line, []byte("\n")))
		if c, ok := cursorOf(line); ok {
			p.Cursor = c
		}
	}
	return p
}

// cursorOf is the cursor of a message as encode and its like write it: if it
// has one it comes second. Many poll for the same messages, so each of them
// looks at no more of an entry than that.
func cursorOf(line []byte) (news.Cursor, bool) {
	rest := bytes.TrimPrefix(line, []byte(`{"type":"`))
	kind := bytes.IndexByte(rest, '"')
	if len(rest) == len(line) || kind < 0 {
		return news.Cursor{}, false
	}
	rest, ok := bytes.CutPrefix(rest[kind:], []byte(`","cursor":"`))
	end := bytes.IndexByte(rest, '"')
	if !ok || end < 0 {
		return news.Cursor{}, false
	}
	c, err := news.ParseCursor(string(rest[:end]))
	return c, err == nil && c != news.Cursor{}
}

// write keeps b, but no more than a reader may be behind: the rest stays in the
// outbox, and comes with the next poll.
func (v *visit) write(b []byte) (int, error) {
	if len(v.got) > 0 && len(v.got)+len(b) > v.hub.o.QueueBytes {
		return 0, nil
	}
	v.got = append(v.got, b...)
	wake(v.woken)
	return len(b), nil
}

func (v *visit) await()    {}
func (v *visit) rest(bool) {}
func (v *visit) expire()   { wake(v.woken) }
func (v *visit) abort()    {}
