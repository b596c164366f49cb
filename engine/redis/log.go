package redis

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"crier/news"

	"github.com/redis/go-redis/v9"
)

// Pauses between attempts to append.
const (
	firstPause = 20 * time.Millisecond
	lastPause  = time.Second
)

// Append implements news.Log. If the answer of Redis is lost, it asks again,
// under the key or under one of its own, until it knows or ctx ends.
func (e *Engine) Append(ctx context.Context, key news.Key, d news.Draft) (news.Receipt, error) {
	body, err := json.Marshal(news.Entry{Kind: d.Kind, Alert: d.Alert, Item: d.Item})
	if err == nil {
		var r news.Receipt
		if r, err = e.append(ctx, e.newAppending(key, d, body)); err == nil {
			return r, nil
		}
	}
	return news.Receipt{}, failed("append entry", err)
}

// appending is the arguments of the script.
type appending struct {
	mark string
	keys []string
	args []any // after the evidence
}

func (e *Engine) newAppending(key news.Key, d news.Draft, body []byte) appending {
	// A key of our own has to be remembered only until this call ends.
	once, life := e.keys.once(key.Value), news.KeyLife+time.Minute
	if key.Value == "" {
		once, life = e.keys.call(rand.Text()[:16]), 15*time.Minute
	}
	touch := 0
	if e.waits != (waits{}) {
		touch = 1
	}
	mark := rand.Text()[:12]
	return appending{
		mark: mark,
		keys: []string{e.keys.log, e.keys.entries(), e.keys.items(), e.keys.live(), e.keys.drills(), e.keys.story(d.Item.Story), once},
		args: []any{mark, e.now().UnixMilli(), d.Item.ID, d.Item.Version, d.Kind == news.Posted, d.Item.Drill,
			d.Item.Story, d.By, body, key.Sum[:], life.Milliseconds(), e.keys.bell, touch},
	}
}

// append repeats the script until what became of it is known. It is known to
// have done nothing only if no attempt of any call got as far as the network
// and was left without an answer.
func (e *Engine) append(ctx context.Context, a appending) (news.Receipt, error) {
	unsure := false
	for wait := firstPause; ; wait = min(2*wait, lastPause) {
		r, retry, err := e.tryAppend(ctx, a)
		switch {
		case retry:
			unsure = true
		case err == nil || !unsure || definite(err):
			return r, err
		}
		switch {
		case ctx.Err() != nil:
			return news.Receipt{}, ctx.Err()
		case errors.Is(err, errClosed), errors.Is(err, redis.ErrClosed):
			return news.Receipt{}, errUnknown
		}
		e.stats.repeated.Add(1)
		if err := pause(ctx, wait); err != nil {
			return news.Receipt{}, err
		}
	}
}

// errUnknown is no news.ErrUnavailable, which would say that nothing was kept.
var errUnknown = errors.New("the engine was closed before Redis answered: whether the entry was kept is not known")

// definite reports whether err is the log's word on the append, which says
// that no attempt has made it.
func definite(err error) bool {
	return errors.Is(err, news.ErrKeyReused) || errors.Is(err, news.ErrConflict) || errors.Is(err, news.ErrNoItem)
}

// tryAppend is one attempt. retry says that it may have been made and its
// answer lost.
func (e *Engine) tryAppend(ctx context.Context, a appending) (r news.Receipt, retry bool, err error) {
	tracked := &attempts{}
	ctx = context.WithValue(ctx, attemptsKey{}, tracked)
	for {
		sent := e.sight.now()
		v, err := e.appendOnce(ctx, a, sent)
		if err != nil {
			return r, tracked.unsure.Load(), err
		}
		rep := newReply(v, nil)
		switch verdict := rep.text(); verdict {
		case "rewound":
			if err := e.reckon(ctx); err != nil {
				return r, tracked.unsure.Load(), err
			}
			continue
		case "reused":
			return r, false, news.ErrKeyReused
		case "conflict":
			return r, false, news.ErrConflict
		case "noitem":
			return r, false, news.ErrNoItem
		case "appended", "replayed":
			epoch, packed := rep.text(), rep.text()
			own := verdict == "appended" || rep.text() == a.mark // by an attempt whose answer was lost
			if rep.err != nil {
				return r, false, rep.err
			}
			// What was written is read back, so that the receipt says what every
			// later reader sees and shares no memory with the draft.
			entry, err := unpack(packed)
			if err != nil {
				return r, false, err
			}
			if verdict == "appended" {
				e.learn(sent, seen{epoch, entry.Offset, a.mark}, otherNode)
			}
			return news.Receipt{Entry: entry, Cursor: news.Cursor{Epoch: epoch, Offset: entry.Offset}, Replayed: !own}, false, nil
		default:
			return r, false, fmt.Errorf("the script answered %.40q", verdict)
		}
	}
}

func (e *Engine) appendOnce(ctx context.Context, a appending, sent seen) (any, error) {
	if e.waits == (waits{}) {
		return e.once(ctx, e.scripts.append, a.keys, sent.args(a.args...)...)
	}
	return await(ctx, e, func(ctx context.Context) (any, error) {
		return e.waits.run(ctx, e.client, e.scripts.append, a.keys, sent.args(a.args...))
	})
}

// unpack reads "offset first body".
func unpack(packed string) (news.Entry, error) {
	offset, rest, _ := strings.Cut(packed, " ")
	first, body, _ := strings.Cut(rest, " ")
	var e news.Entry
	err := json.Unmarshal([]byte(body), &e)
	var errs [2]error
	e.Offset, errs[0] = strconv.ParseUint(offset, 10, 63)
	e.First, errs[1] = strconv.ParseUint(first, 10, 63)
	if err = errors.Join(err, errs[0], errs[1]); err != nil {
		return news.Entry{}, fmt.Errorf("entry %.20s: %w", offset, err)
	}
	return e, nil
}

// readStep is how many entries or items a script reads at a time, so that
// nobody waits long for it.
const readStep = 500

// Since implements news.Log.
func (e *Engine) Since(ctx context.Context, from news.Cursor, limit int) ([]news.Entry, error) {
	out, err := e.since(ctx, from, max(limit, 1))
	if err != nil {
		return nil, failed(fmt.Sprintf("read the log after %q", from), err)
	}
	return out, nil
}

func (e *Engine) since(ctx context.Context, from news.Cursor, limit int) (out []news.Entry, err error) {
	for {
		step := min(limit-len(out), readStep)
		verdict, head, r, err := e.view(ctx, func(ctx context.Context, sent seen) (any, error) {
			return e.run(ctx, e.scripts.since, []string{e.keys.log, e.keys.entries()}, sent.args(from.Epoch, from.Offset, step)...)
		})
		if err != nil {
			return nil, err
		}
		if verdict == "lost" {
			return nil, news.ErrCursorLost
		}
		n := 0
		for ; r.more(); n++ {
			entry, err := unpack(r.text())
			if err = errors.Join(err, r.err); err != nil {
				return nil, err
			}
			out = append(out, entry)
		}
		if n < step || len(out) == limit {
			return out, nil
		}
		from = news.Cursor{Epoch: head.epoch, Offset: out[len(out)-1].Offset}
	}
}

// Head implements news.Log.
func (e *Engine) Head(ctx context.Context) (news.Cursor, error) {
	head, err := e.head(ctx, e.scripts.head)
	if err != nil {
		return news.Cursor{}, failed("read the log's head", err)
	}
	return head.cursor(), nil
}

// Writable is nil if an append would be taken just now, and else says why not.
func (e *Engine) Writable(ctx context.Context) error {
	if _, err := e.head(ctx, e.scripts.writable); err != nil {
		return failed("write the log", err)
	}
	return nil
}

func (e *Engine) head(ctx context.Context, s *redis.Script) (seen, error) {
	_, head, _, err := e.view(ctx, func(ctx context.Context, sent seen) (any, error) {
		return e.run(ctx, s, []string{e.keys.log}, sent.args()...)
	})
	return head, err
}
