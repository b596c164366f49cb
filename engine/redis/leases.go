package redis

import (
	"context"
	"crypto/rand"
	"fmt"
	"strconv"
	"strings"
	"time"

	"crier/push"

	"github.com/redis/go-redis/v9"
)

// Claim implements push.Store. A claim whose answer is lost is an error; the
// range it may have taken is free again when the lease ends.
func (e *Engine) Claim(ctx context.Context, w push.Worker, now time.Time, lease time.Duration) (push.Lease, bool, error) {
	l, ok, err := e.claim(ctx, w, now, now.Add(lease))
	if err != nil {
		return push.Lease{}, false, failed("claim a range", err)
	}
	return l, ok, nil
}

func (e *Engine) claim(ctx context.Context, w push.Worker, now, ends time.Time) (l push.Lease, ok bool, err error) {
	for {
		r := newReply(e.once(ctx, e.scripts.claim, []string{e.keys.log}, w.Name, at(now), at(ends), blocksArg(w.Blocks)))
		verdict := r.text()
		if verdict == "newer" {
			return l, false, e.newer(r.text())
		}
		removals := r.number()
		if r.err != nil {
			return l, false, r.err
		}
		if removals > 0 { // somebody crashed before they were done
			if err := e.finishRemovals(ctx); err != nil {
				return l, false, err
			}
		}
		switch verdict {
		case "none":
			return l, false, nil
		case "more":
			continue
		}
		l.Campaign, err = readBody(r.text())
		l.Range.Low, l.Range.High, l.Token = int(r.number()), int(r.number()), r.number()
		l.Cancelled = r.text() == "1"
		l.Ends = when(at(ends))
		if err == nil {
			err = r.err
		}
		return l, err == nil, err
	}
}

// blocksArg is the set as claim.lua reads it: a character for each block, 1 for
// those that are in it. Lua's numbers have no 64 bits.
func blocksArg(b push.Blocks) string {
	var out [push.Shards / push.BlockShards]byte
	for i := range out {
		out[i] = '0' + byte(b>>i&1)
	}
	return string(out[:])
}

// leaseArgs name a lease to the scripts.
func leaseArgs(l push.Lease, more ...any) []any {
	return append([]any{l.Campaign.ID, l.Range.Low, l.Token}, more...)
}

// Checkpoint implements push.Store. It is one script, which writes down who is
// to be removed; the removals follow, and are made good by the next claim on
// any node if we crash before they are done. A nonce lets the script be
// repeated when its answer is lost.
func (e *Engine) Checkpoint(ctx context.Context, l push.Lease, p push.Progress) (push.State, error) {
	st, err := e.checkpoint(ctx, l, p)
	if err != nil {
		return push.State{}, failed("write checkpoint", err)
	}
	return st, nil
}

func (e *Engine) checkpoint(ctx context.Context, l push.Lease, p push.Progress) (st push.State, err error) {
	args, err := e.checkpointArgs(ctx, l, p)
	if err != nil {
		return st, err
	}
	r := newReply(e.run(ctx, e.scripts.checkpoint, []string{e.keys.log}, args...))
	verdict := r.text()
	if verdict == "lost" {
		return st, push.ErrLeaseLost
	}
	seq := r.number()
	if r.err == nil && len(verdict) != 4 {
		r.err = fmt.Errorf("the script answered %.40q", verdict)
	}
	if r.err != nil {
		return st, r.err
	}
	st = push.State{Done: verdict[0] == '1', Cancelled: verdict[1] == '1', Stopped: verdict[2] == '1'}
	if len(p.Gone) > 0 && verdict[3] == '0' { // while an alarm stands nothing was written down
		removals := make([]removal, len(p.Gone))
		for i, id := range p.Gone {
			removals[i] = removal{seq, id}
		}
		err = e.remove(ctx, removals)
	}
	return st, err
}

// checkpointArgs are the script's. Who is put off though they departed while
// they were under way is found out here, as the script cannot see them. Who
// departs after this look is found out when the retry is due.
func (e *Engine) checkpointArgs(ctx context.Context, l push.Lease, p push.Progress) ([]any, error) {
	ids := make([]push.ID, len(p.Retries))
	for i, t := range p.Retries {
		ids[i] = t.ID
	}
	stand, err := e.lookUp(ctx, ids)
	if err != nil {
		return nil, err
	}
	tally := countArgs(p.Tally)
	args := make([]any, 0, 14+len(p.Settled)+3*len(p.Retries)+len(p.Gone)+len(tally)+2*len(p.Letters))
	nonce := rand.Text()[:16]
	if p.Number != 0 {
		nonce = fmt.Sprintf("%d of %d", p.Number, l.Token) // no two leases of a range have a token
	}
	args = append(args, leaseArgs(l, nonce, p.Cursor[:], p.Scanned, at(p.Ends),
		len(p.Settled), len(p.Retries), len(p.Gone), len(tally)/2, len(p.Letters),
		push.MaxLetters, lettersLife(l.Campaign).Milliseconds())...)
	for _, id := range p.Settled {
		args = append(args, id[:])
	}
	for i, t := range p.Retries {
		due := max(at(t.Due), 0) // below are the departed
		if stand[i] == nil {
			due = -1
		}
		args = append(args, t.ID[:], t.Attempts, due)
	}
	for _, id := range p.Gone {
		args = append(args, id[:])
	}
	args = append(args, tally...)
	for _, t := range p.Letters {
		args = append(args, t.ID[:], letterText(l.Range, t))
	}
	return args, nil
}

// removal is a subscription that the campaign numbered seq found gone. One
// that was made after the campaign opened is another, though it has the ID.
type removal struct {
	seq int64
	id  push.ID
}

func (r removal) text() string { return strconv.FormatInt(r.seq, 10) + " " + string(r.id[:]) }

func parseRemoval(s string) (r removal, err error) {
	seq, id, _ := strings.Cut(s, " ")
	if r.seq, err = strconv.ParseInt(seq, 10, 64); err != nil || len(id) != len(r.id) {
		return r, fmt.Errorf("a removal is written down as %.60q", s)
	}
	copy(r.id[:], id)
	return r, nil
}

// finishRemovals does what was written down and not done.
func (e *Engine) finishRemovals(ctx context.Context) error {
	for {
		texts, err := again(ctx, e, func(ctx context.Context) ([]string, error) {
			return e.client.SRandMemberN(ctx, e.keys.removals(), departStep).Result()
		})
		if err != nil || len(texts) == 0 {
			return err
		}
		rs := make([]removal, len(texts))
		for i, t := range texts {
			if rs[i], err = parseRemoval(t); err != nil {
				return err
			}
		}
		if err := e.remove(ctx, rs); err != nil {
			return err
		}
	}
}

// remove removes subscriptions, marks their retries, and strikes the removals
// out. Each step may be repeated.
func (e *Engine) remove(ctx context.Context, rs []removal) error {
	last, err := e.lastCampaign(ctx)
	if err != nil {
		return err
	}
	script := e.scripts.removeSubscription
	send := func(p redis.Pipeliner) (out []*redis.Cmd) {
		for _, r := range rs {
			out = append(out, script.EvalSha(ctx, p, []string{e.keys.shardOf(r.id)}, r.id[:], "", r.seq))
		}
		return out
	}
	_, err = pipelined(ctx, e, send)
	if err != nil && redis.HasErrorPrefix(err, "NOSCRIPT") {
		for _, r := range rs {
			if _, err := e.run(ctx, script, []string{e.keys.shardOf(r.id)}, r.id[:], "", r.seq); err != nil {
				return err
			}
		}
		err = nil
	}
	if err != nil {
		return err
	}
	ids, texts := make([]push.ID, len(rs)), make([]any, len(rs))
	for i, r := range rs {
		ids[i], texts[i] = r.id, r.text()
	}
	if err := e.depart(ctx, last, ids); err != nil {
		return err
	}
	_, err = again(ctx, e, func(ctx context.Context) (int64, error) {
		return e.client.SRem(ctx, e.keys.removals(), texts...).Result()
	})
	return err
}

// Release implements push.Store.
func (e *Engine) Release(ctx context.Context, l push.Lease) error {
	if _, err := e.run(ctx, e.scripts.release, []string{e.keys.log}, leaseArgs(l)...); err != nil {
		return failed("release a range", err)
	}
	return nil
}

// NextDue implements push.Store.
func (e *Engine) NextDue(ctx context.Context, now time.Time) (time.Time, error) {
	const op = "read when work is due"
	v, err := e.run(ctx, e.scripts.nextDue, []string{e.keys.log})
	if err != nil {
		return time.Time{}, failed(op, err)
	}
	r := newReply([]any{v}, nil)
	text := r.text()
	if r.err == nil && text == "" {
		return time.Time{}, nil
	}
	next := r.parse(text)
	switch {
	case r.err != nil:
		return time.Time{}, failed(op, r.err)
	case next <= at(now):
		return now, nil
	}
	return when(next), nil
}
