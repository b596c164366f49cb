package enginetest

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"crier/news"
)

// lost fails the test unless the log says that what follows from is lost, to
// those who read and to those who follow.
func lost(t testing.TB, e Engine, from news.Cursor) {
	t.Helper()
	if got, err := e.Since(t.Context(), from, 10); !errors.Is(err, news.ErrCursorLost) || got != nil {
		t.Fatalf("after %q: %d entries, %v", from, len(got), err)
	}
	// Follow would wait for ever at the head of a log that lost nothing.
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	err := news.Follow(ctx, e, from, news.FollowOptions{}, func(es []news.Entry) error {
		return fmt.Errorf("it gave offset %d", es[0].Offset)
	})
	if !errors.Is(err, news.ErrCursorLost) {
		t.Fatalf("following from %q: %v", from, err)
	}
}

func testCursorLost(t *testing.T, s *store) {
	ctx, e := t.Context(), s.node(0)
	foreign := s.h.newStore(t)
	addItems(t, foreign.node(0), "f", 10)
	elsewhere := must(foreign.node(0).Head(ctx))(t)
	addItems(t, e, "n", 10)
	epoch := must(e.Head(ctx))(t).Epoch
	if elsewhere.Epoch == epoch {
		t.Fatalf("two stores have the epoch %q", epoch)
	}
	for _, from := range []news.Cursor{
		elsewhere, {Epoch: elsewhere.Epoch}, {Epoch: elsewhere.Epoch, Offset: 5}, // another epoch
		{Epoch: epoch, Offset: 11}, {Epoch: epoch, Offset: 1<<63 - 1}, // ahead of the log
	} {
		lost(t, e, from)
	}
	trimmed := must(e.Trim(ctx, 4, 0))(t)
	equal(t, "entries trimmed", trimmed, int64(6))
	for offset := range uint64(6) {
		lost(t, s.node(1), news.Cursor{Epoch: epoch, Offset: offset})
	}
	if _, err := e.Since(ctx, news.Cursor{}, 1); !errors.Is(err, news.ErrCursorLost) {
		t.Fatalf("from the zero cursor of a trimmed log: %v", err)
	}
	got := must(s.node(1).Since(ctx, news.Cursor{Epoch: epoch, Offset: 6}, 10))(t)
	if len(got) != 4 || got[0].Offset != 7 {
		t.Fatalf("after the trimmed part: %+v", got)
	}
}

func testTrimKeeps(t *testing.T, s *store) {
	ctx, e := t.Context(), s.node(0)
	entries := addItems(t, e, "n", 6)
	front := must(e.Front(ctx, 10))(t)
	for _, keep := range []int{6, 7, 1000} {
		equal(t, fmt.Sprintf("trimmed but for %d", keep), must(e.Trim(ctx, keep, 0))(t), int64(0))
	}
	equal(t, "trimmed but for the last hour", must(e.Trim(ctx, 0, time.Hour))(t), int64(0))

	// What has not become a campaign yet stays.
	at := front.Cursor
	at.Offset = 2
	ok(t, e.OpenCampaigns(ctx, at, nil))
	equal(t, "trimmed while followed to 2", must(e.Trim(ctx, 0, 0))(t), int64(2))
	at.Offset = 6
	ok(t, e.OpenCampaigns(ctx, at, nil))
	equal(t, "trimmed while followed to 6", must(e.Trim(ctx, 0, 0))(t), int64(4))

	// Of a log trimmed to nothing the head, the items and the front are left.
	equal(t, "front", must(s.node(1).Front(ctx, 10))(t), front)
	equal(t, "head", must(s.node(1).Head(ctx))(t), front.Cursor)
	equal(t, "entries at the head", len(must(e.Since(ctx, front.Cursor, 10))(t)), 0)
	for _, x := range entries {
		equal(t, "item", must(e.Item(ctx, x.Item.ID))(t), x)
	}
	next := add(t, e, revised("n0", 1, news.Corrected))
	equal(t, "the next entry", next, entry(revised("n0", 1, news.Corrected), 7, 1))

	// A key answers even where its entry might have been trimmed.
	r := must(e.Append(ctx, keyed("k", "body"), posted("nk")))(t)
	addItems(t, e, "m", 5)
	ok(t, e.OpenCampaigns(ctx, must(e.Head(ctx))(t), nil))
	must(e.Trim(ctx, 0, 0))(t)
	r.Replayed = true
	equal(t, "replay", must(e.Append(ctx, keyed("k", "body"), posted("nk")))(t), r)
}

// testFollowTrimmed does what every follower does: it follows; told that
// history is lost, it takes a snapshot and follows on from there. It ends up
// with the front that everybody has.
func testFollowTrimmed(t *testing.T, s *store) {
	const total = 200
	ctx, e := t.Context(), s.node(0)
	done := make(chan error, 1)
	go func() {
		for i := range total {
			if _, err := e.Append(ctx, news.Key{}, posted(fmt.Sprint("n", i))); err != nil {
				done <- err
				return
			}
			if i%20 == 19 {
				if _, err := e.Trim(ctx, 3, 0); err != nil {
					done <- err
					return
				}
			}
		}
		done <- nil
	}()
	var front news.Front
	at := news.Cursor{Epoch: must(e.Head(ctx))(t).Epoch}
	snapshots := 0
	enough := errors.New("enough")
	for at.Offset < total {
		err := news.Follow(ctx, mangled{s.node(1), manglings["dropped"]}, at, news.FollowOptions{Quiet: time.Millisecond}, func(es []news.Entry) error {
			for _, x := range es {
				front.Apply(x)
				at.Offset = x.Offset
			}
			if at.Offset == total {
				return enough
			}
			return nil
		})
		switch {
		case errors.Is(err, enough):
		case errors.Is(err, news.ErrCursorLost):
			snap := must(s.node(1).Front(ctx, news.FrontSize))(t)
			front.Reset(snap)
			at = snap.Cursor
			snapshots++
		default:
			t.Fatalf("follow: %v", err)
		}
	}
	ok(t, <-done)
	equal(t, fmt.Sprintf("front after %d snapshots", snapshots), front.Entries(nil), must(e.Front(ctx, news.FrontSize))(t).Entries)
}

// testRewound puts a store back to an earlier state. The lost offsets are
// given again, so everybody who saw them must be told.
func testRewound(t *testing.T, s *store) {
	ctx := t.Context()
	addItems(t, s.node(0), "n", 5)
	saved := must(s.node(0).Head(ctx))(t)
	ok(t, s.node(0).OpenCampaigns(ctx, saved, nil))
	before := look(t, s.node(0))
	s.close(t)
	restore := s.h.Save(t, s.address)
	s.open(t)
	addItems(t, s.node(0), "lost", 3)
	ahead := must(s.node(0).Head(ctx))(t)
	s.close(t)
	restore(t)
	s.open(t)

	e := s.node(0)
	after := look(t, e)
	if after.Head.Epoch == before.Head.Epoch {
		t.Fatal("history was lost and the epoch is the same")
	}
	// The entries that have become campaigns are not to become campaigns again.
	equal(t, "followed", after.Followed, news.Cursor{Epoch: after.Head.Epoch, Offset: saved.Offset})
	before.Head.Epoch, before.Front.Cursor.Epoch, before.Followed.Epoch = after.Head.Epoch, after.Head.Epoch, after.Head.Epoch
	equal(t, "the store", after, before)
	addItems(t, e, "other", 5)
	for _, from := range []news.Cursor{saved, ahead, {Epoch: saved.Epoch}} {
		lost(t, s.node(1), from)
	}
}
