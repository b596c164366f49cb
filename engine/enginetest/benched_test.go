package enginetest

import (
	"context"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"

	"crier/engine/redis"
	"crier/engine/redis/redistest"
	"crier/engine/sqlite"
)

// benched is an empty store of an engine, to be measured.
type benched struct {
	// open opens a node, or the one that there can be.
	open func(b *testing.B) Engine
	// hasty has the store filled without waiting for the disk. No node is open
	// before or after.
	hasty func(b *testing.B, fill func(Engine))
	// size is what the store takes, in bytes. No node is open.
	size func(b *testing.B) int64
	// transient is how much of it is idempotency keys, which age.
	transient func(b *testing.B) int64
}

var benchedEngines = []struct {
	name   string
	create func(b *testing.B) *benched
}{{"sqlite", benchedSQLite}, {"redis", benchedRedis}}

func benchedSQLite(b *testing.B) *benched {
	dir := b.TempDir()
	var shared Engine
	e := &benched{}
	e.open = func(b *testing.B) Engine {
		if shared == nil {
			shared = openBenched(b, func(ctx context.Context) (Engine, error) { return sqlite.Open(ctx, dir, sqlite.Options{}) })
			b.Cleanup(func() { shared = nil })
		}
		return shared
	}
	e.hasty = func(b *testing.B, fill func(Engine)) {
		node, err := sqlite.Open(b.Context(), dir, sqlite.Options{})
		ok(b, err)
		fill(node)
		ok(b, node.Close())
	}
	e.size = func(b *testing.B) (n int64) {
		ok(b, filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			info, err := d.Info()
			if err == nil {
				n += info.Size()
			}
			return err
		}))
		return n
	}
	e.transient = func(*testing.B) int64 { return 0 } // appends without a key leave none
	return e
}

func benchedRedis(b *testing.B) *benched {
	s := redistest.Start(b)
	e := &benched{}
	open := func(ctx context.Context) (Engine, error) { return redis.Open(ctx, s.URL(), redis.Options{}) }
	e.open = func(b *testing.B) Engine { return openBenched(b, open) }
	e.hasty = func(b *testing.B, fill func(Engine)) {
		s.Say(b, "CONFIG", "SET", "appendfsync", "no")
		node, err := open(b.Context())
		ok(b, err)
		fill(node)
		ok(b, node.Close())
		s.Say(b, "CONFIG", "SET", "appendfsync", "always")
	}
	e.size = func(b *testing.B) (n int64) {
		for line := range strings.Lines(s.Say(b, "INFO", "memory").(string)) {
			if _, err := fmt.Sscanf(line, "used_memory_dataset:%d", &n); err == nil {
				return n
			}
		}
		b.Fatal("the server does not say")
		return 0
	}
	e.transient = func(b *testing.B) (n int64) {
		c := s.Client(b)
		names, err := c.Keys(b.Context(), "{crier:log}:call:*").Result()
		ok(b, err)
		for _, k := range names {
			n += c.MemoryUsage(b.Context(), k).Val()
		}
		return n
	}
	return e
}

// openBenched opens a node that is closed with b.
func openBenched(b *testing.B, open func(context.Context) (Engine, error)) Engine {
	b.Helper()
	e, err := open(b.Context())
	ok(b, err)
	b.Cleanup(func() { ok(b, e.Close()) })
	return e
}
