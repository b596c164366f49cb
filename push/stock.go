package push

import (
	"bytes"
	"errors"
	"hash/maphash"
	"math/bits"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"crier/push/seal"
)

// stock is the sender keys that were prepared while there was nothing to send:
// one for a subscription, for one message. It is in memory only. A key that has
// sealed is wiped in its place, under the mutex of its shelf, so nothing can
// seal with it again.
type stock struct {
	seed    maphash.Seed
	most    int          // keys
	busy    atomic.Int64 // ranges that are being sent
	entry   atomic.Int64 // when the last entry came, in ns since 1970
	ready   atomic.Int64
	hits    atomic.Int64
	misses  atomic.Int64
	shelves [Shards]shelf
}

// shelf is the keys of one shard, in the order of IDs.
type shelf struct {
	mu     sync.Mutex
	ids    []ID
	marks  []uint64        // of whom the key was agreed with
	keys   []seal.Prepared // those that are not ready are to be prepared
	walked time.Time       // when the shard was last read; zero if it is to be read again
}

// newStock has room for so many keys.
func newStock(most int) *stock { return &stock{seed: maphash.MakeSeed(), most: max(most, 0)} }

// mark tells receivers apart: one whose keys have changed needs another key.
func (k *stock) mark(p256dh *[65]byte, auth *[16]byte) uint64 {
	var h maphash.Hash
	h.SetSeed(k.seed)
	_, _ = h.Write(p256dh[:]) // it never fails
	_, _ = h.Write(auth[:])
	return h.Sum64()
}

// seal is seal.Seal for a message of a campaign, with a key that was prepared if
// there is one.
func (k *stock) seal(dst, text []byte, s *Subscription) ([]byte, error) {
	body, err := k.shelves[s.ID.Shard()].seal(dst, text, s.ID, k.mark(&s.P256dh, &s.Auth))
	if err == nil {
		k.ready.Add(-1)
		k.hits.Add(1)
	}
	if !errors.Is(err, seal.ErrUsed) {
		return body, err
	}
	k.misses.Add(1)
	return seal.Seal(dst, text, seal.Keys{P256dh: s.P256dh, Auth: s.Auth})
}

// seal seals with the key of the subscription and wipes it. Errors: seal.ErrUsed
// if there is none.
func (h *shelf) seal(dst, text []byte, id ID, mark uint64) ([]byte, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.walked = time.Time{}
	i, found := h.find(id)
	if !found || h.marks[i] != mark {
		return dst, seal.ErrUsed
	}
	return h.keys[i].Seal(dst, text)
}

// find is where id is. The caller holds h.mu.
func (h *shelf) find(id ID) (int, bool) {
	return slices.BinarySearchFunc(h.ids, id, func(a, b ID) int { return bytes.Compare(a[:], b[:]) })
}

// due is a shard of the wanted blocks that is to be read: one that has not been
// read since a campaign used its keys, or for longer than every. What there is
// of other nodes' shards is forgotten.
func (k *stock) due(wanted Blocks, every time.Duration, now time.Time) (shard int, ok bool) {
	if k.most == 0 {
		return 0, false
	}
	var oldest time.Time
	for i := range k.shelves {
		h := &k.shelves[i]
		h.mu.Lock()
		if !wanted.Has(i) {
			k.replace(h, nil, time.Time{})
		} else if now.Sub(h.walked) >= every && (!ok || h.walked.Before(oldest)) {
			shard, oldest, ok = i, h.walked, true
		}
		h.mu.Unlock()
	}
	return shard, ok
}

// room is how many keys a shelf holds.
func (k *stock) room(wanted Blocks) int {
	shards := max(bits.OnesCount64(uint64(wanted)), 1) * BlockShards
	return (k.most + shards - 1) / shards
}

// arrange has the shelf of a shard be for these receivers, and returns those
// for whom no key is ready, by their places.
func (k *stock) arrange(shard int, receivers []Receiver, now time.Time) (bare []int) {
	h := &k.shelves[shard]
	h.mu.Lock()
	defer h.mu.Unlock()
	k.replace(h, receivers, now)
	for i := range h.keys {
		if !h.keys[i].Ready() {
			bare = append(bare, i)
		}
	}
	return bare
}

// replace gives the shelf other receivers, and takes along the keys of those
// that it has had. The caller holds h.mu.
func (k *stock) replace(h *shelf, receivers []Receiver, now time.Time) {
	old := shelf{ids: h.ids, marks: h.marks, keys: h.keys}
	h.ids, h.marks, h.keys, h.walked = nil, nil, nil, now
	if n := len(receivers); n > 0 {
		h.ids, h.marks, h.keys = make([]ID, n), make([]uint64, n), make([]seal.Prepared, n)
	}
	for i, r := range receivers {
		h.ids[i], h.marks[i] = r.ID, k.mark(&r.P256dh, &r.Auth)
		if at, found := old.find(r.ID); found && old.marks[at] == h.marks[i] {
			old.keys[at].MoveTo(&h.keys[i])
		}
	}
	for i := range old.keys { // of those who are no more
		if old.keys[i].Ready() {
			k.ready.Add(-1)
		}
	}
}

// put has p be the key at a place of the shard's shelf.
func (k *stock) put(shard, place int, p *seal.Prepared) {
	h := &k.shelves[shard]
	h.mu.Lock()
	defer h.mu.Unlock()
	p.MoveTo(&h.keys[place])
	k.ready.Add(1)
}

// again has the shard be read again.
func (k *stock) again(shard int) {
	h := &k.shelves[shard]
	h.mu.Lock()
	defer h.mu.Unlock()
	h.walked = time.Time{}
}

// quiet reports whether an entry has come so shortly ago that live readers may be
// waiting for it.
func (k *stock) quiet(now time.Time) bool { return now.UnixNano()-k.entry.Load() < int64(entryRest) }

func (k *stock) count() Keys { return Keys{k.ready.Load(), k.hits.Load(), k.misses.Load()} }
