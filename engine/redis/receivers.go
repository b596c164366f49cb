package redis

import (
	"context"

	"crier/push"
)

// Receivers implements push.Store.
func (e *Engine) Receivers(ctx context.Context, r push.Range, after push.ID, limit int) ([]push.Receiver, error) {
	out, err := e.receivers(ctx, r, after, max(limit, 1))
	if err != nil {
		return nil, failed("read receivers", err)
	}
	return out, nil
}

func (e *Engine) receivers(ctx context.Context, r push.Range, after push.ID, limit int) (out []push.Receiver, err error) {
	for shard := max(after.Shard(), r.Low); shard <= r.High && len(out) < limit; shard++ {
		found, err := e.readShards(ctx, shard, 1, after, limit-len(out))
		if err != nil {
			return nil, err
		}
		for _, member := range found[0] {
			x, err := decode(member)
			if err != nil {
				return nil, err
			}
			out = append(out, push.Receiver{ID: x.sub.ID, P256dh: x.sub.P256dh, Auth: x.sub.Auth})
		}
	}
	return out, nil
}
