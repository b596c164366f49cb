package redis

import (
	"context"
	"errors"
	"strconv"

	"crier/push"

	"github.com/redis/go-redis/v9"
)

// PutSubscription implements push.Store. The number of the last campaign is
// read first and elsewhere: a campaign that opens in between may or may not
// have the subscription, as befits what happens at the same time.
func (e *Engine) PutSubscription(ctx context.Context, s push.Subscription) (created bool, err error) {
	created, err = e.putSubscription(ctx, s)
	if err != nil {
		return false, failed("keep subscription "+s.ID.String(), err)
	}
	return created, nil
}

func (e *Engine) putSubscription(ctx context.Context, s push.Subscription) (created bool, err error) {
	last, err := e.lastCampaign(ctx)
	if err != nil {
		return false, err
	}
	id, auth, birth, rest := encode(s, last)
	v, err := e.run(ctx, e.scripts.putSubscription, []string{e.keys.shardOf(s.ID)}, id, auth, birth, rest)
	if err == nil && v == int64(-1) {
		err = push.ErrNotYours
	}
	if err == nil && v == int64(2) {
		err = e.changed(ctx)
	}
	return v == int64(1), err
}

// changed counts a change of a subscription, after it: they are elsewhere on a
// Cluster.
func (e *Engine) changed(ctx context.Context) error {
	_, err := again(ctx, e, func(ctx context.Context) (int64, error) {
		return e.client.HIncrBy(ctx, e.keys.log, "changes", 1).Result()
	})
	return err
}

// Changes implements push.Store.
func (e *Engine) Changes(ctx context.Context) (int64, error) {
	n, err := again(ctx, e, func(ctx context.Context) (int64, error) {
		n, err := e.client.HGet(ctx, e.keys.log, "changes").Int64()
		if errors.Is(err, redis.Nil) {
			err = nil
		}
		return n, err
	})
	if err != nil {
		return 0, failed("read how often subscriptions have changed", err)
	}
	return n, nil
}

// lastCampaign is the number of the last campaign that was opened.
func (e *Engine) lastCampaign(ctx context.Context) (int64, error) {
	l, err := again(ctx, e, func(ctx context.Context) (l struct {
		Campaigns *int64 `redis:"campaigns"`
		Schema    int    `redis:"schema"`
	}, err error) {
		err = e.client.HMGet(ctx, e.keys.log, "campaigns", "schema").Scan(&l)
		return l, err
	})
	switch {
	case err != nil:
		return 0, err
	case l.Schema > schema:
		return 0, e.newer(strconv.Itoa(l.Schema))
	case l.Campaigns != nil:
		return *l.Campaigns, nil
	}
	if err := e.reckon(ctx); err != nil { // the log is gone: it is made anew
		return 0, err
	}
	return e.lastCampaign(ctx)
}

// DeleteSubscription implements push.Store. A retry that waits for it is
// marked, and its range becomes due. A crash in between is made good when the
// retry is due, see Deliveries.
func (e *Engine) DeleteSubscription(ctx context.Context, id push.ID, auth [16]byte) error {
	if err := e.deleteSubscription(ctx, id, auth); err != nil {
		return failed("forget subscription "+id.String(), err)
	}
	return nil
}

func (e *Engine) deleteSubscription(ctx context.Context, id push.ID, auth [16]byte) error {
	last, err := e.lastCampaign(ctx)
	if err != nil {
		return err
	}
	v, err := e.once(ctx, e.scripts.removeSubscription, []string{e.keys.shardOf(id)}, id[:], auth[:], "")
	switch {
	case err != nil:
		return err
	case v == int64(-1):
		return push.ErrNotYours
	case v != int64(1):
		return push.ErrNoSubscription
	}
	return e.depart(ctx, last, []push.ID{id})
}

// departStep is how many subscriptions one script marks.
const departStep = 100

// depart marks the retries of ids in campaigns up to the one numbered last.
// That is the last one that was open before they were removed: who comes back
// is new to later ones.
func (e *Engine) depart(ctx context.Context, last int64, ids []push.ID) error {
	for len(ids) > 0 {
		n := min(len(ids), departStep)
		args := make([]any, 0, 1+n)
		args = append(args, last)
		for _, id := range ids[:n] {
			args = append(args, id[:])
		}
		if _, err := e.run(ctx, e.scripts.depart, []string{e.keys.log}, args...); err != nil {
			return err
		}
		ids = ids[n:]
	}
	return nil
}

// Subscription implements push.Store.
func (e *Engine) Subscription(ctx context.Context, id push.ID) (push.Subscription, error) {
	found, err := e.lookUp(ctx, []push.ID{id})
	if err == nil && found[0] == nil {
		err = push.ErrNoSubscription
	}
	if err != nil {
		return push.Subscription{}, failed("read subscription "+id.String(), err)
	}
	return found[0].sub, nil
}

// lookUp reads the subscriptions of ids; nil for those that do not stand.
func (e *Engine) lookUp(ctx context.Context, ids []push.ID) ([]*record, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	cmds, err := pipelined(ctx, e, func(p redis.Pipeliner) (out []*redis.StringSliceCmd) {
		for _, id := range ids {
			from := string(id[:])
			out = append(out, p.ZRangeByLex(ctx, e.keys.shardOf(id), &redis.ZRangeBy{Min: "[" + from, Max: "(" + from + "\xff", Count: 1}))
		}
		return out
	})
	if err != nil {
		return nil, err
	}
	out := make([]*record, len(ids))
	for i, c := range cmds {
		for _, member := range c.Val() {
			r, err := decode(member)
			if err != nil {
				return nil, err
			}
			out[i] = &r
		}
	}
	return out, nil
}

// CountSubscriptions implements push.Store. The shards say how many they
// have, so that no count can go astray.
func (e *Engine) CountSubscriptions(ctx context.Context) (int64, error) {
	n, err := e.standing(ctx)
	if err != nil {
		return 0, failed("count subscriptions", err)
	}
	return n, nil
}

func (e *Engine) standing(ctx context.Context) (n int64, err error) {
	cmds, err := pipelined(ctx, e, func(p redis.Pipeliner) (out []*redis.IntCmd) {
		for shard := range push.Shards {
			out = append(out, p.ZCard(ctx, e.keys.shard(shard)))
		}
		return out
	})
	for _, c := range cmds {
		n += c.Val()
	}
	return n, err
}
