package push

import (
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"sync/atomic"
)

// fleet is the nodes that send. Each block of shards is wanted by one of them,
// which prepares keys for it and claims it first; any other may claim it too,
// when it has nothing else to do. Which one is found by rendezvous hashing: the
// worker whose hash with the block is the highest. So nodes that know of the
// same workers agree without a word, and one that comes or goes moves no block
// but those it gets or had.
type fleet struct {
	own atomic.Uint64 // Blocks that are wanted by this node
}

// wanted is the blocks that this node wants first.
func (f *fleet) wanted() Blocks { return Blocks(f.own.Load()) }

// gather works out what self wants, when so many workers are there.
func (f *fleet) gather(self string, workers []string) {
	if !slices.Contains(workers, self) { // it is leaving
		f.own.Store(0)
		return
	}
	var own Blocks
	for block := range Shards / BlockShards {
		if rendezvous(block, workers) == self {
			own |= 1 << block
		}
	}
	f.own.Store(uint64(own))
}

// rendezvous is the worker that the block goes to.
func rendezvous(block int, workers []string) (winner string) {
	var most uint64
	for _, w := range workers {
		sum := sha256.Sum256(append([]byte{byte(block)}, w...))
		if n := binary.BigEndian.Uint64(sum[:]); winner == "" || n > most {
			winner, most = w, n
		}
	}
	return winner
}
