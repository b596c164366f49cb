package redis

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
)

// await runs f and returns when it does or ctx is cancelled, whichever is
// first: go-redis honours a deadline while it waits for an answer, but not a
// cancellation.
func await[T any](ctx context.Context, e *Engine, f func(context.Context) (T, error)) (T, error) {
	var none T
	if err := ctx.Err(); err != nil {
		return none, err
	}
	if !e.enter() {
		return none, errClosed
	}
	if ctx.Done() == nil {
		defer e.calls.Done()
		return f(ctx)
	}
	type result struct {
		v   T
		err error
	}
	c := make(chan result, 1)
	go func() {
		defer e.calls.Done()
		v, err := f(ctx)
		c <- result{v, err}
	}()
	select {
	case r := <-c:
		if r.err != nil && ctx.Err() != nil {
			return none, ctx.Err() // the connection gave up because the caller did
		}
		return r.v, r.err
	case <-ctx.Done():
		return none, ctx.Err()
	}
}

// enter registers a call, unless the engine is closed.
func (e *Engine) enter() bool {
	e.gate.Lock()
	defer e.gate.Unlock()
	if e.closed {
		return false
	}
	e.calls.Add(1)
	return true
}

// once runs a script. It is not repeated: the caller has to know what to make
// of a lost answer.
func (e *Engine) once(ctx context.Context, s *redis.Script, keys []string, args ...any) (any, error) {
	return await(ctx, e, func(ctx context.Context) (any, error) {
		v, err := s.Run(ctx, e.client, keys, args...).Result()
		if errors.Is(err, redis.Nil) {
			err = nil
		}
		return v, err
	})
}

// tries is how often what may be repeated is tried when connections break. A
// server that has restarted breaks each connection of the pool once.
const tries = 3

// again runs f until no connection breaks under it, at most tries times.
func again[T any](ctx context.Context, e *Engine, f func(context.Context) (T, error)) (v T, err error) {
	for n := 1; ; n++ {
		if v, err = await(ctx, e, f); !lost(err) || n == tries {
			return v, err
		}
		if err := pause(ctx, time.Duration(n)*20*time.Millisecond); err != nil {
			return v, err
		}
	}
}

// run runs a script that may be repeated.
func (e *Engine) run(ctx context.Context, s *redis.Script, keys []string, args ...any) (any, error) {
	return again(ctx, e, func(ctx context.Context) (any, error) {
		v, err := s.Run(ctx, e.client, keys, args...).Result()
		if errors.Is(err, redis.Nil) {
			err = nil
		}
		return v, err
	})
}

// pipelined sends commands together and waits for all. They may be repeated.
// An answer of nothing is no error.
func pipelined[T redis.Cmder](ctx context.Context, e *Engine, queue func(redis.Pipeliner) []T) ([]T, error) {
	return again(ctx, e, func(ctx context.Context) ([]T, error) {
		p := e.client.Pipeline()
		out := queue(p)
		if _, err := p.Exec(ctx); err != nil && !errors.Is(err, redis.Nil) {
			return out, err
		}
		for _, c := range out {
			if err := c.Err(); err != nil && !errors.Is(err, redis.Nil) {
				return out, err
			}
		}
		return out, nil
	})
}

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// reply reads a script's answer, a list of texts and numbers. The first
// element that is not what it should be is kept as an error.
type reply struct {
	list []any
	err  error
}

func newReply(v any, err error) *reply {
	if err != nil {
		return &reply{err: err}
	}
	list, ok := v.([]any)
	if !ok {
		return &reply{err: fmt.Errorf("the script answered %T", v)}
	}
	return &reply{list: list}
}

func (r *reply) more() bool { return r.err == nil && len(r.list) > 0 }

func (r *reply) text() string {
	if r.err != nil {
		return ""
	}
	if len(r.list) == 0 {
		r.err = errors.New("the script's answer is short")
		return ""
	}
	v := r.list[0]
	r.list = r.list[1:]
	switch v := v.(type) {
	case string:
		return v
	case int64:
		return strconv.FormatInt(v, 10)
	case nil:
		return ""
	}
	r.err = fmt.Errorf("the script answered with a %T", v)
	return ""
}

func (r *reply) number() int64 { return r.parse(r.text()) }

func (r *reply) parse(s string) int64 {
	if r.err != nil {
		return 0
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		r.err = fmt.Errorf("the script answered %.40q for a number", s)
	}
	return n
}

// attempts is told what became of each attempt to send a command.
type attempts struct{ unsure atomic.Bool }

type attemptsKey struct{}

// witness is a hook of every connection pool. A Cluster's client repeats
// commands when connections break, and tells only of the last attempt: the
// hook sees each of them.
type witness struct{}

var _ redis.Hook = witness{}

// DialHook implements redis.Hook.
func (witness) DialHook(next redis.DialHook) redis.DialHook {
	return func(ctx context.Context, network, addr string) (net.Conn, error) { return next(ctx, network, addr) }
}

// ProcessHook implements redis.Hook.
func (witness) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		err := next(ctx, cmd)
		if a, ok := ctx.Value(attemptsKey{}).(*attempts); ok && err != nil {
			if is, _ := answered(err); !is && !errors.Is(err, redis.Nil) && !unsent(err) {
				a.unsure.Store(true)
			}
		}
		return err
	}
}

// ProcessPipelineHook implements redis.Hook.
func (witness) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}
