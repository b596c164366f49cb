package redis

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"

	"crier/engine"

	"github.com/redis/go-redis/v9"
)

var (
	_ engine.Exporter = (*Engine)(nil)
	_ engine.Importer = (*Target)(nil)
)

// Errors of moving, besides those of package engine. Test with errors.Is.
var (
	// ErrRestarted: no node has looked at the log since its server restarted.
	ErrRestarted = errors.New("its server has restarted and no node has looked at the log since, so nobody knows whether anything is missing: run crier serve on it once")
)

// OpenSource connects to the Redis at the address to move from. No node may
// run on it, as far as can be known: one does if somebody listens to the
// doorbell. Addresses and errors are those of Open, and engine.ErrNothing,
// engine.ErrInUse, engine.ErrHalfMoved, ErrRestarted. Close it when done.
func OpenSource(ctx context.Context, address string, o Options) (*Engine, error) {
	e, err := connectAlone(ctx, address, o)
	if err != nil {
		return nil, err
	}
	if err := e.mayLeave(ctx); err != nil {
		return nil, errors.Join(failed("open "+e.name, err), e.Close())
	}
	return e, nil
}

// connectAlone connects to a server that can be trusted with a log and on
// which no node runs.
func connectAlone(ctx context.Context, address string, o Options) (*Engine, error) {
	e, err := connect(address, o)
	if err != nil {
		return nil, fmt.Errorf("open redis: %w", err)
	}
	e.quit = func() {} // there is no doorbell to be ended
	close(e.ended)
	err = e.check(ctx)
	if err == nil {
		err = e.alone(ctx)
	}
	if err != nil {
		return nil, errors.Join(failed("open "+e.name, err), e.Close())
	}
	return e, nil
}

// alone fails with engine.ErrInUse if anybody listens to the doorbell.
func (e *Engine) alone(ctx context.Context) error {
	nodes, err := again(ctx, e, func(ctx context.Context) (nodes int64, err error) {
		var mu sync.Mutex
		count := func(ctx context.Context, c redis.Cmdable) error {
			n, err := c.PubSubNumSub(ctx, e.keys.bell).Result()
			mu.Lock()
			defer mu.Unlock()
			nodes += n[e.keys.bell]
			return err
		}
		if cluster, ok := e.client.(*redis.ClusterClient); ok {
			// Each server knows only of those that are connected to it.
			err = cluster.ForEachShard(ctx, func(ctx context.Context, c *redis.Client) error { return count(ctx, c) })
		} else {
			err = count(ctx, e.client)
		}
		return nodes, err
	})
	if err == nil && nodes > 0 {
		err = fmt.Errorf("nodes that listen to its doorbell: %d: %w", nodes, engine.ErrInUse)
	}
	return err
}

// lookAt says how the log stands.
func (e *Engine) lookAt(ctx context.Context) (verdict string, r *reply, err error) {
	r = newReply(e.run(ctx, script("movelook"), []string{e.keys.log}))
	verdict = r.text()
	return verdict, r, r.err
}

// mayLeave is nil if the log can be moved as it is.
func (e *Engine) mayLeave(ctx context.Context) error {
	verdict, r, err := e.lookAt(ctx)
	switch {
	case err != nil:
		return err
	case verdict == "none":
		return engine.ErrNothing
	case verdict == "moving":
		return engine.ErrHalfMoved
	case verdict == "newer":
		return e.newer(r.text())
	case verdict == restarted:
		return ErrRestarted
	}
	return nil
}

// Target is a Redis to move to.
type Target struct {
	e     *Engine
	name  string // of the move
	epoch string // of the log that was moved
}

// OpenTarget connects to the Redis at the address to move to. There may be
// nothing under the prefix, or half a move, which is removed; and no node may
// run on it. It is half a move from then on, until Finish. Of two moves to
// one place at a time the later one wins. Addresses and errors are those of
// Open, and engine.ErrNotEmpty, engine.ErrInUse. Close it when done.
func OpenTarget(ctx context.Context, address string, o Options) (*Target, error) {
	e, err := connectAlone(ctx, address, o)
	if err != nil {
		return nil, err
	}
	t := &Target{e: e, name: rand.Text()}
	if err := t.begin(ctx); err != nil {
		return nil, errors.Join(failed("open "+e.name, err), e.Close())
	}
	return t, nil
}

func (t *Target) begin(ctx context.Context) error {
	verdict, _, err := t.e.lookAt(ctx)
	if err != nil {
		return err
	}
	switch verdict {
	case "moving":
	case "none":
		err = t.e.eachKey(ctx, func([]string) error { return engine.ErrNotEmpty })
	default:
		err = engine.ErrNotEmpty
	}
	if err != nil {
		return err
	}
	v, err := t.e.run(ctx, script("movebegin"), []string{t.e.keys.log}, t.name)
	if err == nil && v != int64(1) { // a node was faster
		err = engine.ErrNotEmpty
	}
	if err != nil {
		return err
	}
	return t.e.eachKey(ctx, func(names []string) error {
		_, err := pipelined(ctx, t.e, func(p redis.Pipeliner) (out []*redis.IntCmd) {
			for _, name := range names {
				if name != t.e.keys.log {
					out = append(out, p.Unlink(ctx, name))
				}
			}
			return out
		})
		return err
	})
}

// eachKey calls f with the names of the keys under our prefix, in pages that
// are not empty. A name may come more than once.
func (e *Engine) eachKey(ctx context.Context, f func(names []string) error) error {
	masters := []redis.Cmdable{e.client}
	if cluster, ok := e.client.(*redis.ClusterClient); ok {
		var err error
		if masters, err = again(ctx, e, func(ctx context.Context) (out []redis.Cmdable, err error) {
			var mu sync.Mutex
			err = cluster.ForEachMaster(ctx, func(_ context.Context, c *redis.Client) error {
				mu.Lock()
				defer mu.Unlock()
				out = append(out, c)
				return nil
			})
			return out, err
		}); err != nil {
			return err
		}
	}
	for _, m := range masters {
		if err := e.keysLike(ctx, m, "{"+e.keys.prefix+":*", f); err != nil {
			return err
		}
	}
	return nil
}

// scanStep is about how many keys or members one SCAN looks at.
const scanStep = 1000

// keysLike calls f with the names of a server's keys that match the pattern.
func (e *Engine) keysLike(ctx context.Context, c redis.Cmdable, pattern string, f func(names []string) error) error {
	for cursor := uint64(0); ; {
		var next uint64
		names, err := again(ctx, e, func(ctx context.Context) (names []string, err error) {
			names, next, err = c.Scan(ctx, cursor, pattern, scanStep).Result()
			return names, err
		})
		if err != nil {
			return err
		}
		cursor = next
		if len(names) > 0 {
			if err := f(names); err != nil {
				return err
			}
		}
		if cursor == 0 {
			return nil
		}
	}
}

// Finish implements engine.Importer.
func (t *Target) Finish(ctx context.Context) error {
	v, err := t.e.run(ctx, script("movefinish"), []string{t.e.keys.log}, t.name, t.epoch)
	if err == nil && v != int64(1) {
		err = errors.New("another move to the same place has begun")
	}
	if err != nil {
		return failed("finish the move", err)
	}
	return nil
}

// Close closes the connections.
func (t *Target) Close() error { return t.e.Close() }
