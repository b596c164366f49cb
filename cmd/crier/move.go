package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"text/tabwriter"

	transfer "crier/engine"
	"crier/engine/redis"
	"crier/engine/sqlite"
)

type moveCmd struct {
	From string `help:"Data directory or Redis to move from; nothing may run on it. It stays as it is." required:"" placeholder:"DIR|URL"`
	To   string `help:"Data directory or Redis to move to; must be empty." required:"" placeholder:"DIR|URL"`

	RedisPrefix string `help:"Beginning of all keys in a Redis." default:"crier" placeholder:"NAME"`
}

// source is a store to move from, target one to move to.
type (
	source interface {
		transfer.Exporter
		io.Closer
	}
	target interface {
		transfer.Importer
		io.Closer
	}
)

func (c *moveCmd) Run(ctx context.Context, s streams, logger *slog.Logger) error {
	counts, err := c.move(ctx, s, logger)
	if err != nil && ctx.Err() != nil { // which would pass for a peaceful end
		return fmt.Errorf("move: interrupted (%v): run it again, it overwrites what it left", err) //nolint:errorlint // not to be taken for ctx's error
	}
	if err != nil {
		return fmt.Errorf("move: %w", err)
	}
	w := tabwriter.NewWriter(s.out, 0, 8, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "copied\tverified\t\tkind")
	for _, n := range counts {
		fmt.Fprintf(w, "%d\t%d\t\t%s\n", n.Copied, n.Verified, n.Kind)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(s.err, "Moved. The log has the epoch it had, so readers go on where they were. Serve only the new place from now on:")
	fmt.Fprintln(s.err, "were both to take posts, cursors of one would pass for cursors of the other.")
	return nil
}

func (c *moveCmd) move(ctx context.Context, s streams, logger *slog.Logger) (counts []transfer.Count, err error) {
	from, err := c.source(ctx, logger)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, from.Close()) }()
	to, err := c.target(ctx, logger)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, to.Close()) }()
	return transfer.Move(ctx, from, to, transfer.Options{Progress: func(k transfer.Kind, n int64, verified bool) {
		done := "copied"
		if verified {
			done = "verified"
		}
		fmt.Fprintf(s.err, "%s %d %s\n", done, n, k)
	}})
}

// isRedis tells a Redis from a data directory.
func isRedis(place string) bool { return strings.Contains(place, "://") }

func (c *moveCmd) source(ctx context.Context, logger *slog.Logger) (source, error) {
	if !isRedis(c.From) {
		e, err := sqlite.OpenSource(ctx, c.From)
		if err != nil {
			return nil, err
		}
		return e, nil
	}
	e, err := redis.OpenSource(ctx, c.From, redis.Options{Prefix: c.RedisPrefix, Logger: logger})
	if err != nil {
		return nil, err
	}
	return e, nil
}

func (c *moveCmd) target(ctx context.Context, logger *slog.Logger) (target, error) {
	if !isRedis(c.To) {
		t, err := sqlite.OpenTarget(ctx, c.To)
		if err != nil {
			return nil, err
		}
		return t, nil
	}
	t, err := redis.OpenTarget(ctx, c.To, redis.Options{Prefix: c.RedisPrefix, Logger: logger})
	if err != nil {
		return nil, err
	}
	return t, nil
}
