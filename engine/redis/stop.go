package redis

import (
	"context"
	"encoding/json"
	"errors"

	"crier/push"

	"github.com/redis/go-redis/v9"
)

// The stop is a hash of one field, so that setting it only if it is not there
// and reading it are single commands.
const stopField = "order"

// Stop implements push.Store.
func (e *Engine) Stop(ctx context.Context, s push.Stop) error {
	s.At = when(at(s.At))
	order, err := json.Marshal(s)
	if err == nil {
		_, err = again(ctx, e, func(ctx context.Context) (bool, error) {
			return e.client.HSetNX(ctx, e.keys.stop(), stopField, order).Result()
		})
	}
	if err != nil {
		return failed("stop campaigns", err)
	}
	return nil
}

// Resume implements push.Store.
func (e *Engine) Resume(ctx context.Context) error {
	_, err := again(ctx, e, func(ctx context.Context) (int64, error) { return e.client.Del(ctx, e.keys.stop()).Result() })
	if err != nil {
		return failed("resume campaigns", err)
	}
	return nil
}

// Stopped implements push.Store.
func (e *Engine) Stopped(ctx context.Context) (*push.Stop, error) {
	order, err := again(ctx, e, func(ctx context.Context) (string, error) {
		return e.client.HGet(ctx, e.keys.stop(), stopField).Result()
	})
	if errors.Is(err, redis.Nil) {
		return nil, nil
	}
	var s push.Stop
	if err == nil {
		err = json.Unmarshal([]byte(order), &s)
	}
	if err != nil {
		return nil, failed("read the stop", err)
	}
	return &s, nil
}
