package redis

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"
)

// check makes sure that the servers can be trusted with a log.
func (e *Engine) check(ctx context.Context) error {
	_, err := again(ctx, e, func(ctx context.Context) (struct{}, error) {
		cluster, ok := e.client.(*redis.ClusterClient)
		if !ok {
			return struct{}{}, e.checkServer(ctx, e.client)
		}
		return struct{}{}, cluster.ForEachMaster(ctx, func(ctx context.Context, c *redis.Client) error {
			if err := e.checkServer(ctx, c); err != nil {
				return fmt.Errorf("%s: %w", c.Options().Addr, err)
			}
			return nil
		})
	})
	if err != nil {
		return err
	}
	return e.checkTypes(ctx)
}

func (e *Engine) checkServer(ctx context.Context, c redis.Cmdable) error {
	text, err := c.Info(ctx).Result()
	if err != nil {
		return err
	}
	info := map[string]string{}
	for line := range strings.Lines(text) {
		k, v, _ := strings.Cut(strings.TrimSpace(line), ":")
		info[k] = v
	}
	valkey := info["valkey_version"] != "" || info["server_name"] == "valkey"
	version := info["redis_version"]
	major, _, _ := strings.Cut(version, ".")
	switch n, err := strconv.Atoi(major); {
	case err != nil && !valkey:
		return fmt.Errorf("it says it is version %.20q: %w", version, ErrTooOld)
	case n < 7 && !valkey:
		return fmt.Errorf("it is Redis %s: %w", version, ErrTooOld)
	case e.waits.synced && !valkey && !atLeast72(version):
		return fmt.Errorf("it is Redis %s and WAITAOF came with 7.2: %w", version, ErrTooOld)
	case info["role"] == "slave":
		return ErrReplica
	case info["maxmemory_policy"] != "" && info["maxmemory_policy"] != "noeviction":
		return fmt.Errorf("its maxmemory-policy is %s: %w", info["maxmemory_policy"], ErrEvicts)
	}
	e.warnDurability(ctx, c, info["aof_enabled"] == "1")
	return nil
}

func atLeast72(version string) bool {
	var major, minor int
	_, err := fmt.Sscanf(version, "%d.%d", &major, &minor)
	return err == nil && (major > 7 || major == 7 && minor >= 2)
}

// warnDurability says what the server's settings can lose. Where CONFIG is
// not for us to read, the operator is not warned of what cannot be known.
func (e *Engine) warnDurability(ctx context.Context, c redis.Cmdable, aof bool) {
	if !aof {
		e.log.Warn("Redis keeps no append-only file: what was acknowledged since its last snapshot is lost when it ends. Set appendonly yes and appendfsync always.", "server", e.name)
		return
	}
	config, err := c.ConfigGet(ctx, "appendfsync").Result()
	if policy := config["appendfsync"]; err == nil && policy != "always" {
		e.log.Warn("Redis may lose the last moments when its machine fails. Set appendfsync always.", "server", e.name, "appendfsync", policy)
	}
}

// checkTypes looks for keys of other programs where ours would be. Scripts
// would stumble over them halfway.
func (e *Engine) checkTypes(ctx context.Context) error {
	want := e.keys.types()
	names := slices.Sorted(maps.Keys(want))
	cmds, err := pipelined(ctx, e, func(p redis.Pipeliner) (out []*redis.StatusCmd) {
		for _, k := range names {
			out = append(out, p.Type(ctx, k))
		}
		return out
	})
	if err != nil {
		return err
	}
	var errs []error
	for i, c := range cmds {
		if is := c.Val(); is != "none" && is != want[names[i]] {
			errs = append(errs, fmt.Errorf("the key %s is a %s and not a %s: %w", names[i], is, want[names[i]], ErrForeign))
		}
	}
	return errors.Join(errs...)
}
