package enginetest

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"sync/atomic"
	"testing"

	"crier/news"
)

func testEmptyStore(t *testing.T, s *store) {
	ctx, e := t.Context(), s.node(0)
	head := must(e.Head(ctx))(t)
	if head.Epoch == "" || head.Offset != 0 {
		t.Fatalf("head of an empty log is %q", head)
	}
	if _, err := news.ParseCursor(head.String()); err != nil {
		t.Fatalf("the head %q is no cursor: %v", head, err)
	}
	for _, from := range []news.Cursor{{}, head} {
		if got := must(e.Since(ctx, from, 1))(t); len(got) != 0 {
			t.Fatalf("an empty log has %d entries after %q", len(got), from)
		}
	}
	if got := must(e.Front(ctx, 5))(t); got.Cursor != head || len(got.Entries) != 0 {
		t.Fatalf("front of an empty log: %+v", got)
	}
	if got := must(e.Items(ctx, news.Query{Limit: 5}))(t); len(got) != 0 {
		t.Fatalf("items of an empty log: %+v", got)
	}
	if _, err := e.Item(ctx, "n1"); !errors.Is(err, news.ErrNoItem) {
		t.Fatalf("an item that is not there: %v", err)
	}
}

func testAppendAndRead(t *testing.T, s *store) {
	ctx, e := t.Context(), s.node(0)
	epoch := must(e.Head(ctx))(t).Epoch
	drafts := []news.Draft{
		posted("na"), posted("nb"), drill("nc"),
		revised("na", 1, news.Updated), revised("na", 2, news.Corrected),
		revised("nb", 1, news.Refiled), revised("na", 3, news.Withdrawn),
	}
	first := map[string]uint64{"na": 1, "nb": 2, "nc": 3}
	var want []news.Entry
	for i, d := range drafts {
		r := must(e.Append(ctx, news.Key{}, d))(t)
		w := entry(d, uint64(i+1), first[d.Item.ID])
		equal(t, "receipt", r, news.Receipt{Entry: w, Cursor: news.Cursor{Epoch: epoch, Offset: w.Offset}})
		equal(t, "head", must(e.Head(ctx))(t), r.Cursor)
		want = append(want, w)
	}
	other := s.node(1)
	for from := range len(want) + 1 {
		for _, limit := range []int{1, 3, 100} {
			got := must(other.Since(ctx, news.Cursor{Epoch: epoch, Offset: uint64(from)}, limit))(t)
			suffix := want[from:min(from+limit, len(want))]
			if len(got) != len(suffix) || len(got) > 0 && !reflect.DeepEqual(got, suffix) {
				t.Fatalf("%d entries after %d:\n got %+v\nwant %+v", limit, from, got, suffix)
			}
		}
	}
	equal(t, "log from the zero cursor", wholeLog(t, other), want)
	for id, last := range map[string]int{"na": 6, "nb": 5, "nc": 2} {
		equal(t, "item "+id, must(other.Item(ctx, id))(t), want[last])
	}
}

func testRefusedAppend(t *testing.T, s *store) {
	ctx, e := t.Context(), s.node(0)
	must(e.Append(ctx, keyed("used", "a"), posted("na")))(t)
	add(t, e, revised("na", 1, news.Updated))
	before := look(t, e)
	hints, stop := e.Wake()
	defer stop()
	late := posted("nb")
	late.Item.Version = 2
	for _, c := range []struct {
		name string
		key  news.Key
		d    news.Draft
		want error
	}{
		{"a version behind", keyed("k1", "x"), revised("na", 1, news.Updated), news.ErrConflict},
		{"a version ahead", keyed("k1", "x"), revised("na", 3, news.Updated), news.ErrConflict},
		{"posted twice", keyed("k1", "x"), posted("na"), news.ErrConflict},
		{"posted late", keyed("k1", "x"), late, news.ErrConflict},
		{"no such item", keyed("k1", "x"), revised("nb", 1, news.Updated), news.ErrNoItem},
		{"no such item, first version", keyed("k1", "x"), revised("nb", 0, news.Corrected), news.ErrNoItem},
		{"key of another body", keyed("used", "b"), posted("nb"), news.ErrKeyReused},
	} {
		if _, err := e.Append(ctx, c.key, c.d); !errors.Is(err, c.want) {
			t.Fatalf("%s: got %v, want %v", c.name, err, c.want)
		}
		equal(t, "the store after "+c.name, look(t, s.node(1)), before)
	}
	over, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := e.Append(over, keyed("k1", "x"), posted("nb")); !errors.Is(err, context.Canceled) {
		t.Fatalf("with a context that is over: %v", err)
	}
	equal(t, "the store after a context that was over", look(t, s.node(1)), before)
	select {
	case h := <-hints:
		t.Fatalf("the doorbell rang for nothing: %+v", h)
	default:
	}
	// The key of a refused append is as good as new.
	r := must(e.Append(ctx, keyed("k1", "other"), posted("nb")))(t)
	if r.Replayed || r.Entry.Offset != before.Head.Offset+1 {
		t.Fatalf("append after refusals: %+v", r)
	}
}

func testOneRevisionWins(t *testing.T, s *store) {
	ctx := t.Context()
	add(t, s.node(0), posted("na"))
	var won, lost atomic.Int32
	together(20, func(i int) {
		d := revised("na", 1, news.Updated)
		d.Item.Headline = fmt.Sprint("by ", i)
		switch _, err := s.node(i).Append(ctx, news.Key{}, d); {
		case err == nil:
			won.Add(1)
		case errors.Is(err, news.ErrConflict):
			lost.Add(1)
		default:
			t.Errorf("racing revision: %v", err)
		}
	})
	if won.Load() != 1 || lost.Load() != 19 {
		t.Fatalf("%d revisions won, %d lost", won.Load(), lost.Load())
	}
	equal(t, "version", must(s.node(0).Item(ctx, "na"))(t).Item.Version, 2)
}

// testOffsets has readers poll the log while it is appended to: each sees it
// only grow, without a gap and without a change in what it has seen.
func testOffsets(t *testing.T, s *store) {
	const appenders, each = 6, 30
	ctx := t.Context()
	reading := make(chan struct{})
	read := make(chan error)
	for i := range 2 * len(s.nodes) {
		go func() { read <- watchGrow(ctx, s.node(i), reading) }()
	}
	together(appenders, func(i int) {
		for k := range each {
			if _, err := s.node(i).Append(ctx, news.Key{}, posted(fmt.Sprintf("n%d-%d", i, k))); err != nil {
				t.Errorf("append: %v", err)
			}
		}
	})
	close(reading)
	for range 2 * len(s.nodes) {
		ok(t, <-read)
	}
	log := wholeLog(t, s.node(0))
	if len(log) != appenders*each {
		t.Fatalf("the log has %d entries", len(log))
	}
}

func watchGrow(ctx context.Context, e Engine, until <-chan struct{}) error {
	var seen []news.Entry
	for last := false; !last; {
		select {
		case <-until:
			last = true // and read once more
		default:
		}
		log, err := e.Since(ctx, news.Cursor{}, 1e6)
		if err != nil {
			return err
		}
		if len(log) < len(seen) || len(seen) > 0 && !reflect.DeepEqual(log[:len(seen)], seen) {
			return fmt.Errorf("the log of %d entries became one of %d that does not begin with it", len(seen), len(log))
		}
		for i, x := range log {
			if x.Offset != uint64(i+1) {
				return fmt.Errorf("entry %d of the log has offset %d", i+1, x.Offset)
			}
		}
		seen = log
	}
	return nil
}
