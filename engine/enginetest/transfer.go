package enginetest

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"reflect"
	"testing"
	"time"

	"crier/engine"
	"crier/news"
	"crier/push"
)

// Source is a store to move from.
type Source interface {
	engine.Exporter
	Close() error
}

// Target is a store to move to.
type Target interface {
	engine.Importer
	Close() error
}

// Place is how the suite reaches the stores of an engine to move them.
type Place struct {
	// Create is the address of where there is nothing yet.
	Create func(t testing.TB) (address string)
	Open   func(ctx context.Context, address string) (Engine, error)
	Source func(ctx context.Context, address string) (Source, error)
	Target func(ctx context.Context, address string) (Target, error)
}

// RunMove moves stores from one place to another, which may be of another
// engine, and holds what arrives to what was there.
func RunMove(t *testing.T, from, to Place) {
	for _, c := range []struct {
		name string
		test func(*testing.T, *journey)
	}{
		{"Everything", testMoveEverything},
		{"Empty", testMoveEmpty},
		{"Waiting", testMoveWaiting},
		{"Interrupted", testMoveInterrupted},
		{"Refused", testMoveRefused},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, &journey{from, to, from.Create(t), to.Create(t)}) })
	}
}

// journey is a move from one address to another.
type journey struct {
	from, to         Place
	source, arrivals string
}

// with opens a node at the address for as long as do takes.
func (p Place) with(t testing.TB, address string, do func(e Engine)) {
	t.Helper()
	e := must(p.Open(t.Context(), address))(t)
	defer func() { ok(t, e.Close()) }()
	do(e)
}

// move moves all, and the first records only where some is not negative.
func (j *journey) move(t testing.TB, some int) ([]engine.Count, error) {
	t.Helper()
	s := must(j.from.Source(t.Context(), j.source))(t)
	defer func() { ok(t, s.Close()) }()
	d := must(j.to.Target(t.Context(), j.arrivals))(t)
	defer func() { ok(t, d.Close()) }()
	var from engine.Exporter = s
	if some >= 0 {
		from = cutShort{s, some}
	}
	return engine.Move(t.Context(), from, d, engine.Options{Now: base})
}

var errCut = errors.New("cut short")

// cutShort is an export that fails after some records.
type cutShort struct {
	engine.Exporter
	some int
}

// Export implements engine.Exporter.
func (c cutShort) Export(ctx context.Context, at time.Time) iter.Seq2[engine.Record, error] {
	return engine.Records(func(put func(engine.Record) error) error {
		n := 0
		for r, err := range c.Exporter.Export(ctx, at) {
			if n++; n > c.some {
				return errCut
			}
			if err == nil {
				err = put(r)
			}
			if err != nil {
				return err
			}
		}
		return errCut
	})
}

// records is all that is exported from the address.
func (p Place) records(t testing.TB, address string) (out []engine.Record) {
	t.Helper()
	s := must(p.Source(t.Context(), address))(t)
	defer func() { ok(t, s.Close()) }()
	for r, err := range s.Export(t.Context(), base) {
		ok(t, err)
		out = append(out, r)
	}
	return out
}

// sameRecords fails the test at the first difference.
func sameRecords(t testing.TB, what string, got, want []engine.Record) {
	t.Helper()
	for i := range min(len(got), len(want)) {
		if !reflect.DeepEqual(got[i], want[i]) {
			t.Fatalf("%s: record %d\n got %s\nwant %s", what, i, show(got[i]), show(want[i]))
		}
	}
	equal(t, what+": records", len(got), len(want))
}

func testMoveEverything(t *testing.T, j *journey) {
	var m moved
	var before state
	j.from.with(t, j.source, func(e Engine) {
		m = settle(t, e)
		before = look(t, e)
	})
	sent := j.from.records(t, j.source)
	counts := must(j.move(t, -1))(t)
	total := 0
	for _, c := range counts {
		total += int(c.Copied)
		if c.Copied == 0 && c.Kind != engine.KindSecret || c.Copied != c.Verified {
			t.Errorf("%s: %d copied, %d verified", c.Kind, c.Copied, c.Verified)
		}
	}
	equal(t, "records copied", total, len(sent))
	sameRecords(t, "arrived", j.to.records(t, j.arrivals), sent)
	sameRecords(t, "left", j.from.records(t, j.source), sent)

	// From here on the two do the same, except that no lease is in force in
	// the one that was moved.
	var there, here []any
	j.to.with(t, j.arrivals, func(e Engine) {
		equal(t, "the store", look(t, e), before)
		there = goOn(t, e, m)
	})
	j.from.with(t, j.source, func(e Engine) { here = goOn(t, e, m) })
	for i := range min(len(there), len(here)) { // step by step, for a message that can be read
		equal(t, fmt.Sprintf("what happened, at step %d", i), there[i], here[i])
	}
	equal(t, "steps", len(there), len(here))
}

// testMoveEmpty moves a store in which nothing has happened.
func testMoveEmpty(t *testing.T, j *journey) {
	var head news.Cursor
	j.from.with(t, j.source, func(e Engine) {
		head = must(e.Head(t.Context()))(t)
		subscribe(t, e, 0, 3) // before there was any campaign
	})
	must(j.move(t, -1))(t)
	j.to.with(t, j.arrivals, func(e Engine) {
		equal(t, "head", must(e.Head(t.Context()))(t), head)
		open(t, e, posted("na"))
		w := newWalker(e, "w", 9, func(push.Lease, push.Delivery) fate { return accept })
		ok(t, w.finish(t.Context(), base))
		equal(t, "notified", len(w.tries), 3)
	})
}

// testMoveWaiting moves a store that only waits for retries: it still knows
// for how long.
func testMoveWaiting(t *testing.T, j *journey) {
	j.from.with(t, j.source, func(e Engine) {
		neighbours(t, e, 3)
		open(t, e, posted("na"))
		l := claim(t, e, "w", base)
		prog := progress(must(e.Deliveries(t.Context(), l, base, 9))(t), l, always(retry), base)
		for i := range prog.Retries {
			prog.Retries[i].Due = later(300 - 10*i)
		}
		must(e.Checkpoint(t.Context(), l, prog))(t)
	})
	must(j.move(t, -1))(t)
	j.to.with(t, j.arrivals, func(e Engine) {
		equal(t, "work is due", must(e.NextDue(t.Context(), base))(t), later(280))
		idle(t, e, later(279))
		claim(t, e, "w", later(280))
	})
}

// testMoveInterrupted ends moves after every so many records.
func testMoveInterrupted(t *testing.T, j *journey) {
	j.from.with(t, j.source, func(e Engine) { settle(t, e) })
	all := j.from.records(t, j.source)
	for some := 0; some <= len(all); some += max(1, len(all)/7) {
		if _, err := j.move(t, some); !errors.Is(err, errCut) {
			t.Fatalf("a move that was cut short after %d records: %v", some, err)
		}
		for range 2 {
			if e, err := j.to.Open(t.Context(), j.arrivals); !errors.Is(err, engine.ErrHalfMoved) {
				t.Fatalf("opening half a move: %v, %v", e, err)
			}
		}
		if s, err := j.to.Source(t.Context(), j.arrivals); !errors.Is(err, engine.ErrHalfMoved) {
			t.Fatalf("moving half a move on: %v, %v", s, err)
		}
	}
	must(j.move(t, -1))(t)
	sameRecords(t, "arrived", j.to.records(t, j.arrivals), all)
}

func testMoveRefused(t *testing.T, j *journey) {
	ctx := t.Context()
	if s, err := j.from.Source(ctx, j.source); !errors.Is(err, engine.ErrNothing) {
		t.Fatalf("moving nothing: %v, %v", s, err)
	}
	j.from.with(t, j.source, func(Engine) {
		if s, err := j.from.Source(ctx, j.source); !errors.Is(err, engine.ErrInUse) {
			t.Fatalf("moving what is in use: %v, %v", s, err)
		}
	})
	j.to.with(t, j.arrivals, func(Engine) {
		if d, err := j.to.Target(ctx, j.arrivals); !errors.Is(err, engine.ErrInUse) {
			t.Fatalf("moving to what is in use: %v, %v", d, err)
		}
	})
	if d, err := j.to.Target(ctx, j.arrivals); !errors.Is(err, engine.ErrNotEmpty) {
		t.Fatalf("moving to what is not empty: %v, %v", d, err)
	}
	j.to.with(t, j.arrivals, func(e Engine) { add(t, e, posted("na")) }) // which left it as it was
}
