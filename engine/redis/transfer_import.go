package redis

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"iter"
	"strconv"
	"time"

	"crier/engine"
	"crier/news"
	"crier/push"

	"github.com/redis/go-redis/v9"
)

// Commands are sent importStep at a time, or importBytes of them: a server
// that syncs its file always does so a few times a batch.
const (
	importStep  = 1000
	importBytes = 1 << 20
)

// Import implements engine.Importer.
func (t *Target) Import(ctx context.Context, records iter.Seq2[engine.Record, error]) error {
	l := &load{t: t, e: t.e, k: t.e.keys, p: t.e.client.Pipeline(), campaigns: map[int64]receiving{}, due: map[rangeOf]int64{}, lasts: map[string]int64{}}
	if err := l.run(ctx, records); err != nil {
		return failed("import", err)
	}
	return nil
}

// load is an import at work. Its commands are sent once: an entry cannot be
// added twice, and where an answer is lost the move is made anew.
type load struct {
	t    *Target
	e    *Engine
	k    keys
	p    redis.Pipeliner
	size int // bytes that wait in p

	head      uint64
	campaigns map[int64]receiving // that may have receipts, by number
	nonces    string              // the key of the last nonce
	lettersOf string              // the key of the last dead letter
	lasts     map[string]int64    // the number of an item's last campaign so far
	members   []redis.Z           // subscriptions of shard that wait
	shard     int
	due       map[rangeOf]int64 // when ranges that are scanned have work: -1 is not known yet
}

type receiving struct {
	token    string
	deadline time.Time
}

type rangeOf struct {
	campaign int64
	low      int
}

func (l *load) run(ctx context.Context, records iter.Seq2[engine.Record, error]) error {
	for r, err := range records {
		if err == nil {
			err = l.add(ctx, r)
		}
		if err == nil && (l.p.Len() >= importStep || l.size >= importBytes) {
			err = l.send(ctx)
		}
		if err != nil {
			return err
		}
	}
	l.addMembers(ctx)
	for r, due := range l.due {
		if due > 0 {
			l.p.ZAdd(ctx, l.key(r.campaign)+":r", redis.Z{Score: float64(due), Member: r.low})
		}
	}
	return l.send(ctx)
}

func (l *load) send(ctx context.Context) error {
	if l.p.Len() == 0 {
		return nil
	}
	p := l.p
	l.p, l.size = l.e.client.Pipeline(), 0
	_, err := await(ctx, l.e, func(ctx context.Context) ([]redis.Cmder, error) { return p.Exec(ctx) })
	return err
}

// seqOf is the number that a campaign gets here. It has as many digits as
// those that come from the clock (see reckon.lua) and is below them: members
// of a sorted set with equal scores lie in the order of their text.
func seqOf(number int64) int64 { return 1_000_000_000_000 + number }

// key is the key of a campaign.
func (l *load) key(number int64) string { return l.k.campaign(strconv.FormatInt(seqOf(number), 10)) }

// pack is an entry as append.lua keeps it: without what goes before it.
func (l *load) pack(e news.Entry) ([]byte, error) {
	b, err := json.Marshal(news.Entry{Kind: e.Kind, Alert: e.Alert, Item: e.Item})
	l.size += len(b)
	return b, err
}

func (l *load) add(ctx context.Context, r engine.Record) error {
	switch r := r.(type) {
	case engine.Log:
		return l.addLog(ctx, r)
	case engine.Entry:
		return l.addEntry(ctx, r)
	case engine.Item:
		return l.addItem(ctx, r.Entry)
	case engine.Key:
		body, err := l.pack(r.Entry)
		value := fmt.Sprintf("%s%d %d %s", r.Sum[:], r.Entry.Offset, r.Entry.First, body)
		l.p.Do(ctx, "SET", l.k.once(r.Value), value, "PXAT", at(r.Until))
		return err
	case engine.Editor:
		editor, err := json.Marshal(r.Credential.Editor)
		l.p.HSet(ctx, l.k.editors(), r.Credential.ID, string(r.Credential.Sum[:])+string(editor))
		l.p.HSet(ctx, l.k.sums(), r.Credential.Sum[:], r.Credential.ID)
		return err
	case engine.Secret:
		l.p.HSet(ctx, l.k.kept(), r.Name, r.Value)
	case engine.Alarm:
		l.p.HSet(ctx, l.k.alarms(), r.Alarm.Service, alarmText(r.Alarm))
	case engine.Rate:
		l.p.HSet(ctx, l.k.rates(), r.Rate.Service, rateText(r.Rate))
	case engine.Campaign:
		return l.addCampaign(ctx, r)
	case engine.Nonce:
		l.addNonce(ctx, r)
	case engine.Subscription:
		l.addSubscription(ctx, r)
	case engine.Retry:
		l.addRetry(ctx, r)
	case engine.Letter:
		l.addLetter(ctx, r)
	default:
		return fmt.Errorf("a record is a %T", r)
	}
	return nil
}

func (l *load) addLog(ctx context.Context, r engine.Log) error {
	l.t.epoch, l.head = r.Epoch, r.Head
	fields := []any{"moving_epoch", r.Epoch, "head", r.Head, "floor", r.Floor, "mark", mark(), "campaigns", seqOf(0)}
	if r.Followed != (news.Cursor{}) {
		fields = append(fields, "followed_epoch", r.Followed.Epoch, "followed_offset", r.Followed.Offset)
	}
	if !r.Trusted.IsZero() {
		fields = append(fields, "trusted", at(r.Trusted))
	}
	l.p.HSet(ctx, l.k.log, fields...)
	if r.Stop == nil {
		return nil
	}
	order, err := json.Marshal(r.Stop)
	l.p.HSet(ctx, l.k.stop(), stopField, order)
	return err
}

// mark is what tells an entry from another one that had its offset. No node
// has seen the entries here, so that marks can be made anew.
func mark() string { return rand.Text()[:12] }

func (l *load) addEntry(ctx context.Context, r engine.Entry) error {
	body, err := l.pack(r.Entry)
	m := mark()
	l.p.XAdd(ctx, &redis.XAddArgs{Stream: l.k.entries(), ID: strconv.FormatUint(r.Entry.Offset, 10) + "-0",
		Values: []any{"first", r.Entry.First, "mark", m, "at", at(r.At), "by", r.By, "body", body}})
	if r.Entry.Offset == l.head {
		l.p.HSet(ctx, l.k.log, "mark", m)
	}
	return err
}

func (l *load) addItem(ctx context.Context, e news.Entry) error {
	body, err := l.pack(e)
	i := &e.Item
	drill, front := 0, l.k.live()
	if i.Drill {
		drill, front = 1, l.k.drills()
	}
	l.p.HSet(ctx, l.k.items(), i.ID, fmt.Sprintf("%d %d %d %d %s\n%s", i.Version, e.First, e.Offset, drill, i.Story, body))
	place := redis.Z{Score: float64(e.First), Member: i.ID}
	l.p.ZAdd(ctx, front, place)
	l.p.ZAdd(ctx, l.k.story(i.Story), place)
	return err
}

func (l *load) addCampaign(ctx context.Context, r engine.Campaign) error {
	c, seq, key := r.Campaign, seqOf(r.Number), l.key(r.Number)
	body, err := json.Marshal(newBody(c, r.Standing))
	if err != nil {
		return err
	}
	l.size += len(body)
	unscanned := 0
	for _, g := range r.Ranges {
		low := strconv.Itoa(g.Low)
		l.p.HSet(ctx, key+":p", low+".high", g.High, low+".position", g.Position[:], low+".scanned", g.Scanned, low+".token", g.Token, low+".ends", 0)
		if g.Reached != (push.ID{}) {
			l.p.HSet(ctx, key+":p", low+".reached", g.Reached[:])
		}
		l.p.ZAdd(ctx, key+":r", redis.Z{Member: g.Low})
		switch {
		case !g.Scanned:
			unscanned++
		case !r.Cancelled:
			l.due[rangeOf{r.Number, g.Low}] = -1
		}
	}
	l.p.HSet(ctx, key, append([]any{"item", c.Entry.Item.ID, "lane", min(max(c.Lane, 0), 255), "body", body, "standing", r.Standing,
		"cancelled", r.Cancelled, "unscanned", unscanned}, countArgs(r.Tally)...)...)
	if story := c.Story(); story != "" {
		l.p.HSet(ctx, key, "story", story)
	}
	if before, found := l.lasts[c.Entry.Item.ID]; found {
		l.p.HSet(ctx, key, "before", before)
	}
	l.lasts[c.Entry.Item.ID] = seq
	l.p.HSet(ctx, l.k.log+":ids", c.ID, seq)
	l.p.HSet(ctx, l.k.log+":reports", c.Entry.Item.ID, seq)
	l.p.ZAdd(ctx, l.k.opened(), redis.Z{Score: float64(at(c.OpenedAt)), Member: seq})
	if len(r.Ranges) > 0 {
		score := int64(255-min(max(c.Lane, 0), 255))<<42 + seq // as opencampaigns.lua has it
		if r.Cancelled {
			score += 1 << 51
		}
		l.p.ZAdd(ctx, l.k.log+":active", redis.Z{Score: float64(score), Member: seq})
	}
	l.p.HSet(ctx, l.k.log, "campaigns", seq)
	receipts := []any{"deadline", at(c.Deadline), "standing", r.Standing, "opened", at(c.OpenedAt)}
	for tenth, n := range r.DisplayedAt {
		receipts = append(receipts, displayedField+strconv.Itoa(tenth), n)
	}
	for kind, n := range map[push.ReceiptKind]int64{push.Displayed: r.Displayed, push.Clicked: r.Clicked} {
		if n > 0 {
			receipts = append(receipts, string(kind), n)
		}
	}
	l.p.HSet(ctx, l.k.receipts(c.Token), receipts...)
	l.campaigns[r.Number] = receiving{c.Token, c.Deadline}
	return nil
}

func (l *load) addNonce(ctx context.Context, r engine.Nonce) {
	c := l.campaigns[r.Campaign]
	key := l.k.nonces(c.token, r.Kind)
	l.p.SAdd(ctx, key, r.Sum[:])
	l.size += len(key)
	if key != l.nonces { // as receipt.lua has it
		l.p.PExpire(ctx, key, max(c.deadline.Sub(l.e.now()), 0)+push.ReceiptLife+24*time.Hour)
		l.nonces = key
	}
}

func (l *load) addSubscription(ctx context.Context, r engine.Subscription) {
	id, auth, birth, rest := encode(r.Subscription, seqOf(r.Born))
	member := string(id) + string(auth) + string(birth) + string(rest)
	if shard := r.Subscription.ID.Shard(); shard != l.shard || len(l.members) == importStep {
		l.addMembers(ctx)
		l.shard = shard
	}
	l.members = append(l.members, redis.Z{Member: member})
	l.size += len(member)
}

// addMembers adds the subscriptions of a shard that wait: they come in order,
// and one command takes many.
func (l *load) addMembers(ctx context.Context) {
	if len(l.members) > 0 {
		l.p.ZAdd(ctx, l.k.shard(l.shard), l.members...)
		l.members = nil
	}
}

func (l *load) addRetry(ctx context.Context, r engine.Retry) {
	due := int64(-1)
	if !r.Departed {
		due = max(at(r.Due), 0)
	}
	key, low := l.key(r.Campaign), strconv.Itoa(r.Low)
	l.p.ZAdd(ctx, key+":w:"+low, redis.Z{Score: float64(due), Member: r.ID[:]})
	l.p.HSet(ctx, key+":t", r.ID[:], strconv.Itoa(r.Attempts)+" "+low)
	l.size += 256
	g := rangeOf{r.Campaign, r.Low}
	if had, ok := l.due[g]; ok && (had < 0 || due < had) {
		l.due[g] = max(due, 0)
	}
}
