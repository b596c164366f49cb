package enginetest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"

	"crier/news"
)

// someNews appends n random entries: items, drills and revisions of both.
func someNews(ctx context.Context, e Engine, r *rand.Rand, prefix string, n int) error {
	items := map[string]news.Item{}
	var ids []string
	for i := range n {
		id := fmt.Sprint(prefix, i)
		d := posted(id)
		switch {
		case len(ids) > 0 && r.IntN(3) > 0:
			was := items[ids[r.IntN(len(ids))]]
			d = revised(was.ID, was.Version, news.Kinds()[1+r.IntN(4)])
			d.Item.Drill, d.Item.Topics, d.Item.Story = was.Drill, was.Topics, was.Story
		case r.IntN(3) == 0:
			d = drill(id)
			fallthrough
		default:
			d.Item.Story = fmt.Sprint("s", r.IntN(4))
			ids = append(ids, id)
		}
		if _, err := e.Append(ctx, news.Key{}, d); err != nil {
			return err
		}
		items[d.Item.ID] = d.Item
	}
	return nil
}

func testFront(t *testing.T, s *store) {
	ctx, e := t.Context(), s.node(0)
	ok(t, someNews(ctx, e, rand.New(rand.NewPCG(3, 4)), "n", 150))
	log := wholeLog(t, e)
	for _, n := range []int{1, 2, 7, 60, 1000} {
		got := must(s.node(1).Front(ctx, n))(t)
		equal(t, fmt.Sprintf("front of %d", n), got, news.Snapshot{Cursor: must(e.Head(ctx))(t), Entries: fold(log, n)})
	}
	// news.Front folds the same way.
	var front news.Front
	for _, x := range log {
		front.Apply(x)
	}
	want := fold(log, news.FrontSize)
	var live []news.Entry
	for _, x := range want {
		if !x.Item.Drill {
			live = append(live, x)
		}
	}
	equal(t, "news.Front without drills", front.Entries(nil), live)
}

// testFrontAtomic takes snapshots while the log is appended to: each is the
// fold of exactly the log up to its cursor.
func testFrontAtomic(t *testing.T, s *store) {
	const appenders, each, n = 4, 30, 10
	ctx := t.Context()
	done := make(chan struct{})
	taken := make(chan []news.Snapshot)
	go func() {
		var out []news.Snapshot
		for last := false; !last; {
			select {
			case <-done:
				last = true
			default:
			}
			snap, err := s.node(1).Front(ctx, n)
			if err != nil {
				t.Errorf("front: %v", err)
			}
			if len(out) == 0 || out[len(out)-1].Cursor != snap.Cursor {
				out = append(out, snap)
			}
		}
		taken <- out
	}()
	together(appenders, func(i int) {
		if err := someNews(ctx, s.node(i), rand.New(rand.NewPCG(5, uint64(i))), fmt.Sprintf("n%d-", i), each); err != nil {
			t.Errorf("append: %v", err)
		}
	})
	close(done)
	log := wholeLog(t, s.node(0))
	snaps := <-taken
	for _, snap := range snaps {
		equal(t, fmt.Sprintf("front at %q", snap.Cursor), snap.Entries, fold(log[:snap.Cursor.Offset], n))
	}
	equal(t, "the last snapshot's offset", snaps[len(snaps)-1].Cursor.Offset, uint64(appenders*each))
}

func testItems(t *testing.T, s *store) {
	ctx, e := t.Context(), s.node(0)
	ok(t, someNews(ctx, e, rand.New(rand.NewPCG(6, 7)), "n", 80))
	all := fold(wholeLog(t, e), 1000)
	for _, story := range []string{"", "s0", "s1", "s2", "s3", "s-none"} {
		var want []news.Entry
		for _, x := range all {
			if story == "" || x.Item.Story == story {
				want = append(want, x)
			}
		}
		var got []news.Entry
		q := news.Query{Story: story, Limit: 3}
		for { // page by page
			page := must(s.node(1).Items(ctx, q))(t)
			if len(page) == 0 {
				break
			}
			if len(page) > q.Limit {
				t.Fatalf("%d items where at most %d were asked for", len(page), q.Limit)
			}
			got = append(got, page...)
			q.Before = page[len(page)-1].First
		}
		equal(t, "items of story "+story, got, want)
	}
	if got := must(e.Items(ctx, news.Query{Before: 1 << 63, Limit: 1000}))(t); len(got) != len(all) {
		t.Fatalf("%d items before the end of time, of %d", len(got), len(all))
	}
}
