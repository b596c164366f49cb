package redis

import (
	"context"
	"time"

	"crier/push"

	"github.com/redis/go-redis/v9"
)

// Deliveries implements push.Store. It reads the range, then its retries'
// subscriptions, then the shards after the range's cursor: each is elsewhere
// on a Cluster. Whoever departs meanwhile is as good as departed just after.
func (e *Engine) Deliveries(ctx context.Context, l push.Lease, now time.Time, limit int) (push.Page, error) {
	p, err := e.deliveries(ctx, l, now, max(limit, 1))
	if err != nil {
		return push.Page{}, failed("read deliveries", err)
	}
	return p, nil
}

func (e *Engine) deliveries(ctx context.Context, l push.Lease, now time.Time, limit int) (p push.Page, err error) {
	r, err := e.standOf(ctx, l, now, limit)
	if err != nil {
		return p, err
	}
	p = push.Page{Cursor: r.position, Scanned: r.scanned, NextDue: r.next}
	for _, t := range r.retries[:min(limit, len(r.retries))] {
		p.Deliveries = append(p.Deliveries, push.Delivery{Subscription: t.sub, Attempts: t.attempts})
	}
	if r.scanned {
		return p, nil
	}
	return p, e.scan(ctx, r, limit-len(p.Deliveries), &p)
}

// stand is where a range stands.
type stand struct {
	seq      int64
	position push.ID
	scanned  bool
	low      int
	high     int
	standing int64     // subscriptions when the campaign opened
	reached  string    // up to this ID they come first; "" if the range is past them
	next     time.Time // when the first retry not among the retries is due
	retries  []tried   // due, at most one more than was asked for
}

type tried struct {
	id       push.ID
	attempts int
	sub      push.Subscription
}

// standOf reads where l stands. Retries whose subscriptions are found to have
// departed are marked, which is what a crash may have left undone, and the
// range is read again.
func (e *Engine) standOf(ctx context.Context, l push.Lease, now time.Time, limit int) (stand, error) {
	for {
		s, err := e.readStand(ctx, l, now, limit)
		if err != nil {
			return s, err
		}
		ids := make([]push.ID, len(s.retries))
		for i, t := range s.retries {
			ids[i] = t.id
		}
		found, err := e.lookUp(ctx, ids)
		if err != nil {
			return s, err
		}
		var departed []push.ID
		for i, f := range found {
			if f == nil || f.born >= s.seq { // or departed and come back: new to this campaign
				departed = append(departed, ids[i])
				continue
			}
			s.retries[i].sub = f.sub
		}
		if len(departed) == 0 {
			return s, nil
		}
		if err := e.depart(ctx, s.seq, departed); err != nil {
			return s, err
		}
	}
}

func (e *Engine) readStand(ctx context.Context, l push.Lease, now time.Time, limit int) (s stand, err error) {
	r := newReply(e.run(ctx, e.scripts.page, []string{e.keys.log}, leaseArgs(l, at(now), limit)...))
	if r.text() == "lost" {
		return s, push.ErrLeaseLost
	}
	s.seq = r.number()
	copy(s.position[:], r.text())
	s.scanned = r.text() == "1"
	s.low, s.high, s.standing = l.Range.Low, int(r.number()), r.number()
	s.reached = r.text()
	if next := r.text(); next != "" {
		s.next = when(r.parse(next))
	}
	for r.more() {
		var t tried
		copy(t.id[:], r.text())
		t.attempts = int(r.number())
		s.retries = append(s.retries, t)
	}
	return s, r.err
}

// mostShards is how many shards are read at once.
const mostShards = 256

// scan adds up to limit subscriptions after the range's position, and looks one
// further to know whether there are more. It goes no further than to those who
// come first, if the range has not come past them.
func (e *Engine) scan(ctx context.Context, s stand, limit int, p *push.Page) error {
	end := s.high
	var last push.ID
	if copy(last[:], s.reached) > 0 {
		s.high = last.Shard()
	}
	p.Scanned = true
	err := e.walk(ctx, s, limit, func(r record) bool {
		if s.reached != "" && string(r.sub.ID[:]) > s.reached {
			return false
		}
		if limit--; limit < 0 {
			p.Scanned = false
			return false
		}
		p.Cursor = r.sub.ID
		p.Deliveries = append(p.Deliveries, push.Delivery{Subscription: r.sub})
		return true
	})
	if err == nil && p.Scanned && s.reached != "" && (last.Shard() < end || last != lastOf(end)) {
		p.Scanned, p.Pause, p.Cursor = false, true, last
	}
	return err
}

// lastOf is the last ID that a shard can have.
func lastOf(shard int) (id push.ID) {
	for i := range id {
		id[i] = 0xff
	}
	id[0], id[1] = byte(shard>>2), byte(shard<<6|0x3f)
	return id
}

// walk gives to take, in order, those after the range's position that stood when
// the campaign opened, until it has enough; it seems to need no more than limit
// and one. It reads as many shards at once as seem to be needed: where many
// stand a page lies in one shard, where few do it may take all.
func (e *Engine) walk(ctx context.Context, s stand, limit int, take func(record) bool) error {
	shard, after := max(s.position.Shard(), s.low), s.position
	left := limit
	for shard <= s.high {
		width := min(mostShards, s.high-shard+1, 1+int(int64(left+1)*push.Shards/max(s.standing, 1)))
		found, err := e.readShards(ctx, shard, width, after, left+1)
		if err != nil {
			return err
		}
		for _, members := range found {
			full := len(members) == left+1
			for _, m := range members {
				r, err := decode(m)
				if err != nil {
					return err
				}
				after = r.sub.ID
				if r.born >= s.seq { // a newcomer
					continue
				}
				if !take(r) {
					return nil
				}
				left = max(left-1, 0)
			}
			if full { // of newcomers in part: there may be more in this shard
				break
			}
			shard++
		}
	}
	return nil
}

// readShards reads the first members of so many shards; of the first one those
// after an ID, if it is of that shard.
func (e *Engine) readShards(ctx context.Context, shard, n int, after push.ID, limit int) ([][]string, error) {
	cmds, err := pipelined(ctx, e, func(p redis.Pipeliner) (out []*redis.StringSliceCmd) {
		for i := range n {
			from := "-"
			if i == 0 && after.Shard() == shard && after != (push.ID{}) {
				from = "(" + string(after[:]) + "\xff" // beyond its record
			}
			out = append(out, p.ZRangeByLex(ctx, e.keys.shard(shard+i), &redis.ZRangeBy{Min: from, Max: "+", Count: int64(limit)}))
		}
		return out
	})
	if err != nil {
		return nil, err
	}
	out := make([][]string, 0, n)
	for _, c := range cmds {
		out = append(out, c.Val())
	}
	return out, nil
}
