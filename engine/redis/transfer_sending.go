package redis

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"crier/engine"
	"crier/push"

	"github.com/redis/go-redis/v9"
)

// receiptsOf is a campaign that still takes receipts.
type receiptsOf struct {
	number int64
	token  string
}

// sendingOf is a campaign with ranges that are not done.
type sendingOf struct {
	number, seq int64
	ranges      []engine.Range
}

// receiptKinds are the kinds of receipts in the order of export.
func receiptKinds() []push.ReceiptKind { return []push.ReceiptKind{push.Clicked, push.Displayed} }

// nonces is the key of the nonces of a campaign's receipts.
func (k keys) nonces(token string, kind push.ReceiptKind) string {
	return k.receipts(token) + ":" + string(kind)
}

// campaignStep is how many campaigns are read at a time. One has a count for
// every tenth of a second in which notifications were accepted.
const campaignStep = 50

func (x *export) campaigns(ctx context.Context) error {
	for skip := int64(0); ; skip += readStep {
		page, err := again(ctx, x.e, func(ctx context.Context) ([]string, error) {
			return x.e.client.ZRange(ctx, x.e.keys.opened(), skip, skip+readStep-1).Result()
		})
		if err != nil {
			return err
		}
		for _, s := range page {
			seq, err := strconv.ParseInt(s, 10, 64)
			if err != nil {
				return fmt.Errorf("a campaign has the number %.40q", s)
			}
			x.seqs = append(x.seqs, seq)
		}
		if len(page) < readStep {
			break
		}
	}
	slices.Sort(x.seqs) // they are numbered as they opened, whatever the nodes' clocks said
	number := int64(0)
	for seqs := range slices.Chunk(x.seqs, campaignStep) {
		page, err := x.readCampaigns(ctx, seqs)
		if err != nil {
			return err
		}
		for i, c := range page {
			number++
			c.Number = number
			if !engine.Over(c.Campaign, x.at) {
				x.receipts = append(x.receipts, receiptsOf{number, c.Campaign.Token})
			}
			if len(c.Ranges) > 0 {
				x.sending = append(x.sending, sendingOf{number, seqs[i], c.Ranges})
			}
			if err := x.put(c); err != nil {
				return err
			}
		}
	}
	return nil
}

func (x *export) readCampaigns(ctx context.Context, seqs []int64) ([]engine.Campaign, error) {
	e := x.e
	cmds, err := pipelined(ctx, e, func(p redis.Pipeliner) (out []redis.Cmder) {
		for _, seq := range seqs {
			c := e.keys.campaign(strconv.FormatInt(seq, 10))
			out = append(out, p.HGetAll(ctx, c), p.ZRange(ctx, c+":r", 0, -1), p.HGetAll(ctx, c+":p"))
		}
		return out
	})
	if err != nil {
		return nil, err
	}
	out := make([]engine.Campaign, len(seqs))
	for i := range out {
		if err := readFields(&out[i], cmds[3*i].(*redis.MapStringStringCmd).Val()); err != nil {
			return nil, fmt.Errorf("campaign number %d: %w", seqs[i], err)
		}
		lows, fields := cmds[3*i+1].(*redis.StringSliceCmd).Val(), cmds[3*i+2].(*redis.MapStringStringCmd).Val()
		for _, low := range lows {
			r, err := readRange(low, fields)
			if err != nil {
				return nil, fmt.Errorf("campaign number %d: %w", seqs[i], err)
			}
			out[i].Ranges = append(out[i].Ranges, r)
		}
		slices.SortFunc(out[i].Ranges, func(a, b engine.Range) int { return a.Low - b.Low })
		had, err := e.countReceipts(ctx, out[i].Campaign.Token)
		if err != nil {
			return nil, err
		}
		out[i].Displayed, out[i].Clicked, out[i].DisplayedAt = had.displayed, had.clicked, had.displayedAt
	}
	return out, nil
}

// readFields reads a campaign's hash.
func readFields(c *engine.Campaign, fields map[string]string) (err error) {
	if c.Campaign, err = readBody(fields["body"]); err != nil {
		return err
	}
	r := &reply{}
	for field, value := range fields {
		switch field {
		case "body", "item", "story", "lane", "unscanned", "before", "replays":
		case "standing":
			c.Standing = r.parse(value)
		case "cancelled":
			c.Cancelled = value == "1"
		default:
			r.err = errors.Join(r.err, readCount(&c.Tally, field, r.parse(value)))
		}
	}
	return r.err
}

// readRange reads where the range from low stands.
func readRange(low string, fields map[string]string) (out engine.Range, err error) {
	r := &reply{}
	out.Low, out.High = int(r.parse(low)), int(r.parse(fields[low+".high"]))
	out.Token, out.Scanned = r.parse(fields[low+".token"]), fields[low+".scanned"] == "1"
	if position := fields[low+".position"]; copy(out.Position[:], position) != len(out.Position) && r.err == nil {
		r.err = fmt.Errorf("the range from %.10s stands at %.40q", low, position)
	}
	copy(out.Reached[:], fields[low+".reached"])
	return out, r.err
}

func (x *export) subscriptions(ctx context.Context) error {
	removed, err := x.removals(ctx)
	if err != nil {
		return err
	}
	standing, err := x.e.standing(ctx)
	if err != nil {
		return err
	}
	// Where few stand many shards make a page, where many do a part of one.
	each := int(standing / push.Shards)
	width, limit := max(1, min(mostShards, readStep/(each+1))), min(2*each+64, 2*readStep)
	after := push.ID{}
	for shard := 0; shard < push.Shards; {
		found, err := x.e.readShards(ctx, shard, min(width, push.Shards-shard), after, limit)
		if err != nil {
			return err
		}
		for _, members := range found {
			for _, m := range members {
				r, err := decode(m)
				if err != nil {
					return err
				}
				after = r.sub.ID
				if r.born < removed[r.sub.ID] {
					continue
				}
				if err := x.put(engine.Subscription{Subscription: r.sub, Born: x.number(r.born)}); err != nil {
					return err
				}
			}
			if len(members) == limit {
				break // there may be more in this shard
			}
			shard++
		}
	}
	return nil
}

// removals is who was written down to be removed and stands yet: the number
// of the last campaign that found them gone. They count as removed.
func (x *export) removals(ctx context.Context) (map[push.ID]int64, error) {
	texts, err := again(ctx, x.e, func(ctx context.Context) ([]string, error) {
		return x.e.client.SMembers(ctx, x.e.keys.removals()).Result()
	})
	if err != nil {
		return nil, err
	}
	out := map[push.ID]int64{}
	for _, t := range texts {
		r, err := parseRemoval(t)
		if err != nil {
			return nil, err
		}
		out[r.id] = max(out[r.id], r.seq)
	}
	return out, nil
}

func (x *export) retries(ctx context.Context) error {
	removed, err := x.removals(ctx)
	if err != nil {
		return err
	}
	for _, c := range x.sending {
		for _, r := range c.ranges {
			waiting, err := x.waiting(ctx, c, r, removed)
			if err != nil {
				return err
			}
			for _, t := range waiting {
				if err := x.put(t); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// waiting is the retries of a range by ID. It holds all of a range, of which
// a large campaign has 64.
func (x *export) waiting(ctx context.Context, c sendingOf, r engine.Range, removed map[push.ID]int64) (out []engine.Retry, err error) {
	key := x.e.keys.campaign(strconv.FormatInt(c.seq, 10))
	for skip := int64(0); ; skip += readStep {
		page, err := again(ctx, x.e, func(ctx context.Context) ([]redis.Z, error) {
			return x.e.client.ZRangeWithScores(ctx, key+":w:"+strconv.Itoa(r.Low), skip, skip+readStep-1).Result()
		})
		if err != nil {
			return nil, err
		}
		if len(page) > 0 {
			if out, err = x.addRetries(ctx, out, c, r, removed, key, page); err != nil {
				return nil, err
			}
		}
		if len(page) < readStep {
			slices.SortFunc(out, func(a, b engine.Retry) int { return bytes.Compare(a.ID[:], b.ID[:]) })
			return out, nil
		}
	}
}

// addRetries adds a page. Whoever does not stand any more, or stands anew,
// counts as departed, marked or not.
func (x *export) addRetries(ctx context.Context, out []engine.Retry, c sendingOf, r engine.Range, removed map[push.ID]int64,
	key string, page []redis.Z) ([]engine.Retry, error) {
	names, ids := make([]string, len(page)), make([]push.ID, len(page))
	for i, z := range page {
		names[i], _ = z.Member.(string)
		copy(ids[i][:], names[i])
	}
	tries, err := again(ctx, x.e, func(ctx context.Context) ([]any, error) {
		return x.e.client.HMGet(ctx, key+":t", names...).Result()
	})
	if err != nil {
		return nil, err
	}
	found, err := x.e.lookUp(ctx, ids)
	if err != nil {
		return nil, err
	}
	for i, z := range page {
		try, _ := tries[i].(string)
		t := engine.Retry{Campaign: c.number, Low: r.Low, ID: ids[i]}
		if _, err := fmt.Sscanf(try, "%d ", &t.Attempts); err != nil {
			return nil, fmt.Errorf("the retry of %s: %w", t.ID, err)
		}
		f := found[i]
		t.Departed = z.Score < 0 || f == nil || f.born >= c.seq || f.born < removed[t.ID]
		if !t.Departed {
			t.Due = when(int64(z.Score))
		}
		out = append(out, t)
	}
	return out, nil
}
