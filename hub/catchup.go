package hub

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"crier/news"
)

const (
	// pageBytes is about how much is replayed at a time.
	pageBytes = 32 << 10
	// pageEntries is how many entries are read from the log at a time.
	pageEntries = 256
	// replayBytes is how much is replayed before a reset is the shorter way.
	replayBytes = 1 << 20
	// joinTime is how long a reader may take to be brought to the head: for the
	// log to answer, and for the reader to take it.
	joinTime = 15 * time.Second
)

// place is how far a reader has been brought: what it has seen, and, once
// nothing is missing up to the head, the broadcast that stands for.
type place struct {
	cursor news.Cursor
	at     uint64
	live   bool
}

// start is where a reader who joins with cursor stands.
func (h *Hub) start(cursor news.Cursor) place {
	if cursor != (news.Cursor{}) {
		return place{cursor: cursor}
	}
	h.mu.RLock()
	defer h.mu.RUnlock()
	return place{cursor: h.head, at: h.seq, live: true}
}

// bring sends r what it wants after p, until it is at the head with nothing
// left to write, and hands it to its shard. flush waits until r's outbox is
// empty. A reader that cannot be brought there is ended.
func (h *Hub) bring(ctx context.Context, r *reader, p place, flush func(context.Context) error) {
	ctx, cancel := context.WithTimeout(ctx, h.joinTime)
	defer cancel()
	switch err := h.replay(ctx, r, &p, flush); {
	case err == nil:
		r.at = p.at
		r.shard.admit(r)
	case errors.Is(err, errEnded):
	case errors.Is(err, errSlow):
		r.end(Slow, r.goodbye(closeSlow, "too slow in catching up: reconnect with the last cursor"))
	case errors.Is(err, context.Canceled):
		r.end(Left, nil)
	default:
		h.o.Logger.Warn("a reader could not be resumed", "cursor", p.cursor.String(), "error", err)
		r.end(Failed, r.goodbye(closeTryLater, "the log cannot be read just now: try again"))
	}
}

// errSlow: the time is over, and most of it went by with waiting for the
// reader. Who is told so comes back at once, so nobody may be who has only
// waited for the log, as all the others have.
var errSlow = errors.New("the reader does not take what it is sent")

func (h *Hub) replay(ctx context.Context, r *reader, p *place, flush func(context.Context) error) error {
	var taking time.Duration
	for sent := 0; ; {
		since := h.clock()
		err := flush(ctx)
		taking += h.clock() - since
		switch {
		case errors.Is(err, context.DeadlineExceeded) && taking > h.joinTime/2:
			return errSlow
		case err != nil:
			return err
		}
		b, next, err := h.step(ctx, *p, r.crowd.topics, r.form)
		if err != nil {
			return err
		}
		if sent += len(b); sent > replayBytes && !next.live {
			if b, next, err = h.reset(r.crowd.topics, r.form); err != nil {
				return err
			}
		}
		*p = next
		switch {
		case len(b) > 0 && !r.push(b):
			return errEnded
		case len(b) == 0 && p.live:
			return nil
		}
	}
}

// step is one stretch of the way from p to the head: what a reader of topics
// wants of it, in form f, and where that brings it. It waits only for the log,
// and that only if the ring does not reach back to p.
func (h *Hub) step(ctx context.Context, p place, topics []string, f form) ([]byte, place, error) {
	h.mu.RLock()
	head, seq := h.head, h.seq
	behind := head.Offset - p.cursor.Offset // wraps if the cursor is ahead
	switch {
	case p.cursor.Epoch != head.Epoch:
	case p.cursor.Offset > head.Offset:
		h.mu.RUnlock()
		return h.ahead(ctx, p, place{head, seq, true}, topics, f)
	case h.recent.has(seq - behind):
		b, at := h.recent.gather(seq-behind, topics, f, pageBytes)
		h.mu.RUnlock()
		p.cursor.Offset = head.Offset - (seq - at)
		return b, place{p.cursor, at, at == seq}, nil
	case behind <= uint64(h.o.Replay):
		h.mu.RUnlock()
		return h.older(ctx, p, head.Offset, topics, f)
	}
	h.mu.RUnlock()
	return h.reset(topics, f)
}

// ahead resumes a reader that has seen entries we have not followed yet: from
// another node, or in the answer to a post. The log knows whether there are
// such entries; they will be skipped when they come.
func (h *Hub) ahead(ctx context.Context, p, here place, topics []string, f form) ([]byte, place, error) {
	known, err := h.src.Head(ctx)
	if err != nil {
		return nil, p, fmt.Errorf("look up the log's head: %w", err)
	}
	if known.Epoch != p.cursor.Epoch || known.Offset < p.cursor.Offset {
		return h.reset(topics, f)
	}
	return nil, place{p.cursor, here.at + (p.cursor.Offset - here.cursor.Offset), true}, nil
}

// older replays from the log, up to offset head. It holds no lock; not more
// joiners than h.reads has room for read at a time.
func (h *Hub) older(ctx context.Context, p place, head uint64, topics []string, f form) (b []byte, to place, err error) {
	select {
	case h.reads <- struct{}{}:
	case <-ctx.Done():
		return nil, p, ctx.Err()
	}
	entries, err := h.src.Since(ctx, p.cursor, pageEntries)
	<-h.reads
	switch {
	case errors.Is(err, news.ErrCursorLost), err == nil && len(entries) == 0:
		return h.reset(topics, f)
	case err != nil:
		return nil, p, fmt.Errorf("read the log from %s: %w", p.cursor, err)
	}
	for _, e := range entries {
		if e.Offset > head || len(b) >= pageBytes {
			break
		}
		p.cursor.Offset = e.Offset
		if !e.Item.WantedBy(topics) {
			continue
		}
		enc, err := encodeEntry(e, p.cursor)
		if err != nil {
			return nil, p, err
		}
		b = append(b, enc[f]...)
	}
	return b, p, nil
}

// missing is what r, who is not at the head, wants of the ring after r.at. ok
// is false if the ring does not reach back so far.
func (h *Hub) missing(r *reader) (b []byte, to uint64, ok bool) {
	h.mu.RLock()
	defer h.mu.RUnlock()
	if !h.recent.has(r.at) {
		return nil, 0, false
	}
	b, to = h.recent.gather(r.at, r.crowd.topics, r.form, pageBytes)
	return b, to, true
}

// maxResets bounds how many sets of topics a front is kept encoded for.
const maxResets = 64

// resets is the resets made at the present head, by topics: when history is
// lost, every reader needs one at the same time.
type resets struct {
	mu   sync.Mutex
	at   uint64
	made map[string]encoded
}

// reset is the front that a reader of topics sees now, in form f, and the
// head, where it brings the reader.
func (h *Hub) reset(topics []string, f form) ([]byte, place, error) {
	enc, p, err := h.resetOf(topics)
	h.tally.resets.Add(1)
	return enc[f], p, err
}

// resetOf is reset in every form.
func (h *Hub) resetOf(topics []string) (encoded, place, error) {
	c := &h.resets
	c.mu.Lock()
	defer c.mu.Unlock()
	h.mu.RLock()
	p := place{h.head, h.seq, true}
	if c.at != p.at || c.made == nil {
		c.at, c.made = p.at, map[string]encoded{}
	}
	key := strings.Join(topics, ",")
	enc, ok := c.made[key]
	var seen []news.Entry
	if !ok {
		seen = h.front.Entries(topics)
	}
	h.mu.RUnlock()
	if ok {
		return enc, p, nil
	}
	enc, err := encodeReset(news.Snapshot{Cursor: p.cursor, Entries: seen})
	if err == nil && len(c.made) < maxResets {
		if h.tally.readers[packed].Load() > 0 {
			h.packer.pack(&enc)
		}
		c.made[key] = enc
	}
	return enc, p, err
}
