package redis

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"crier/push"

	"github.com/redis/go-redis/v9"
)

// letterText is a dead letter as it is kept by its subscription's ID: the shards
// of its range, the status, when it was given up, its push service
// and a comma, and why.
func letterText(r push.Range, l push.Letter) string {
	return fmt.Sprintf("%d %d %d %d %s,%s", r.Low, r.High, l.Status, at(l.At), l.Service, l.Reason)
}

func parseLetter(id, text string) (r push.Range, l push.Letter, err error) {
	parts := strings.SplitN(text, " ", 5)
	var ok bool
	if len(parts) == 5 {
		l.Service, l.Reason, ok = strings.Cut(parts[4], ",")
	}
	if !ok || copy(l.ID[:], id) != len(l.ID) {
		return r, l, fmt.Errorf("a dead letter is kept as %.60q", text)
	}
	p := &reply{}
	r.Low, r.High, l.Status = int(p.parse(parts[0])), int(p.parse(parts[1])), int(p.parse(parts[2]))
	l.At = when(p.parse(parts[3]))
	return r, l, p.err
}

// lettersLife is how long dead letters are kept after the last one came: a day
// longer than they must be, for clocks that differ.
func lettersLife(c push.Campaign) time.Duration {
	return max(c.Deadline.Sub(c.OpenedAt), 0) + push.ReceiptLife + 24*time.Hour
}

// letter is a dead letter with its range.
type letter struct {
	push.Letter
	shards push.Range
}

// letters is the dead letters of a campaign, by ID.
func (e *Engine) letters(ctx context.Context, seq string) ([]letter, error) {
	all, err := again(ctx, e, func(ctx context.Context) (map[string]string, error) {
		return e.client.HGetAll(ctx, e.keys.campaign(seq)+":d").Result()
	})
	if err != nil {
		return nil, err
	}
	out := make([]letter, 0, len(all))
	for _, id := range slices.Sorted(maps.Keys(all)) {
		var l letter
		if l.shards, l.Letter, err = parseLetter(id, all[id]); err != nil {
			return nil, err
		}
		out = append(out, l)
	}
	return out, nil
}

// last is the number and the fields of an item's last campaign. Errors:
// push.ErrNoCampaign.
func (e *Engine) last(ctx context.Context, item string) (string, push.Campaign, bool, error) {
	var c push.Campaign
	seq, err := again(ctx, e, func(ctx context.Context) (string, error) {
		return e.client.HGet(ctx, e.keys.log+":reports", item).Result()
	})
	if errors.Is(err, redis.Nil) {
		err = push.ErrNoCampaign
	}
	if err != nil {
		return "", c, false, err
	}
	v, err := again(ctx, e, func(ctx context.Context) ([]any, error) {
		return e.client.HMGet(ctx, e.keys.campaign(seq), "body", "cancelled").Result()
	})
	if err != nil {
		return "", c, false, err
	}
	r := newReply(v, nil)
	c, err = readBody(r.text())
	cancelled := r.text() == "1"
	return seq, c, cancelled, errors.Join(err, r.err)
}

// Letters implements push.Store.
func (e *Engine) Letters(ctx context.Context, item, reason string, limit int) (out push.Letters, err error) {
	var all []letter
	seq, c, _, err := e.last(ctx, item)
	if err == nil {
		all, err = e.letters(ctx, seq)
	}
	if err != nil {
		return push.Letters{}, failed(fmt.Sprintf("read dead letters of item %.64q", item), err)
	}
	out.Campaign = c
	for _, l := range all {
		if out.Kept == nil {
			out.Kept = map[string]int64{}
		}
		out.Kept[l.Reason]++
		if len(out.First) < limit && (reason == "" || reason == l.Reason) {
			out.First = append(out.First, l.Letter)
		}
	}
	return out, nil
}

// replayStep is how many letters one script turns into retries.
const replayStep = 200

// Replay implements push.Store. A crash in the middle leaves the rest as letters.
func (e *Engine) Replay(ctx context.Context, item, reason string, now time.Time) (int64, error) {
	n, err := e.replay(ctx, item, reason, now)
	if err != nil {
		return n, failed(fmt.Sprintf("replay dead letters of item %.64q", item), err)
	}
	return n, nil
}

func (e *Engine) replay(ctx context.Context, item, reason string, now time.Time) (n int64, err error) {
	name, c, cancelled, err := e.last(ctx, item)
	if err != nil {
		return 0, err
	}
	if cancelled || !now.Before(c.Deadline) {
		return 0, push.ErrCampaignOver
	}
	seq, err := strconv.ParseInt(name, 10, 64)
	if err != nil {
		return 0, err
	}
	all, err := e.letters(ctx, name)
	if err != nil {
		return 0, err
	}
	all = slices.DeleteFunc(all, func(l letter) bool { return reason != "" && l.Reason != reason })
	for some := range slices.Chunk(all, replayStep) {
		args, err := e.replayArgs(ctx, seq, some, now)
		if err != nil {
			return n, err
		}
		v, err := e.once(ctx, e.scripts.replay, []string{e.keys.log}, append([]any{name, min(max(c.Lane, 0), 255)}, args...)...)
		if err != nil {
			return n, err
		}
		moved, ok := v.(int64)
		if !ok {
			return n, fmt.Errorf("the script answered %T", v)
		}
		if moved < 0 { // cancelled meanwhile
			return n, push.ErrCampaignOver
		}
		n += moved
	}
	return n, nil
}

// replayArgs are letters as the script takes them. Whoever does not stand any
// more, or stands anew, has departed; the script cannot see them.
func (e *Engine) replayArgs(ctx context.Context, seq int64, ls []letter, now time.Time) (args []any, err error) {
	ids := make([]push.ID, len(ls))
	for i, l := range ls {
		ids[i] = l.ID
	}
	found, err := e.lookUp(ctx, ids)
	if err != nil {
		return nil, err
	}
	for i, id := range ids {
		due := max(at(now), 0)
		if found[i] == nil || found[i].born >= seq {
			due = -1
		}
		args = append(args, id[:], due)
	}
	return args, nil
}
