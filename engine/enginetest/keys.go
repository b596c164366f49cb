package enginetest

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"

	"crier/news"
)

func testOneAppendPerKey(t *testing.T, s *store) {
	ctx := t.Context()
	add(t, s.node(0), posted("nz"))
	receipts := make([]news.Receipt, 100)
	together(len(receipts), func(i int) {
		d := posted(fmt.Sprintf("n%d", i)) // as each caller would name it
		r, err := s.node(i).Append(ctx, keyed("same", "body"), d)
		if err != nil {
			t.Errorf("caller %d: %v", i, err)
		}
		receipts[i] = r
	})
	fresh := 0
	for i, r := range receipts {
		if !r.Replayed {
			fresh++
		}
		if r.Entry.Offset != 2 || r.Entry.Item.ID != receipts[0].Entry.Item.ID || r.Cursor != receipts[0].Cursor {
			t.Fatalf("caller %d has the receipt %+v, caller 0 %+v", i, r, receipts[0])
		}
	}
	if log := wholeLog(t, s.node(0)); fresh != 1 || len(log) != 2 {
		t.Fatalf("%d appends in a log of %d entries", fresh, len(log))
	}

	// The receipt stays the first one's, though the item moves on.
	id := receipts[0].Entry.Item.ID
	add(t, s.node(0), revised(id, 1, news.Withdrawn))
	again := must(s.node(1).Append(ctx, keyed("same", "body"), posted(id)))(t)
	want := receipts[0]
	want.Replayed = true
	equal(t, "receipt of a replay", again, want)

	// No key, no protection; another key, another append.
	for i, key := range []news.Key{{}, {}, keyed("other", "body")} {
		if r := must(s.node(0).Append(ctx, key, posted(fmt.Sprint("nk", i))))(t); r.Replayed {
			t.Fatalf("key %q replayed", key.Value)
		}
	}
}

func testKeyReused(t *testing.T, s *store) {
	ctx := t.Context()
	var fresh, replayed, refused atomic.Int32
	together(100, func(i int) {
		body := fmt.Sprint("body ", i%2)
		r, err := s.node(i).Append(ctx, keyed("same", body), posted(fmt.Sprint("n", i%2)))
		switch {
		case errors.Is(err, news.ErrKeyReused):
			refused.Add(1)
		case err != nil:
			t.Errorf("caller %d: %v", i, err)
		case r.Replayed:
			replayed.Add(1)
		default:
			fresh.Add(1)
		}
	})
	if fresh.Load() != 1 || replayed.Load() != 49 || refused.Load() != 50 {
		t.Fatalf("%d appended, %d replayed, %d refused", fresh.Load(), replayed.Load(), refused.Load())
	}
	if log := wholeLog(t, s.node(0)); len(log) != 1 {
		t.Fatalf("the log has %d entries", len(log))
	}
}

// testAbandonedCalls ends callers' contexts while they append. Whatever each
// was told, repeating the call with its key appends exactly once.
func testAbandonedCalls(t *testing.T, s *store) {
	const callers = 60
	ctx := t.Context()
	together(callers, func(i int) {
		mine, cancel := context.WithCancel(ctx)
		go cancel()
		key, d := keyed(fmt.Sprint("k", i), "body"), posted(fmt.Sprint("n", i))
		first, err := s.node(i).Append(mine, key, d)
		if err != nil && !errors.Is(err, context.Canceled) {
			t.Errorf("caller %d: %v", i, err)
		}
		second, err2 := s.node(i+1).Append(ctx, key, d)
		if err2 != nil {
			t.Errorf("caller %d again: %v", i, err2)
		}
		if err == nil && (!second.Replayed || second.Cursor != first.Cursor) {
			t.Errorf("caller %d was told %+v and then %+v", i, first, second)
		}
	})
	seen := map[string]bool{}
	for _, e := range wholeLog(t, s.node(0)) {
		if seen[e.Item.ID] {
			t.Fatalf("item %s was appended twice", e.Item.ID)
		}
		seen[e.Item.ID] = true
	}
	if len(seen) != callers {
		t.Fatalf("%d of %d items were appended", len(seen), callers)
	}
}
