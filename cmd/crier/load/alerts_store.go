package load

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"crier/engine"
	"crier/engine/redis"
	"crier/engine/sqlite"
	"crier/news"
	"crier/push"
)

// store keeps the subscriptions of a run.
type store interface {
	news.Log
	push.Store
	Close() error
}

// place is where a run's store is made, and how it is removed.
type place struct {
	address address
	target  func(context.Context) (target, error)
	open    func(context.Context) (store, error)
	cpu     func(context.Context) (time.Duration, error) // that its server has used; 0 for an embedded one
	remove  func(context.Context) error
}

type target interface {
	engine.Importer
	Close() error
}

// address is what another process needs to open a store: a directory, or a
// Redis and the prefix of the keys in it.
type address struct{ Dir, Redis, Prefix string }

func (a address) open(ctx context.Context) (store, error) {
	if a.Dir != "" {
		return sqlite.Open(ctx, a.Dir, sqlite.Options{})
	}
	return redis.Open(ctx, a.Redis, redis.Options{Prefix: a.Prefix})
}

// newPlace is a place of the run's own. Nothing is in it yet.
func newPlace(o AlertsOptions) (place, error) {
	if o.Engine == "redis" {
		return redisPlace(o.Redis)
	}
	dir, err := os.MkdirTemp("", "crier-bench-*")
	a := address{Dir: dir}
	return place{
		address: a,
		target:  func(ctx context.Context) (target, error) { return sqlite.OpenTarget(ctx, dir) },
		open:    a.open,
		cpu:     func(context.Context) (time.Duration, error) { return 0, nil },
		remove:  func(context.Context) error { return os.RemoveAll(dir) },
	}, err
}

func redisPlace(at string) (place, error) {
	u, err := url.Parse(at)
	if err != nil || u.Scheme != "redis" || !loopback(u.Hostname()) {
		return place{}, errors.New("give the --redis of this machine, such as redis://127.0.0.1:6379: a run fills it")
	}
	conn, err := goredis.ParseURL(at)
	if err != nil {
		return place{}, fmt.Errorf("--redis: %w", err)
	}
	client := goredis.NewClient(conn)
	a := address{Redis: at, Prefix: "crier-bench-" + strings.ToLower(rand.Text())}
	o := redis.Options{Prefix: a.Prefix}
	return place{
		address: a,
		target:  func(ctx context.Context) (target, error) { return redis.OpenTarget(ctx, at, o) },
		open:    a.open,
		cpu:     func(ctx context.Context) (time.Duration, error) { return serverCPU(ctx, client) },
		remove:  func(ctx context.Context) error { return errors.Join(removeKeys(ctx, client, o.Prefix), client.Close()) },
	}, nil
}

// serverCPU is what the Redis says it has used.
func serverCPU(ctx context.Context, c *goredis.Client) (sum time.Duration, err error) {
	info, err := c.Info(ctx, "cpu").Result()
	if err != nil {
		return 0, fmt.Errorf("ask Redis for its CPU time: %w", err)
	}
	for line := range strings.Lines(info) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		if name == "used_cpu_sys" || name == "used_cpu_user" {
			d, err := time.ParseDuration(value + "s")
			if err != nil {
				return 0, err
			}
			sum += d
		}
	}
	return sum, nil
}

// removeKeys removes all that the run has made.
func removeKeys(ctx context.Context, c *goredis.Client, prefix string) error {
	for cursor := uint64(0); ; {
		names, next, err := c.Scan(ctx, cursor, "{"+prefix+":*", 1000).Result()
		if err == nil && len(names) > 0 {
			err = c.Unlink(ctx, names...).Err()
		}
		if err != nil {
			return fmt.Errorf("remove the run's keys: %w", err)
		}
		if cursor = next; cursor == 0 {
			return nil
		}
	}
}

// fill makes a store with the crowd's first n subscriptions in the place.
func (p place) fill(ctx context.Context, c crowd, n int) error {
	t, err := p.target(ctx)
	if err != nil {
		return err
	}
	err = t.Import(ctx, c.records(n, time.Now().UTC().Truncate(time.Millisecond)))
	if err == nil {
		err = t.Finish(ctx)
	}
	return errors.Join(err, t.Close())
}
