package redis

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"crier/push"

	"github.com/redis/go-redis/v9"
)

// maxToken bounds what becomes part of a key's name.
const maxToken = 64

// prepareReceipts makes ready to count the receipts of campaigns that are
// about to open. Of those that another node opens first, with a token of its
// own, nothing is left when their time is over.
func (e *Engine) prepareReceipts(ctx context.Context, cs []push.Campaign, standing int64) error {
	for _, c := range cs {
		life := max(c.Deadline.Sub(c.OpenedAt), 0) + push.ReceiptLife + 24*time.Hour
		if _, err := e.run(ctx, e.scripts.expectReceipts, []string{e.keys.receipts(c.Token)}, at(c.Deadline), standing, life.Milliseconds()); err != nil {
			return err
		}
	}
	return nil
}

// keepReceipts keeps the counts of campaigns that were opened for as long as
// their reports. What a crash before this leaves is counts that last until no
// receipt is taken any more.
func (e *Engine) keepReceipts(ctx context.Context, cs []push.Campaign) error {
	if len(cs) == 0 {
		return nil
	}
	_, err := pipelined(ctx, e, func(p redis.Pipeliner) (out []*redis.BoolCmd) {
		for _, c := range cs {
			out = append(out, p.Persist(ctx, e.keys.receipts(c.Token)))
		}
		return out
	})
	return err
}

// AddReceipt implements push.Store.
func (e *Engine) AddReceipt(ctx context.Context, r push.Receipt) error {
	if err := e.addReceipt(ctx, r); err != nil {
		return failed("count receipt", err)
	}
	return nil
}

func (e *Engine) addReceipt(ctx context.Context, r push.Receipt) error {
	if r.Token == "" || len(r.Token) > maxToken || r.Kind != push.Displayed && r.Kind != push.Clicked {
		return push.ErrReceiptRefused
	}
	key := e.keys.receipts(r.Token)
	nonce := sha256.Sum256([]byte(r.Nonce)) // whatever its length, it takes the same room
	v, err := e.run(ctx, e.scripts.receipt, []string{key, key + ":" + string(r.Kind)},
		string(r.Kind), nonce[:16], at(r.At), push.ReceiptLife.Milliseconds())
	if err == nil && v != int64(1) {
		err = push.ErrReceiptRefused
	}
	return err
}

// countReceipts is how many receipts a campaign had.
func (e *Engine) countReceipts(ctx context.Context, token string) (displayed, clicked int64, err error) {
	cmds, err := pipelined(ctx, e, func(p redis.Pipeliner) (out []*redis.StringCmd) {
		for _, kind := range []push.ReceiptKind{push.Displayed, push.Clicked} {
			out = append(out, p.HGet(ctx, e.keys.receipts(token), string(kind)))
		}
		return out
	})
	if err != nil {
		return 0, 0, err
	}
	var n [2]int64
	for i, c := range cmds {
		if n[i], err = c.Int64(); err != nil && !errors.Is(err, redis.Nil) {
			return 0, 0, fmt.Errorf("the receipts of a campaign: %w", err)
		}
	}
	return n[0], n[1], nil
}
