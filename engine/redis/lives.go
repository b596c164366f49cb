package redis

import (
	"context"
	"time"

	"crier/push"
)

// ConfirmSubscription implements push.Store.
func (e *Engine) ConfirmSubscription(ctx context.Context, id push.ID, auth [16]byte) error {
	v, err := e.run(ctx, e.scripts.confirmSubscription, []string{e.keys.shardOf(id)}, id[:], auth[:])
	switch {
	case err != nil:
	case v == int64(0):
		err = push.ErrNoSubscription
	case v == int64(-1):
		err = push.ErrNotYours
	case v == int64(2):
		err = e.changed(ctx)
	}
	if err != nil {
		return failed("confirm subscription "+id.String(), err)
	}
	return nil
}

// ForgetUnseen implements push.Store. Like DeleteSubscription it marks retries
// after it, and a crash in between is made good when they are due.
func (e *Engine) ForgetUnseen(ctx context.Context, ids []push.ID, before time.Time, unconfirmed bool) (n int64, err error) {
	last, err := e.lastCampaign(ctx)
	if err != nil {
		return 0, failed("forget subscriptions", err)
	}
	byShard := map[int][]any{}
	for _, id := range ids {
		byShard[id.Shard()] = append(byShard[id.Shard()], id[:])
	}
	for shard, some := range byShard {
		gone, err := e.forgetUnseen(ctx, shard, some, before, unconfirmed)
		if err == nil && len(gone) > 0 {
			n += int64(len(gone))
			err = e.depart(ctx, last, gone)
		}
		if err != nil {
			return n, failed("forget subscriptions", err)
		}
	}
	return n, nil
}

func (e *Engine) forgetUnseen(ctx context.Context, shard int, ids []any, before time.Time, unconfirmed bool) (gone []push.ID, err error) {
	r := newReply(e.run(ctx, e.scripts.unseen, []string{e.keys.shard(shard)}, append([]any{at(before), unconfirmed}, ids...)...))
	for r.more() {
		var id push.ID
		copy(id[:], r.text())
		gone = append(gone, id)
	}
	return gone, r.err
}

// Lives implements push.Store.
func (e *Engine) Lives(ctx context.Context, after push.ID, limit int) (out []push.Life, err error) {
	limit = max(limit, 1)
	width := 1
	for shard := after.Shard(); shard < push.Shards && len(out) < limit; width *= 2 {
		found, err := e.readShards(ctx, shard, min(width, mostShards, push.Shards-shard), after, limit-len(out))
		if err != nil {
			return nil, failed("read subscriptions", err)
		}
		for _, members := range found {
			shard++
			for _, m := range members {
				if len(out) == limit {
					return out, nil
				}
				r, err := decode(m)
				if err != nil {
					return nil, failed("read subscriptions", err)
				}
				out = append(out, push.Life{ID: r.sub.ID, Key: r.sub.Key, Unconfirmed: r.sub.Unconfirmed, SeenAt: r.sub.SeenAt})
			}
		}
	}
	return out, nil
}
