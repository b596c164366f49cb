package redis

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"crier/engine"
	"crier/news"

	"github.com/redis/go-redis/v9"
)

// Export implements engine.Exporter. It reads in pages, so nothing may change
// the store meanwhile.
func (e *Engine) Export(ctx context.Context, at time.Time) iter.Seq2[engine.Record, error] {
	return engine.Records(func(put func(engine.Record) error) error {
		x := &export{e: e, at: at}
		var stopped error // by whoever takes the records
		err := x.run(ctx, func(r engine.Record) error {
			stopped = put(r)
			return stopped
		})
		if err != nil && stopped == nil {
			return failed("export", err)
		}
		return err
	})
}

// Export implements engine.Exporter.
func (t *Target) Export(ctx context.Context, at time.Time) iter.Seq2[engine.Record, error] {
	return t.e.Export(ctx, at)
}

// export is an export at work.
type export struct {
	e    *Engine
	at   time.Time
	put  func(engine.Record) error
	seqs []int64 // the numbers that campaigns have here, ascending

	receipts []receiptsOf
	sending  []sendingOf
}

func (x *export) run(ctx context.Context, put func(engine.Record) error) error {
	x.put = put
	for _, part := range []func(context.Context) error{
		x.log, x.items, x.keys, x.editors, x.secrets, x.services, x.campaigns, x.nonces, x.subscriptions, x.retries, x.letters,
	} {
		if err := part(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (x *export) log(ctx context.Context) error {
	e := x.e
	v, err := again(ctx, e, func(ctx context.Context) ([]any, error) {
		return e.client.HMGet(ctx, e.keys.log, "epoch", "moving_epoch", "head", "floor").Result()
	})
	if err != nil {
		return err
	}
	r := newReply(v, nil)
	out := engine.Log{Epoch: r.text()}
	if half := r.text(); out.Epoch == "" {
		out.Epoch = half
	}
	out.Head, out.Floor = uint64(r.number()), uint64(r.number())
	if r.err != nil {
		return r.err
	}
	if out.Followed, err = e.Followed(ctx); err != nil {
		return err
	}
	if out.Stop, err = e.Stopped(ctx); err != nil {
		return err
	}
	alarms, err := e.Alarms(ctx)
	if err != nil {
		return err
	}
	out.Trusted = alarms.Trusted
	if err := x.put(out); err != nil {
		return err
	}
	for from := out.Floor + 1; ; {
		lines, err := again(ctx, e, func(ctx context.Context) ([]redis.XMessage, error) {
			return e.client.XRangeN(ctx, e.keys.entries(), strconv.FormatUint(from, 10)+"-0", "+", readStep).Result()
		})
		if err != nil {
			return err
		}
		for _, l := range lines {
			line, err := readLine(l)
			if err != nil {
				return err
			}
			if err := x.put(line); err != nil {
				return err
			}
			from = line.Entry.Offset + 1
		}
		if len(lines) < readStep {
			return nil
		}
	}
}

// readLine reads an entry of the stream.
func readLine(l redis.XMessage) (out engine.Entry, err error) {
	field := func(name string) string {
		s, _ := l.Values[name].(string)
		return s
	}
	offset, _, _ := strings.Cut(l.ID, "-")
	if out.Entry, err = unpack(offset + " " + field("first") + " " + field("body")); err != nil {
		return out, err
	}
	ms, err := strconv.ParseInt(field("at"), 10, 64)
	if err != nil {
		return out, fmt.Errorf("entry %s: %w", offset, err)
	}
	out.By, out.At = field("by"), when(ms)
	return out, nil
}

func (x *export) items(ctx context.Context) error {
	for q := (news.Query{}); ; {
		page, err := x.e.readItems(ctx, q, readStep)
		if err != nil {
			return err
		}
		for _, entry := range page {
			if err := x.put(engine.Item{Entry: entry}); err != nil {
				return err
			}
			q.Before = entry.First
		}
		if len(page) < readStep {
			return nil
		}
	}
}

func (x *export) keys(ctx context.Context) error {
	e := x.e
	home := redis.Cmdable(e.client) // the server that has the log
	if cluster, ok := e.client.(*redis.ClusterClient); ok {
		c, err := again(ctx, e, func(ctx context.Context) (*redis.Client, error) { return cluster.MasterForKey(ctx, e.keys.log) })
		if err != nil {
			return err
		}
		home = c
	}
	var names []string
	err := e.keysLike(ctx, home, e.keys.once("*"), func(page []string) error {
		names = append(names, page...)
		return nil
	})
	if err != nil {
		return err
	}
	slices.Sort(names)
	for page := range slices.Chunk(slices.Compact(names), readStep) {
		if err := x.keysNamed(ctx, page); err != nil {
			return err
		}
	}
	return nil
}

func (x *export) keysNamed(ctx context.Context, names []string) error {
	cmds, err := pipelined(ctx, x.e, func(p redis.Pipeliner) (out []redis.Cmder) {
		for _, name := range names {
			out = append(out, p.Get(ctx, name), p.PExpireTime(ctx, name))
		}
		return out
	})
	if err != nil {
		return err
	}
	for i, name := range names {
		value, ends := cmds[2*i].(*redis.StringCmd).Val(), when(cmds[2*i+1].(*redis.DurationCmd).Val().Milliseconds())
		if !ends.After(x.at) { // or it has gone meanwhile
			continue
		}
		out := engine.Key{Value: strings.TrimPrefix(name, x.e.keys.once("")), Until: ends}
		if len(value) < len(out.Sum) {
			return fmt.Errorf("an idempotency key has %d bytes: %w", len(value), ErrForeign)
		}
		copy(out.Sum[:], value)
		if out.Entry, err = unpack(value[len(out.Sum):]); err != nil {
			return err
		}
		if err := x.put(out); err != nil {
			return err
		}
	}
	return nil
}

func (x *export) editors(ctx context.Context) error {
	all, err := again(ctx, x.e, func(ctx context.Context) (map[string]string, error) {
		return x.e.client.HGetAll(ctx, x.e.keys.editors()).Result()
	})
	if err != nil {
		return err
	}
	for _, id := range slices.Sorted(maps.Keys(all)) {
		var out engine.Editor
		if out.Credential.Editor, err = readEditor(all[id]); err != nil {
			return err
		}
		copy(out.Credential.Sum[:], all[id])
		if err := x.put(out); err != nil {
			return err
		}
	}
	return nil
}

func (x *export) secrets(ctx context.Context) error {
	all, err := again(ctx, x.e, func(ctx context.Context) (map[string]string, error) {
		return x.e.client.HGetAll(ctx, x.e.keys.kept()).Result()
	})
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if err := x.put(engine.Secret{Name: name, Value: []byte(all[name])}); err != nil {
			return err
		}
	}
	return nil
}

// nonces sorts those of a campaign and kind, which Redis keeps in no order.
func (x *export) nonces(ctx context.Context) error {
	for _, r := range x.receipts {
		for _, kind := range receiptKinds() {
			sums, err := x.sums(ctx, x.e.keys.nonces(r.token, kind))
			if err != nil {
				return err
			}
			for _, sum := range sums {
				if err := x.put(engine.Nonce{Campaign: r.number, Kind: kind, Sum: sum}); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func (x *export) sums(ctx context.Context, key string) (out [][16]byte, err error) {
	for cursor := uint64(0); ; {
		var next uint64
		page, err := again(ctx, x.e, func(ctx context.Context) (page []string, err error) {
			page, next, err = x.e.client.SScan(ctx, key, cursor, "", scanStep).Result()
			return page, err
		})
		if err != nil {
			return nil, err
		}
		cursor = next
		for _, s := range page {
			var sum [16]byte
			if copy(sum[:], s) != len(s) {
				return nil, errors.New("a receipt's nonce is longer than it can be")
			}
			out = append(out, sum)
		}
		if cursor == 0 {
			slices.SortFunc(out, func(a, b [16]byte) int { return bytes.Compare(a[:], b[:]) })
			return slices.Compact(out), nil // SSCAN may give one more than once
		}
	}
}

// number is how many campaigns had opened up to the one that is numbered seq
// here: what is numbered seq on every engine.
func (x *export) number(seq int64) int64 {
	i, found := slices.BinarySearchFunc(x.seqs, seq, cmp.Compare[int64])
	if found {
		i++
	}
	return int64(i)
}
