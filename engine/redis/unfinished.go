package redis

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"crier/push"

	"github.com/redis/go-redis/v9"
)

// Unfinished implements push.Store.
func (e *Engine) Unfinished(ctx context.Context, now time.Time) ([]push.Unfinished, error) {
	out, err := e.unfinished(ctx, now)
	if err != nil {
		return nil, failed("list unfinished campaigns", err)
	}
	return out, nil
}

func (e *Engine) unfinished(ctx context.Context, now time.Time) (out []push.Unfinished, err error) {
	seqs, err := again(ctx, e, func(ctx context.Context) ([]string, error) {
		return e.client.ZRange(ctx, e.keys.log+":active", 0, -1).Result()
	})
	if err != nil {
		return nil, err
	}
	for _, seq := range seqs {
		var u push.Unfinished
		// The ranges before the counts: what is checkpointed in between is
		// counted twice rather than not at all, and Held tells of it.
		if u.Ranges, err = e.rangeStates(ctx, seq, now); err != nil {
			return nil, err
		}
		if u.Report, _, err = e.reportOf(ctx, "", seq); err != nil {
			return nil, err
		}
		if !u.Cancelled && !u.Done && len(u.Ranges) > 0 {
			out = append(out, u)
		}
	}
	return out, nil
}

func (e *Engine) rangeStates(ctx context.Context, seq string, now time.Time) (out []push.RangeState, err error) {
	c := e.keys.campaign(seq)
	cmds, err := pipelined(ctx, e, func(p redis.Pipeliner) []redis.Cmder {
		return []redis.Cmder{p.ZRange(ctx, c+":r", 0, -1), p.HGetAll(ctx, c+":p")}
	})
	if err != nil {
		return nil, err
	}
	fields := cmds[1].(*redis.MapStringStringCmd).Val()
	for _, low := range cmds[0].(*redis.StringSliceCmd).Val() {
		if fields[low+".high"] == "" { // done meanwhile
			continue
		}
		g, err := readRange(low, fields)
		if err != nil {
			return nil, err
		}
		ends, err := strconv.ParseInt(fields[low+".ends"], 10, 64)
		if err != nil {
			return nil, fmt.Errorf("the end of a lease: %w", err)
		}
		out = append(out, push.RangeState{Range: g.Range, Cursor: g.Position, Scanned: g.Scanned, Held: ends > at(now)})
	}
	slices.SortFunc(out, func(a, b push.RangeState) int { return a.Low - b.Low })
	return out, nil
}

// Standing implements push.Store.
func (e *Engine) Standing(ctx context.Context, campaign string, r push.Range, after push.ID, limit int) (out []push.Subscription, err error) {
	const op = "read whom campaign %.64q is for"
	seq, err := again(ctx, e, func(ctx context.Context) (int64, error) {
		return e.client.HGet(ctx, e.keys.log+":ids", campaign).Int64()
	})
	if errors.Is(err, redis.Nil) {
		err = push.ErrNoCampaign
	}
	var standing int64
	if err == nil {
		standing, err = again(ctx, e, func(ctx context.Context) (int64, error) {
			return e.client.HGet(ctx, e.keys.campaign(strconv.FormatInt(seq, 10)), "standing").Int64()
		})
	}
	if err != nil {
		return nil, failed(fmt.Sprintf(op, campaign), err)
	}
	s := stand{seq: seq, position: after, low: r.Low, high: r.High, standing: standing}
	if after.Shard() < r.Low {
		s.position = push.ID{}
	}
	err = e.walk(ctx, s, limit, func(r record) bool {
		if len(out) < limit {
			out = append(out, r.sub)
		}
		return len(out) < limit
	})
	if err != nil {
		return nil, failed(fmt.Sprintf(op, campaign), err)
	}
	return out, nil
}

// Reports implements push.Store. Each campaign names the one before it.
func (e *Engine) Reports(ctx context.Context, item string, limit int) (out []push.Report, err error) {
	for seq := ""; len(out) < limit; {
		report, before, err := e.reportOf(ctx, item, seq)
		if errors.Is(err, push.ErrNoCampaign) && seq == "" {
			return nil, nil
		}
		if err != nil {
			return nil, failed(fmt.Sprintf("report on item %.64q", item), err)
		}
		out = append(out, report)
		if before == "" {
			break
		}
		seq = before
	}
	return out, nil
}
