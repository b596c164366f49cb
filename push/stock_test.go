package push

import (
	"bytes"
	"crypto/ecdh"
	"crypto/rand"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"crier/push/seal"
)

// stocked is a subscription of shard 0 with the browser's private key.
type stocked struct {
	Subscription
	private *ecdh.PrivateKey
}

func newStocked(t testing.TB, n int) []stocked {
	t.Helper()
	out := make([]stocked, n)
	for i := range out {
		private, err := ecdh.P256().GenerateKey(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		out[i].private = private
		out[i].ID = ID{15: byte(i), 14: byte(i >> 8)}
		copy(out[i].P256dh[:], private.PublicKey().Bytes())
		rand.Read(out[i].Auth[:])
	}
	slices.SortFunc(out, func(a, b stocked) int { return bytes.Compare(a.ID[:], b.ID[:]) })
	return out
}

func receivers(subs []stocked) (out []Receiver) {
	for _, s := range subs {
		out = append(out, Receiver{s.ID, s.P256dh, s.Auth})
	}
	return out
}

// fill prepares what is missing in shard 0.
func fill(t testing.TB, k *stock, subs []stocked) {
	t.Helper()
	rs := receivers(subs)
	for _, i := range k.arrange(0, rs, time.Now()) {
		p, err := seal.Prepare(seal.Keys{P256dh: rs[i].P256dh, Auth: rs[i].Auth})
		if err != nil {
			t.Error(err)
		}
		k.put(0, i, &p)
	}
}

// TestNoPreparedKeyIsUsedTwice: many workers seal for the same subscriptions
// while keys are prepared anew. Every message has a sender key of its own and
// is read by its receiver.
func TestNoPreparedKeyIsUsedTwice(t *testing.T) {
	const n, workers, rounds = 40, 16, 5
	k, subs := newStock(Shards*n), newStocked(t, n)
	fill(t, k, subs)
	if got := k.count(); got.Ready != n {
		t.Fatalf("%+v", got)
	}
	var mu sync.Mutex
	senders := map[string]bool{}
	var all, filler sync.WaitGroup
	var over atomic.Bool
	filler.Go(func() {
		for !over.Load() {
			fill(t, k, subs)
		}
	})
	for w := range workers {
		all.Go(func() {
			for i := range n * rounds {
				s := &subs[i%n]
				text := fmt.Sprint(w, i)
				body, err := k.seal(nil, []byte(text), &s.Subscription)
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				if senders[string(body[21:86])] {
					t.Error("a sender key was used twice")
				}
				senders[string(body[21:86])] = true
				mu.Unlock()
				if got, err := seal.Open(s.private, s.Auth, body); err != nil || string(got) != text {
					t.Errorf("read %q, %v", got, err)
				}
			}
		})
	}
	all.Wait()
	over.Store(true)
	filler.Wait()
	got := k.count()
	if got.Hits < n || got.Hits+got.Misses != workers*n*rounds || len(senders) != workers*n*rounds {
		t.Errorf("%d senders, %+v", len(senders), got)
	}
	fill(t, k, subs)
	if got := k.count(); got.Ready != n {
		t.Errorf("at the end %+v", got)
	}
}

func TestStockFollowsTheSubscriptions(t *testing.T) {
	k, subs := newStock(Shards*10), newStocked(t, 4)
	fill(t, k, subs)
	sealed := func(s stocked, prepared bool) {
		t.Helper()
		before := k.count()
		body, err := k.seal(nil, []byte("news"), &s.Subscription)
		if err != nil {
			t.Fatal(err)
		}
		if text, err := seal.Open(s.private, s.Auth, body); err != nil || string(text) != "news" {
			t.Fatalf("read %q, %v", text, err)
		}
		if hit := k.count().Hits > before.Hits; hit != prepared {
			t.Errorf("sealed with a prepared key: %v", hit)
		}
	}
	sealed(subs[0], true)
	sealed(subs[0], false)

	changed := newStocked(t, 2)[1] // it has the ID of subs[1], and other keys
	sealed(changed, false)
	sealed(subs[1], true)

	// Who left takes the key along; who stays keeps it; newcomers get one.
	subs = append(subs[3:4], newStocked(t, 5)[4])
	if bare := k.arrange(0, receivers(subs), time.Now()); !slices.Equal(bare, []int{1}) {
		t.Errorf("keys are to be prepared for %v, want the second only", bare)
	}
	fill(t, k, subs)
	if got := k.count().Ready; got != 2 {
		t.Errorf("%d keys are ready, want 2", got)
	}
	sealed(subs[0], true)
	sealed(subs[1], true)
}

func TestWhichShardIsReadNext(t *testing.T) {
	k, subs, now := newStock(Shards*10), newStocked(t, 3), time.Now()
	const wanted = Blocks(1 | 1<<63)
	seen := map[int]bool{}
	for {
		shard, ok := k.due(wanted, time.Minute, now)
		if !ok {
			break
		}
		if seen[shard] || !wanted.Has(shard) {
			t.Fatalf("shard %d after %v", shard, seen)
		}
		seen[shard] = true
		k.arrange(shard, nil, now)
	}
	if len(seen) != 2*BlockShards {
		t.Errorf("%d shards were read", len(seen))
	}
	if shard, ok := k.due(wanted, time.Minute, now.Add(time.Minute)); !ok {
		t.Errorf("a minute later %d, %v", shard, ok)
	}
	fill(t, k, subs)
	if _, err := k.seal(nil, nil, &subs[2].Subscription); err != nil {
		t.Fatal(err)
	}
	if shard, ok := k.due(wanted, time.Minute, now); shard != 0 || !ok {
		t.Errorf("after a message of shard 0: %d, %v", shard, ok)
	}
	if k.due(1<<63, time.Minute, now); k.count().Ready != 0 {
		t.Error("keys for another node's shards are kept")
	}
	if got := k.room(wanted); got != Shards*10/(2*BlockShards) {
		t.Errorf("room for %d keys a shard", got)
	}
	if _, ok := newStock(-1).due(wanted, time.Minute, now); ok {
		t.Error("keys are prepared though none are wanted")
	}
}

func TestRendezvous(t *testing.T) {
	names := []string{"wA", "wB", "wC", "wD"}
	owners := func(workers ...string) (out [Shards / BlockShards]string) {
		var sum Blocks
		for _, w := range workers {
			f := &fleet{}
			f.gather(w, workers)
			if sum&f.wanted() != 0 {
				t.Errorf("%s wants what another does", w)
			}
			sum |= f.wanted()
			for i := range out {
				if f.wanted().Has(i * BlockShards) {
					out[i] = w
				}
			}
		}
		if sum != ^Blocks(0) {
			t.Errorf("nobody wants %x", ^sum)
		}
		return out
	}
	owners("wA")
	all, without := owners(names...), owners("wA", "wB", "wD")
	share := map[string]int{}
	for i := range all {
		share[all[i]]++
		if all[i] != without[i] && all[i] != "wC" {
			t.Errorf("block %d went from %s to %s", i, all[i], without[i])
		}
	}
	for _, w := range names {
		if share[w] < 6 {
			t.Errorf("%s wants %d of 64 blocks", w, share[w])
		}
	}
	f := &fleet{}
	f.gather("wX", names)
	if f.wanted() != 0 {
		t.Error("who is not there wants blocks")
	}
}
