package enginetest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"crier/news"
)

// mangled is a log whose doorbell is as bad as its contract allows.
type mangled struct {
	news.Log
	mangle func(r *rand.Rand, h news.Hint, held []news.Hint) (out, hold []news.Hint)
}

// manglings are what may become of hints. Each gets a hint and those held
// back so far, and says which to pass on now and which to hold.
var manglings = map[string]func(r *rand.Rand, h news.Hint, held []news.Hint) (out, hold []news.Hint){
	"untouched": func(_ *rand.Rand, h news.Hint, _ []news.Hint) (out, hold []news.Hint) { return []news.Hint{h}, nil },
	"dropped": func(r *rand.Rand, h news.Hint, _ []news.Hint) (out, hold []news.Hint) {
		if r.IntN(2) == 0 {
			return nil, nil
		}
		return []news.Hint{h}, nil
	},
	"all dropped": func(*rand.Rand, news.Hint, []news.Hint) (out, hold []news.Hint) { return nil, nil },
	"doubled":     func(_ *rand.Rand, h news.Hint, _ []news.Hint) (out, hold []news.Hint) { return []news.Hint{h, h}, nil },
	"delayed and shuffled": func(r *rand.Rand, h news.Hint, held []news.Hint) (out, hold []news.Hint) {
		held = append(held, h)
		if len(held) < 5 {
			return nil, held
		}
		r.Shuffle(len(held), func(i, j int) { held[i], held[j] = held[j], held[i] })
		return held, nil
	},
	"emptied": func(_ *rand.Rand, h news.Hint, _ []news.Hint) (out, hold []news.Hint) {
		return []news.Hint{{Cursor: h.Cursor}}, nil
	},
	"from another life": func(r *rand.Rand, h news.Hint, _ []news.Hint) (out, hold []news.Hint) {
		return []news.Hint{{Cursor: news.Cursor{Epoch: news.NewEpoch(), Offset: r.Uint64N(50)}}, h, {}}, nil
	},
}

// Wake passes the log's hints through the mangling.
func (m mangled) Wake() (<-chan news.Hint, func()) {
	in, stop := m.Log.Wake()
	out, quit := make(chan news.Hint, 256), make(chan struct{})
	go func() {
		r := rand.New(rand.NewPCG(1, 2))
		var pass, held []news.Hint
		for {
			select {
			case <-quit:
				return
			case h := <-in:
				pass, held = m.mangle(r, h, held)
				for _, h := range pass {
					select {
					case out <- h:
					default:
					}
				}
			}
		}
	}()
	return out, func() { stop(); close(quit) }
}

// followed is everything that following l from a cursor gives up to offset to.
func followed(ctx context.Context, l news.Log, from news.Cursor, to uint64) ([]news.Entry, error) {
	var got []news.Entry
	enough := errors.New("enough")
	err := news.Follow(ctx, l, from, news.FollowOptions{Quiet: 20 * time.Millisecond, Batch: 7}, func(es []news.Entry) error {
		for _, e := range es {
			got = append(got, e.Clone())
		}
		if len(got) > 0 && got[len(got)-1].Offset >= to {
			return enough
		}
		return nil
	})
	if errors.Is(err, enough) {
		err = nil
	}
	return got, err
}

func testFollow(t *testing.T, s *store) {
	const before, appenders, each = 20, 4, 25
	const total = before + appenders*each
	ctx := t.Context()
	addItems(t, s.node(0), "n", before)
	epoch := must(s.node(0).Head(ctx))(t).Epoch
	type result struct {
		name string
		from news.Cursor
		got  []news.Entry
		err  error
	}
	results := make(chan result)
	n := 0
	for name, mangle := range manglings {
		for _, from := range []news.Cursor{{}, {Epoch: epoch}, {Epoch: epoch, Offset: 11}, {Epoch: epoch, Offset: before}} {
			l := mangled{s.node(n), mangle}
			n++
			go func() {
				got, err := followed(ctx, l, from, total)
				results <- result{name, from, got, err}
			}()
		}
	}
	together(appenders, func(i int) {
		for k := range each {
			if _, err := s.node(i).Append(ctx, news.Key{}, posted(fmt.Sprintf("n%d-%d", i, k))); err != nil {
				t.Errorf("append: %v", err)
			}
		}
	})
	log := wholeLog(t, s.node(0))
	for range n {
		r := <-results
		ok(t, r.err)
		equal(t, fmt.Sprintf("following from %q with hints %s", r.from, r.name), r.got, log[r.from.Offset:])
	}
}

// testDoorbell listens on every node. A hint may be lost, but a bell that
// none of ten rings comes through is none; and what a hint says is in the log
// by the time it comes.
func testDoorbell(t *testing.T, s *store) {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for i, e := range s.nodes {
		hints, stop := e.Wake()
		var last news.Cursor
		for k := range 10 {
			r := must(s.node(i+1).Append(ctx, news.Key{}, posted(fmt.Sprintf("n%d-%d", i, k))))(t)
			last = r.Cursor
		}
		select {
		case <-ctx.Done():
			t.Fatal("ten appends and no hint")
		case h := <-hints:
			if h.Cursor.Epoch != last.Epoch || h.Cursor.Offset == 0 || h.Cursor.Offset > last.Offset {
				t.Fatalf("the hint %+v while the log ends at %q", h, last)
			}
			there := must(e.Since(ctx, news.Cursor{Epoch: last.Epoch, Offset: h.Cursor.Offset - 1}, 1))(t)
			if h.Entry != nil {
				equal(t, "the hint's entry", *h.Entry, there[0])
			}
		}
		stop()
		stop() // twice is once
	}
}

// testDeafListener never reads its hints, and nobody waits for it.
func testDeafListener(t *testing.T, s *store) {
	_, stop := s.node(0).Wake()
	defer stop()
	together(8, func(i int) {
		for k := range 40 {
			if _, err := s.node(i).Append(t.Context(), news.Key{}, posted(fmt.Sprintf("n%d-%d", i, k))); err != nil {
				t.Errorf("append: %v", err)
			}
		}
	})
	equal(t, "entries", len(wholeLog(t, s.node(0))), 320)
}
