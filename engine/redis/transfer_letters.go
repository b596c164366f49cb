package redis

import (
	"context"
	"strconv"
	"time"

	"crier/engine"
	"crier/push"
)

// letters has the dead letters of campaigns that are not long over.
func (x *export) letters(ctx context.Context) error {
	for _, r := range x.receipts {
		all, err := x.e.letters(ctx, strconv.FormatInt(x.seqs[r.number-1], 10))
		if err != nil {
			return err
		}
		for _, l := range all {
			if err := x.put(engine.Letter{Campaign: r.number, Range: l.shards, Letter: l.Letter}); err != nil {
				return err
			}
		}
	}
	return nil
}

func (l *load) addLetter(ctx context.Context, r engine.Letter) {
	key := l.key(r.Campaign) + ":d"
	text := letterText(r.Range, r.Letter)
	l.p.HSet(ctx, key, r.Letter.ID[:], text)
	l.size += len(key) + len(text)
	if key != l.lettersOf { // as checkpoint.lua has it
		l.p.PExpire(ctx, key, max(l.campaigns[r.Campaign].deadline.Sub(l.e.now()), 0)+push.ReceiptLife+24*time.Hour)
		l.lettersOf = key
	}
}
