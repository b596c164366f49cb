package hub

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"crier/news"
	"crier/news/newstest"
)

// sluggish is a log that takes its time with what joiners read.
type sluggish struct {
	*newstest.Log
	takes time.Duration
}

func (l *sluggish) Since(ctx context.Context, from news.Cursor, limit int) ([]news.Entry, error) {
	select {
	case <-time.After(l.takes):
		e := news.Entry{Offset: from.Offset + 1, First: from.Offset + 1, Kind: news.Posted, Item: news.Item{ID: "n1", Headline: "h1"}}
		return []news.Entry{e}, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// TestWhoIsSlow: a reader is told that it was too slow, which brings it back at
// once, only if it was; for a log that does not answer in time it is told to
// try later, which spreads all those whom it concerns.
func TestWhoIsSlow(t *testing.T) {
	takes := func(context.Context) error { return nil }
	never := func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
	for _, c := range []struct {
		name  string
		log   time.Duration
		busy  bool // others read the log, and go on
		first func(context.Context) error
		then  func(context.Context) error
		code  uint16
		cause Cause
	}{
		{"the log hangs", time.Hour, false, takes, takes, closeTryLater, Failed},
		{"others wait for the log", 0, true, takes, takes, closeTryLater, Failed},
		{"the reader hangs", 0, false, never, never, closeSlow, Slow},
		{"the reader hangs after the log", time.Second, false, takes, never, closeSlow, Slow},
		{"the log took most of the time", joinTime - time.Second, false, takes, never, closeTryLater, Failed},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h, _ := newStage(t, newstest.New(), 1)
				h.src = &sluggish{newstest.New(), c.log}
				for c.busy && len(h.reads) < cap(h.reads) {
					h.reads <- struct{}{}
				}
				w := &written{}
				w.init(h, w, frames, nil)
				flush := c.first
				h.bring(t.Context(), &w.reader, place{cursor: news.Cursor{Epoch: "stage"}}, func(ctx context.Context) error {
					defer func() { flush = c.then }()
					return flush(ctx)
				})
				last := w.b
				for len(last) > 0 && last[0] != 0x88 {
					last = last[serverFrame(last):]
				}
				if got := closeCode(last); got != c.code || h.Stats().Closed[c.cause] != 1 {
					t.Errorf("closed with %d, %v; want %d, %s", got, h.Stats().Closed, c.code, c.cause)
				}
			})
		})
	}
}
