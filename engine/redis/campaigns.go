package redis

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"

	"crier/news"
	"crier/push"

	"github.com/redis/go-redis/v9"
)

// A campaign is cut into one range for every subscriptionsPerRange that
// stand, in powers of two so that the ranges are equal, and at most maxRanges:
// enough workers' worth for a large one, and no ceremony for a small one.
const (
	subscriptionsPerRange = 2048
	maxRanges             = 64
)

// cuts is how many ranges a campaign over so many subscriptions has.
func cuts(standing int64) int {
	n := 1
	for n < maxRanges && int64(n)*subscriptionsPerRange < standing {
		n *= 2
	}
	return n
}

// Followed implements push.Store.
func (e *Engine) Followed(ctx context.Context) (news.Cursor, error) {
	const op = "read how far campaigns follow"
	v, err := again(ctx, e, func(ctx context.Context) ([]any, error) {
		return e.client.HMGet(ctx, e.keys.log, "followed_epoch", "followed_offset").Result()
	})
	if err != nil {
		return news.Cursor{}, failed(op, err)
	}
	epoch, ok := v[0].(string)
	if !ok {
		return news.Cursor{}, nil
	}
	r := newReply(v[1:], nil)
	cur := news.Cursor{Epoch: epoch, Offset: uint64(r.number())}
	if r.err != nil {
		return news.Cursor{}, failed(op, r.err)
	}
	return cur, nil
}

// OpenCampaigns implements push.Store.
func (e *Engine) OpenCampaigns(ctx context.Context, upto news.Cursor, cs []push.Campaign) error {
	if err := e.openCampaigns(ctx, upto, cs); err != nil {
		return failed("open campaigns", err)
	}
	return nil
}

func (e *Engine) openCampaigns(ctx context.Context, upto news.Cursor, cs []push.Campaign) error {
	args := []any{upto.Epoch, min(upto.Offset, math.MaxInt64)}
	if len(cs) > 0 {
		if err := e.finishRemovals(ctx); err != nil { // nobody is notified who is known to be gone
			return err
		}
		standing, err := e.standing(ctx)
		if err != nil {
			return err
		}
		if err := e.prepareReceipts(ctx, cs, standing); err != nil {
			return err
		}
		for _, c := range cs {
			body, err := json.Marshal(newBody(c, standing))
			if err != nil {
				return err
			}
			args = append(args, c.ID, c.Entry.Item.ID, min(max(c.Lane, 0), 255), at(c.OpenedAt), body, standing, cuts(standing), c.Story())
		}
	}
	r := newReply(e.run(ctx, e.scripts.openCampaigns, []string{e.keys.log}, args...))
	var opened []string
	for r.more() {
		opened = append(opened, r.text())
	}
	if r.err != nil {
		return r.err
	}
	cs = slices.DeleteFunc(slices.Clone(cs), func(c push.Campaign) bool { return !slices.Contains(opened, c.ID) })
	return e.keepReceipts(ctx, cs)
}

// body is what is kept of a campaign, opaque to scripts.
type body struct {
	ID       string
	Entry    news.Entry
	Reach    news.Reach
	Lane     int
	Token    string
	Sample   int           `json:",omitempty"` // see push.Campaign
	Promised float64       `json:",omitempty"` // the share
	Within   time.Duration `json:",omitempty"`
	Opened   int64
	Deadline int64
	Standing int64 // subscriptions when it opened
}

func newBody(c push.Campaign, standing int64) body {
	return body{ID: c.ID, Entry: c.Entry, Reach: c.Reach, Lane: c.Lane, Token: c.Token, Sample: c.Sample, Promised: c.Promise.Share, Within: c.Promise.Within,
		Opened: at(c.OpenedAt), Deadline: at(c.Deadline), Standing: standing}
}

func readBody(s string) (push.Campaign, error) {
	var b body
	if err := json.Unmarshal([]byte(s), &b); err != nil {
		return push.Campaign{}, fmt.Errorf("a campaign's record: %w", err)
	}
	return push.Campaign{ID: b.ID, Entry: b.Entry, Reach: b.Reach, Lane: b.Lane, Token: b.Token, Sample: b.Sample, Promise: push.Promise{Share: b.Promised, Within: b.Within},
		OpenedAt: when(b.Opened), Deadline: when(b.Deadline)}, nil
}

// CampaignsSince implements push.Store.
func (e *Engine) CampaignsSince(ctx context.Context, t time.Time) ([]push.Campaign, error) {
	out, err := e.campaignsSince(ctx, t)
	if err != nil {
		return nil, failed("list campaigns", err)
	}
	return out, nil
}

func (e *Engine) campaignsSince(ctx context.Context, t time.Time) (out []push.Campaign, err error) {
	for skip := int64(0); ; skip += readStep {
		seqs, err := again(ctx, e, func(ctx context.Context) ([]string, error) {
			return e.client.ZRangeByScore(ctx, e.keys.opened(),
				&redis.ZRangeBy{Min: strconv.FormatInt(at(t), 10), Max: "+inf", Offset: skip, Count: readStep}).Result()
		})
		if err != nil || len(seqs) == 0 {
			return out, err
		}
		cmds, err := pipelined(ctx, e, func(p redis.Pipeliner) (cmds []*redis.StringCmd) {
			for _, seq := range seqs {
				cmds = append(cmds, p.HGet(ctx, e.keys.campaign(seq), "body"))
			}
			return cmds
		})
		if err != nil {
			return nil, err
		}
		for _, cmd := range cmds {
			c, err := readBody(cmd.Val())
			if err != nil {
				return nil, err
			}
			out = append(out, c)
		}
		if len(seqs) < readStep {
			return out, nil
		}
	}
}

// Report implements push.Store.
func (e *Engine) Report(ctx context.Context, item string) (push.Report, error) {
	out, err := e.report(ctx, item)
	if err != nil {
		return push.Report{}, failed(fmt.Sprintf("report on item %.64q", item), err)
	}
	return out, nil
}

func (e *Engine) report(ctx context.Context, item string) (push.Report, error) {
	out, _, err := e.reportOf(ctx, item, "")
	return out, err
}

// reportOf is the campaign numbered seq, or the item's last if that is empty, and
// the number of the item's campaign before it, if there is one. Errors:
// push.ErrNoCampaign.
func (e *Engine) reportOf(ctx context.Context, item, seq string) (out push.Report, before string, err error) {
	r := newReply(e.run(ctx, e.scripts.report, []string{e.keys.log}, item, seq))
	if r.err == nil && !r.more() {
		return out, "", push.ErrNoCampaign
	}
	left := int(r.number())
	out.Scanned, out.Done, out.Swept = true, left == 0, 1
	for range left {
		g := push.Range{Low: int(r.number()), High: int(r.number())}
		var position push.ID
		copy(position[:], r.text())
		if scanned := r.text() == "1"; !scanned {
			out.Scanned = false
			out.Swept -= g.After(position)
		}
	}
	for r.more() {
		field, value := r.text(), r.text()
		switch field {
		case "body":
			if out.Campaign, err = readBody(value); err != nil {
				return out, "", err
			}
		case "item", "story", "lane", "standing", "unscanned", "replays":
		case "before":
			before = value
		case "cancelled":
			out.Cancelled = value == "1"
		default:
			r.err = errors.Join(r.err, readCount(&out.Tally, field, r.parse(value)))
		}
	}
	if r.err != nil {
		return out, "", r.err
	}
	had, err := e.countReceipts(ctx, out.Campaign.Token)
	// Receipts may be here before the checkpoint that counts what they are of.
	out.Displayed, out.Clicked = min(had.displayed, out.Tally.Accepted), min(had.clicked, out.Tally.Accepted)
	out.DisplayedAt = had.displayedAt
	return out, before, err
}
