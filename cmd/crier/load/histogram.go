package load

import (
	"math/bits"
	"sync/atomic"
	"time"
)

// Histogram counts durations in buckets that are at most 1/16 of their value
// wide, from a microsecond to some hours. Its methods are safe for concurrent
// use; a copy of what is counted is taken by Buckets.
type Histogram struct {
	counts [buckets]atomic.Int64
	max    atomic.Int64 // in microseconds
}

const (
	fine    = 16 // buckets for each power of two
	powers  = 34 // of microseconds
	buckets = fine * powers
)

// bucket is where a duration of us microseconds counts.
func bucket(us int64) int {
	if us < fine {
		return int(max(us, 0))
	}
	power := bits.Len64(uint64(us)) - 5 // so that us>>power is 16 to 31
	return min((power+1)*fine+int(us>>power)-fine, buckets-1)
}

// upTo is the least duration, in microseconds, that counts after bucket i.
func upTo(i int) int64 {
	if i < fine {
		return int64(i + 1)
	}
	power := i/fine - 1
	return int64(i%fine+fine+1) << power
}

// Add counts d.
func (h *Histogram) Add(d time.Duration) {
	us := d.Microseconds()
	h.counts[bucket(us)].Add(1)
	raise(&h.max, us)
}

// counted is what a histogram has counted, for another process.
type counted struct {
	Max    int64
	Counts map[int]int64 // by bucket
}

func (h *Histogram) counted() counted {
	c := counted{h.max.Load(), map[int]int64{}}
	for i := range h.counts {
		if n := h.counts[i].Load(); n > 0 {
			c.Counts[i] = n
		}
	}
	return c
}

// merge counts what another has counted.
func (h *Histogram) merge(c counted) {
	raise(&h.max, c.Max)
	for i, n := range c.Counts {
		h.counts[i].Add(n)
	}
}

// Count is how many durations were added.
func (h *Histogram) Count() (n int64) {
	for i := range h.counts {
		n += h.counts[i].Load()
	}
	return n
}

// Quantile is the duration that the share q of all did not exceed, at most
// 1/16 too long; 0 if there are none.
func (h *Histogram) Quantile(q float64) time.Duration {
	n := h.Count()
	need := max(int64(q*float64(n)+0.5), 1)
	if n == 0 {
		return 0
	}
	most := h.max.Load()
	for i := range h.counts {
		if need -= h.counts[i].Load(); need <= 0 {
			return time.Duration(min(upTo(i), most)) * time.Microsecond
		}
	}
	return time.Duration(most) * time.Microsecond
}

// Bucket is how many durations lay between the bucket before and UpTo.
type Bucket struct {
	UpTo  time.Duration
	Count int64
}

// Buckets are those that have counted anything, in order.
func (h *Histogram) Buckets() (out []Bucket) {
	for i := range h.counts {
		if n := h.counts[i].Load(); n > 0 {
			out = append(out, Bucket{time.Duration(upTo(i)) * time.Microsecond, n})
		}
	}
	return out
}
