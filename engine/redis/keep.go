package redis

import (
	"context"
)

// Keep returns what is kept under name for all nodes. If that is nothing, it
// is fresh from now on, and created tells: of nodes that start at the same
// time one wins, and all get what it kept. Names and values are small: it is
// for secrets that nodes share.
func (e *Engine) Keep(ctx context.Context, name string, fresh []byte) (kept []byte, created bool, err error) {
	created, err = again(ctx, e, func(ctx context.Context) (bool, error) {
		return e.client.HSetNX(ctx, e.keys.kept(), name, fresh).Result()
	})
	if err == nil {
		kept, err = again(ctx, e, func(ctx context.Context) ([]byte, error) {
			return e.client.HGet(ctx, e.keys.kept(), name).Bytes()
		})
	}
	if err != nil {
		return nil, false, failed("keep "+name, err)
	}
	return kept, created, nil
}
