package redis

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"crier/news"

	"github.com/redis/go-redis/v9"
)

// Item implements news.Archive.
func (e *Engine) Item(ctx context.Context, id string) (news.Entry, error) {
	var out news.Entry
	v, err := again(ctx, e, func(ctx context.Context) (string, error) {
		return e.client.HGet(ctx, e.keys.items(), id).Result()
	})
	switch {
	case errors.Is(err, redis.Nil):
		err = news.ErrNoItem
	case err == nil:
		out, err = unpackItem(v)
	}
	if err != nil {
		return news.Entry{}, failed(fmt.Sprintf("read item %.64q", id), err)
	}
	return out, nil
}

// unpackItem reads "version first offset drill story\nbody".
func unpackItem(v string) (news.Entry, error) {
	head, body, _ := strings.Cut(v, "\n")
	f := strings.SplitN(head, " ", 4)
	if len(f) != 4 {
		return news.Entry{}, fmt.Errorf("an item begins with %.60q", head)
	}
	return unpack(f[2] + " " + f[1] + " " + body)
}

// Items implements news.Archive. A long list is read in steps: items that are
// posted meanwhile are newer than all of it and are not in it.
func (e *Engine) Items(ctx context.Context, q news.Query) ([]news.Entry, error) {
	out, err := e.readItems(ctx, q, max(q.Limit, 1))
	if err != nil {
		return nil, failed("read items", err)
	}
	return out, nil
}

func (e *Engine) readItems(ctx context.Context, q news.Query, limit int) (out []news.Entry, err error) {
	keys := []string{e.keys.items(), e.keys.live(), e.keys.drills()}
	if q.Story != "" {
		keys = []string{e.keys.items(), e.keys.story(q.Story)}
	}
	for before := q.Before; ; before = out[len(out)-1].First {
		bound := "+inf"
		if before > 0 {
			bound = "(" + strconv.FormatUint(before, 10)
		}
		step := min(limit-len(out), readStep)
		r := newReply(e.run(ctx, e.scripts.items, keys, bound, step))
		n := 0
		for ; r.more(); n++ {
			entry, err := unpackItem(r.text())
			if err != nil {
				return nil, err
			}
			out = append(out, entry)
		}
		if r.err != nil || n < step || len(out) == limit {
			return out, r.err
		}
	}
}

// Front implements news.Archive. It is one script, as long as n asks for.
func (e *Engine) Front(ctx context.Context, n int) (news.Snapshot, error) {
	out, err := e.front(ctx, max(n, 1))
	if err != nil {
		return news.Snapshot{}, failed("read the front", err)
	}
	return out, nil
}

func (e *Engine) front(ctx context.Context, n int) (out news.Snapshot, err error) {
	_, head, r, err := e.view(ctx, func(ctx context.Context, sent seen) (any, error) {
		return e.run(ctx, e.scripts.front, []string{e.keys.log, e.keys.items(), e.keys.live(), e.keys.drills()}, sent.args(n)...)
	})
	if err != nil {
		return out, err
	}
	out.Cursor = head.cursor()
	for r.more() {
		entry, err := unpackItem(r.text())
		if err != nil {
			return news.Snapshot{}, err
		}
		out.Entries = append(out.Entries, entry)
	}
	return out, r.err
}
