package push

import (
	"context"
	"runtime"
	"time"

	"crier/push/seal"
)

// Preparing keys is done by one goroutine, while nothing is being sent, and
// yields to everything: it lets others run after each key, rests after each
// batch, and rests for long where a batch took longer than batches do, because
// then somebody else wants the CPU. While an entry that has just come is being
// sent to live readers it does nothing.
const (
	prepareBatch = 16
	longRest     = 16 // so many times a batch does a rest take where the CPU is wanted, and else as long as it
	restockEvery = 10 * time.Minute
	stockLook    = 250 * time.Millisecond // between looks for something to do
	entryRest    = 200 * time.Millisecond // after an entry: time to send it to 30,000 readers
)

// prepareKeys keeps the stock filled until ctx ends.
func (s *Service) prepareKeys(ctx context.Context) {
	t := time.NewTicker(stockLook)
	defer t.Stop()
	breath := breath{}
	for ctx.Err() == nil {
		wanted := s.fleet.wanted()
		shard, ok := s.stock.due(wanted, restockEvery, time.Now())
		if ok && s.stock.busy.Load() == 0 && !s.stock.quiet(time.Now()) {
			err := s.restock(ctx, shard, s.stock.room(wanted), &breath)
			s.trouble(ctx, "read whom to prepare keys for", err)
			if err == nil {
				continue
			}
			pauseFor(ctx, time.Second)
		}
		select {
		case <-t.C:
		case <-ctx.Done():
		}
	}
}

// restock prepares keys for a shard, until something is to be sent.
func (s *Service) restock(ctx context.Context, shard, room int, b *breath) error {
	now := time.Now()
	b.keys = 0
	receivers, err := s.store.Receivers(ctx, Range{shard, shard}, ID{}, room)
	if err != nil {
		return err
	}
	for _, i := range s.stock.arrange(shard, receivers, now) {
		if s.stock.busy.Load() > 0 || s.stock.quiet(time.Now()) || ctx.Err() != nil {
			s.stock.again(shard)
			return nil
		}
		r := &receivers[i]
		p, err := seal.Prepare(seal.Keys{P256dh: r.P256dh, Auth: r.Auth})
		if err == nil { // else it is not on the curve, and sending says so
			s.stock.put(shard, i, &p)
		}
		b.take(ctx)
	}
	return nil
}

// breath is the rests between batches.
type breath struct {
	keys  int
	began time.Time
	usual time.Duration // the least that a batch has taken: nobody else wanted the CPU
}

// take is called after each key.
func (b *breath) take(ctx context.Context) {
	runtime.Gosched()
	switch b.keys++; b.keys % prepareBatch {
	case 1:
		b.began = time.Now()
		return
	case 0:
	default:
		return
	}
	took := time.Since(b.began)
	if b.usual == 0 || took < b.usual {
		b.usual = took
	}
	rest := took
	if took > b.usual*3/2 {
		rest = min(longRest*took, time.Second)
	}
	pauseFor(ctx, rest)
}
