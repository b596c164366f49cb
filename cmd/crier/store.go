package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"

	"crier/desk"
	transfer "crier/engine"
	"crier/engine/redis"
	"crier/engine/sqlite"
	"crier/news"
	"crier/push"
)

// engine is all that a node needs of whatever keeps things.
type engine interface {
	news.Log
	news.Archive
	desk.Keyring
	push.Store
	desk.Audiences
	leading
	trimmer
	secrets
	Writable(ctx context.Context) error
	Close() error
}

// open opens the store. beside is for the short commands that an operator runs
// next to a service.
func (f storeFlags) open(ctx context.Context, beside bool, logger *slog.Logger) (engine, error) {
	if f.RedisReplicas < 0 {
		return nil, errors.New("--redis-replicas: give 0 or more")
	}
	if f.Redis != "" {
		e, err := redis.Open(ctx, f.Redis, redis.Options{Prefix: f.RedisPrefix, Replicas: f.RedisReplicas, Synced: f.RedisSynced, Logger: logger})
		if err != nil {
			return nil, err
		}
		return e, nil
	}
	if err := os.MkdirAll(f.Data, 0o700); err != nil {
		return nil, fmt.Errorf("data directory: %w", err)
	}
	e, err := sqlite.Open(ctx, f.Data, sqlite.Options{Beside: beside})
	if err != nil {
		return nil, err
	}
	return e, nil
}

// use opens the store beside a service that may be running on it, and closes
// it after do.
func (f storeFlags) use(ctx context.Context, do func(engine) error) (err error) {
	e, err := f.open(ctx, true, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, e.Close()) }()
	return do(e)
}

// secrets is what nodes share: in files beside the database, or in the Redis.
// Both engines have it.
type secrets interface {
	Kept(ctx context.Context, name string) ([]byte, error)
	Keep(ctx context.Context, name string, fresh []byte) (kept []byte, created bool, err error)
	Replace(ctx context.Context, name string, old, fresh []byte) (replaced bool, err error)
}

// vapidKeys is the secret that holds the VAPID keys.
type vapidKeys struct{ secrets }

func (k vapidKeys) Kept(ctx context.Context) ([]byte, error) {
	return k.secrets.Kept(ctx, transfer.VAPID)
}

func (k vapidKeys) Replace(ctx context.Context, old, fresh []byte) (bool, error) {
	return k.secrets.Replace(ctx, transfer.VAPID, old, fresh)
}

// read reads the keys that browsers subscribe with. They are made at the first
// start.
func (k vapidKeys) read(ctx context.Context, logger *slog.Logger) (v push.VAPID, err error) {
	fresh, err := push.NewVAPID()
	if err != nil {
		return v, err
	}
	kept, created, err := k.Keep(ctx, transfer.VAPID, fresh)
	if err != nil {
		return v, err
	}
	if created {
		logger.Info("made new VAPID keys; browsers subscribe with them: keep them, and back them up")
	}
	return push.ParseVAPID(kept)
}
