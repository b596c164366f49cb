package redis

import (
	"context"
	"errors"

	"github.com/redis/go-redis/v9"
)

// Kept is what is kept under name, nil if that is nothing.
func (e *Engine) Kept(ctx context.Context, name string) ([]byte, error) {
	kept, err := again(ctx, e, func(ctx context.Context) ([]byte, error) {
		kept, err := e.client.HGet(ctx, e.keys.kept(), name).Bytes()
		if errors.Is(err, redis.Nil) {
			return nil, nil
		}
		return kept, err
	})
	if err != nil {
		return nil, failed("read what is kept as "+name, err)
	}
	return kept, nil
}

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

// Replace keeps fresh under name if old is what is kept, nil for nothing, and
// reports whether it was: of nodes that race one wins.
func (e *Engine) Replace(ctx context.Context, name string, old, fresh []byte) (replaced bool, err error) {
	if old == nil {
		_, replaced, err = e.Keep(ctx, name, fresh)
		return replaced, err
	}
	v, err := e.run(ctx, e.scripts.replace, []string{e.keys.kept()}, name, old, fresh)
	if err != nil {
		return false, failed("keep "+name, err)
	}
	return v == int64(1), nil
}
