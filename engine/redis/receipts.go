package redis

import (
	"cmp"
	"context"
	"crypto/sha256"
	"fmt"
	"strings"
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
		if _, err := e.run(ctx, e.scripts.expectReceipts, []string{e.keys.receipts(c.Token)}, at(c.Deadline), standing, life.Milliseconds(), at(c.OpenedAt)); err != nil {
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

// received is the receipts that a campaign had.
type received struct {
	displayed, clicked int64
	displayedAt        map[int]int64 // see push.Tenth
}

// displayedField begins the names of the counts by when.
const displayedField = "d."

// countReceipts is the receipts that a campaign had.
func (e *Engine) countReceipts(ctx context.Context, token string) (out received, err error) {
	fields, err := again(ctx, e, func(ctx context.Context) (map[string]string, error) {
		return e.client.HGetAll(ctx, e.keys.receipts(token)).Result()
	})
	if err != nil {
		return received{}, err
	}
	r := &reply{}
	out.displayed, out.clicked = r.parse(cmp.Or(fields[string(push.Displayed)], "0")), r.parse(cmp.Or(fields[string(push.Clicked)], "0"))
	for name, value := range fields {
		if text, ok := strings.CutPrefix(name, displayedField); ok {
			if out.displayedAt == nil {
				out.displayedAt = map[int]int64{}
			}
			out.displayedAt[int(r.parse(text))] = r.parse(value)
		}
	}
	if r.err != nil {
		return received{}, fmt.Errorf("the receipts of a campaign: %w", r.err)
	}
	return out, nil
}
