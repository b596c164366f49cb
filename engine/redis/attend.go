package redis

import (
	"context"
	"slices"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"
)

// Attend implements push.Store. The clocks are the nodes' own: one that is
// behind takes others to be there for longer.
func (e *Engine) Attend(ctx context.Context, worker string, now, ends time.Time) ([]string, error) {
	var there *redis.StringSliceCmd
	_, err := pipelined(ctx, e, func(p redis.Pipeliner) []redis.Cmder {
		key := e.keys.workers()
		came := p.ZAdd(ctx, key, redis.Z{Score: float64(at(ends)), Member: worker})
		left := p.ZRemRangeByScore(ctx, key, "-inf", strconv.FormatInt(at(now), 10))
		there = p.ZRange(ctx, key, 0, -1)
		return []redis.Cmder{came, left, there}
	})
	if err != nil {
		return nil, failed("attend", err)
	}
	names := there.Val()
	slices.Sort(names)
	return names, nil
}
