package load

import (
	"testing"
	"time"
)

func TestBuckets(t *testing.T) {
	before := -1
	for us := int64(0); us < 1<<40; us += max(us/50, 1) {
		i := bucket(us)
		if i < before || i > before+1 && us < 1000 {
			t.Fatalf("%d µs counts in bucket %d, after %d", us, i, before)
		}
		if i < buckets-1 && (us >= upTo(i) || i > 0 && us < upTo(i-1)) {
			t.Fatalf("%d µs is not in bucket %d, which ends at %d", us, i, upTo(i))
		}
		if i < buckets-1 && us >= fine && float64(upTo(i)-upTo(i-1)) > float64(us)/fine+1 {
			t.Fatalf("the bucket of %d µs is wider than a sixteenth of it", us)
		}
		before = i
	}
}

func TestQuantiles(t *testing.T) {
	var h Histogram
	if h.Quantile(0.5) != 0 || h.Count() != 0 || h.Buckets() != nil {
		t.Error("an empty histogram has counted")
	}
	for ms := range 1000 {
		h.Add(time.Duration(ms+1) * time.Millisecond)
	}
	for q, want := range map[float64]time.Duration{0.5: 500 * time.Millisecond, 0.99: 990 * time.Millisecond, 1: time.Second} {
		if got := h.Quantile(q); got < want || got > want+want/16 {
			t.Errorf("the quantile %v is %v, want about %v", q, got, want)
		}
	}
	var n int64
	for _, b := range h.Buckets() {
		n += b.Count
	}
	if n != 1000 || h.Count() != 1000 {
		t.Errorf("%d counted, %d in buckets", h.Count(), n)
	}
}
