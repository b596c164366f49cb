package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"crier/push"
)

type rotateVAPIDCmd struct{ storeFlags }

// Run makes a new pair and prints its public key. Running nodes know it within
// seconds.
func (c *rotateVAPIDCmd) Run(ctx context.Context, io streams) error {
	return c.use(ctx, func(e engine) error {
		v, err := rotate(ctx, vapidKeys{e})
		if err != nil {
			return fmt.Errorf("rotate the VAPID keys: %w", err)
		}
		_, err = fmt.Fprintln(io.out, v.Public())
		return err
	})
}

// rotate tries again where a node has retired an old pair at the same moment.
func rotate(ctx context.Context, k vapidKeys) (push.VAPID, error) {
	for range 3 {
		kept, err := k.Kept(ctx)
		var was, now push.VAPID
		if err == nil && kept != nil {
			was, err = push.ParseVAPID(kept)
		}
		if err == nil {
			now, err = was.Rotated()
		}
		if err != nil {
			return now, err
		}
		fresh, err := now.Bytes()
		if err != nil {
			return now, err
		}
		if done, err := k.Replace(ctx, kept, fresh); done || err != nil {
			return now, err
		}
	}
	return push.VAPID{}, errors.New("others change them all the time; try again")
}

// tidying is the chore of forgetting subscriptions and keys that nobody needs.
func tidying(alerts *push.Service, logger *slog.Logger) chore {
	return chore{"tidy subscriptions", term, func(ctx context.Context) error {
		done, err := alerts.Tidy(ctx)
		if done.Unseen > 0 || done.Unconfirmed > 0 {
			logger.Info("forgot subscriptions", "unseen", done.Unseen, "unconfirmed", done.Unconfirmed)
		}
		return err
	}}
}
