package hub_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"crier/hub"
	"crier/news"
)

func messages(p hub.Page) (all []live) {
	for _, raw := range p.Messages {
		var m live
		if err := json.Unmarshal(raw, &m); err != nil {
			m.Type = err.Error()
		}
		all = append(all, m)
	}
	return all
}

func TestPoll(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), soon)
	defer cancel()
	n := serve(t, nil, way{}, hub.Options{DrainWindow: time.Hour, Beat: 32 * time.Millisecond})
	expect := func(p hub.Page, err error, cursor uint64, want ...string) {
		t.Helper()
		var got []string
		for _, m := range messages(p) {
			got = append(got, m.String())
		}
		if err != nil || p.Cursor.Offset != cursor || strings.Join(got, ", ") != strings.Join(want, ", ") {
			t.Errorf("got %q at %s, %v; want %q at %d", got, p.Cursor, err, want, cursor)
		}
	}
	n.log.Post("one", "world")
	n.log.Post("two", "sport")
	until(t, "the hub to be at 2", func() bool { return n.hub.Stats().Head.Offset == 2 })

	p, err := n.hub.Poll(ctx, hub.Join{Cursor: at(t, n.log, 0)}, time.Hour) // there is something
	expect(p, err, 2, "entry 1 posted one", "entry 2 posted two")
	p, err = n.hub.Poll(ctx, hub.Join{Cursor: at(t, n.log, 0), Topics: []string{"world"}}, time.Hour)
	expect(p, err, 2, "entry 1 posted one")
	p, err = n.hub.Poll(ctx, hub.Join{Cursor: p.Cursor}, 0) // there is nothing
	expect(p, err, 2)
	p, err = n.hub.Poll(ctx, hub.Join{}, 100*time.Millisecond) // beats do not end it
	expect(p, err, 2)
	p, err = n.hub.Poll(ctx, hub.Join{Cursor: news.Cursor{Epoch: "elsewhere", Offset: 1}, Topics: []string{"world"}}, time.Hour)
	expect(p, err, 2, "reset 2: one")

	poll := func(j hub.Join) <-chan func() {
		done := make(chan func(), 1)
		before := n.hub.Stats().Polls
		go func() {
			p, err := n.hub.Poll(ctx, j, time.Hour)
			done <- func() { expect(p, err, p.Cursor.Offset, "entry 4 posted four") }
		}()
		until(t, "the poll to wait", func() bool { return n.hub.Stats().Polls == before+1 })
		return done
	}
	first, second := poll(hub.Join{Topics: []string{"world"}}), poll(hub.Join{Cursor: at(t, n.log, 2), Topics: []string{"africa", "world"}})
	n.log.Post("three", "sport") // wakes neither
	n.log.Post("four", "world")
	(<-first)()
	(<-second)()

	gone, leave := context.WithCancel(ctx)
	leave()
	if _, err := n.hub.Poll(gone, hub.Join{}, time.Hour); !errors.Is(err, context.Canceled) {
		t.Errorf("who has gone got %v", err)
	}

	waits := make(chan hub.Page, 1)
	go func() {
		p, err := n.hub.Poll(ctx, hub.Join{}, time.Hour)
		if err != nil {
			t.Error(err)
		}
		waits <- p
	}()
	until(t, "the poll to wait", func() bool { return n.hub.Stats().Polls == 1 })
	n.stop()
	expect(<-waits, nil, 4, "drain 0")
	if _, err := n.hub.Poll(ctx, hub.Join{}, time.Hour); !errors.Is(err, hub.ErrDraining) {
		t.Errorf("a poll of a draining hub: %v", err)
	}
}

// TestLongPage: a poll brings a page of what it has missed, and the next one
// goes on from there.
func TestLongPage(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), soon)
	defer cancel()
	n := serve(t, nil, way{}, hub.Options{DrainWindow: -1})
	const items = 300
	for i := range items {
		n.log.Post(fmt.Sprint("item ", i))
	}
	until(t, "the hub to be there", func() bool { return n.hub.Stats().Head.Offset == items })
	cursor, next, pages := at(t, n.log, 0), uint64(1), 0
	for ; next <= items; pages++ {
		p, err := n.hub.Poll(ctx, hub.Join{Cursor: cursor}, time.Hour)
		if err != nil || len(p.Messages) == 0 {
			t.Fatal(p, err)
		}
		for _, m := range messages(p) {
			if m.Entry == nil || m.Entry.Offset != next {
				t.Fatalf("got %s, want entry %d", m, next)
			}
			next++
		}
		cursor = p.Cursor
	}
	if pages < 3 {
		t.Errorf("%d items came in %d pages", items, pages)
	}
}
