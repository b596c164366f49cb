package redis

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// waits is what an append waits for beyond the server's own word.
type waits struct {
	replicas int
	synced   bool
}

// waitStep is how long one WAIT lasts. The connection is the append's alone,
// and it must not seem dead to the client.
const waitStep = 500 * time.Millisecond

// run runs the script and waits, on one connection, for what it wrote. What a
// WAIT times out on is waited for again until ctx ends: the entry is there,
// so to say that it is not would be wrong. For the same reason an error of a
// WAIT leaves the append in doubt, to be asked after.
func (w waits) run(ctx context.Context, client redis.UniversalClient, s *redis.Script, keys []string, args []any) (v any, err error) {
	for n := 1; ; n++ {
		var node *redis.Client
		switch c := client.(type) {
		case *redis.Client:
			node = c
		case *redis.ClusterClient:
			if node, err = c.MasterForKey(ctx, keys[0]); err != nil {
				return nil, err
			}
		}
		v, err = w.runOn(ctx, node, s, keys, args)
		cluster, ok := client.(*redis.ClusterClient)
		if !ok || err == nil || !moved(err) || n == tries {
			return v, err
		}
		cluster.ReloadState(ctx)
	}
}

func moved(err error) bool {
	is, _ := answered(err)
	return is && (strings.Contains(err.Error(), "MOVED ") || strings.Contains(err.Error(), "ASK "))
}

func (w waits) runOn(ctx context.Context, node *redis.Client, s *redis.Script, keys []string, args []any) (any, error) {
	conn := node.Conn()
	v, err := s.Run(ctx, conn, keys, args...).Result()
	if err == nil {
		if err = w.wait(ctx, conn); err != nil {
			if a, ok := ctx.Value(attemptsKey{}).(*attempts); ok {
				a.unsure.Store(true)
			}
			err = fmt.Errorf("wait for replicas: %w", err)
		}
	}
	return v, errors.Join(err, conn.Close())
}

func (w waits) wait(ctx context.Context, conn *redis.Conn) error {
	for {
		var local, replicas int64
		if w.synced {
			n, err := conn.Do(ctx, "WAITAOF", 1, w.replicas, waitStep.Milliseconds()).Int64Slice()
			if err != nil {
				return err
			}
			if len(n) != 2 {
				return fmt.Errorf("WAITAOF answered %v", n)
			}
			local, replicas = n[0], n[1]
		} else {
			n, err := conn.Wait(ctx, w.replicas, waitStep).Result()
			if err != nil {
				return err
			}
			local, replicas = 1, n
		}
		if local >= 1 && replicas >= int64(w.replicas) {
			return nil
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
}
