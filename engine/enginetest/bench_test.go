package enginetest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"text/tabwriter"
	"time"

	"crier/news"
	"crier/push"
)

// BenchmarkEngines measures both engines side by side, in one run, and prints
// a table with the ratio of the second to the first.
func BenchmarkEngines(b *testing.B) {
	t := table{}
	for _, m := range []struct {
		name    string
		measure func(*testing.B, *benched, figures)
	}{
		{"append", benchAppend},
		{"append, 128 callers", benchAppendTogether},
		{"hint", benchHint},
		{"campaign", benchCampaign},
		{"items", benchItems},
	} {
		for _, e := range benchedEngines {
			b.Run(m.name+"/"+e.name, func(b *testing.B) {
				m.measure(b, e.create(b), func(what string, v float64) { t.add(what, e.name, v) })
				b.ReportMetric(0, "ns/op") // what counts is in the table
			})
		}
	}
	fmt.Print("\n", t.String(), "\n") // the log of a benchmark with parts is not shown
}

// figures takes what was measured: what it is, with its unit, and how much.
type figures func(what string, v float64)

// table is figures by name, with one column for each engine.
type table struct {
	rows    []string
	columns []string
	cells   map[[2]string]float64
}

func (t *table) add(row, column string, v float64) {
	if t.cells == nil {
		t.cells = map[[2]string]float64{}
	}
	if !slices.Contains(t.rows, row) {
		t.rows = append(t.rows, row)
	}
	if !slices.Contains(t.columns, column) {
		t.columns = append(t.columns, column)
	}
	t.cells[[2]string{row, column}] = v
}

func (t *table) String() string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 8, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "\t"+strings.Join(t.columns, "\t")+"\tratio\t")
	for _, row := range t.rows {
		fmt.Fprint(w, row, "\t")
		for _, c := range t.columns {
			fmt.Fprintf(w, "%.4g\t", t.cells[[2]string{row, c}])
		}
		first, last := t.cells[[2]string{row, t.columns[0]}], t.cells[[2]string{row, t.columns[len(t.columns)-1]}]
		fmt.Fprintf(w, "%.2f\t\n", last/first)
	}
	_ = w.Flush() // to memory
	return b.String()
}

// quantile is the q-th of took, in microseconds.
func quantile(took []time.Duration, q float64) float64 {
	slices.Sort(took)
	return float64(took[int(q*float64(len(took)-1))].Nanoseconds()) / 1e3
}

// benchAppend is one editor after another: each append is durable when it is
// acknowledged.
func benchAppend(b *testing.B, e *benched, say figures) {
	node := e.open(b)
	var took []time.Duration
	for i := 0; b.Loop(); i++ {
		began := time.Now()
		must(node.Append(b.Context(), keyed(fmt.Sprint("k", i), "body"), posted(fmt.Sprint("n", i))))(b)
		took = append(took, time.Since(began))
	}
	say("append p50, µs", quantile(took, 0.50))
	say("append p99, µs", quantile(took, 0.99))
}

// benchAppendTogether is many editors at once: they share syncs.
func benchAppendTogether(b *testing.B, e *benched, say figures) {
	const callers, each = 128, 20
	node := e.open(b)
	var mu sync.Mutex
	var took []time.Duration
	var all time.Duration
	for round := 0; b.Loop(); round++ {
		start := time.Now()
		together(callers, func(k int) {
			for i := range each {
				name := fmt.Sprint(round, "-", k, "-", i)
				began := time.Now()
				_, err := node.Append(b.Context(), keyed(name, "body"), posted("n"+name))
				mu.Lock()
				took = append(took, time.Since(began))
				mu.Unlock()
				if err != nil {
					b.Error(err)
					return
				}
			}
		})
		all += time.Since(start)
	}
	say("appends/s, 128 callers", float64(len(took))/all.Seconds())
	say("append p99 among 128, µs", quantile(took, 0.99))
}

// benchHint is from the call of Append to the entry's hint, on another node if
// there can be one.
func benchHint(b *testing.B, e *benched, say figures) {
	node, other := e.open(b), e.open(b)
	hints, stop := other.Wake()
	defer stop()
	var took []time.Duration
	for i := 0; b.Loop(); i++ {
		began := time.Now()
		r := must(node.Append(b.Context(), news.Key{}, posted(fmt.Sprint("n", i))))(b)
		for h := range hints {
			if h.Cursor == r.Cursor {
				break
			}
		}
		took = append(took, time.Since(began))
	}
	say("append to hint p50, µs", quantile(took, 0.50))
	say("append to hint p99, µs", quantile(took, 0.99))
}

// benchCampaign opens campaigns over 100,000 subscriptions and walks them with
// four workers, in pages as push has them.
func benchCampaign(b *testing.B, e *benched, say figures) {
	const subscriptions, page, workers = 100_000, 256, 4
	before := e.size(b)
	e.hasty(b, func(node Engine) {
		together(64, func(k int) {
			for i := k; i < subscriptions; i += 64 {
				if _, err := node.PutSubscription(b.Context(), subscriber(i)); err != nil {
					b.Error(err)
					return
				}
			}
		})
	})
	say("bytes/subscription", float64(e.size(b)-before)/subscriptions)

	nodes := []Engine{e.open(b), e.open(b)}
	var opening []time.Duration
	var walking time.Duration
	n := 0
	for ; b.Loop(); n++ {
		r := must(nodes[0].Append(b.Context(), news.Key{}, posted(fmt.Sprint("n", n))))(b)
		began := time.Now()
		ok(b, nodes[0].OpenCampaigns(b.Context(), r.Cursor, []push.Campaign{campaign(r.Cursor.Epoch, r.Entry)}))
		opened := time.Now()
		opening = append(opening, opened.Sub(began))
		together(workers, func(k int) {
			if err := walk(b.Context(), nodes[k%2], page); err != nil {
				b.Error(err)
			}
		})
		walking += time.Since(opened)
		report := must(nodes[1].Report(b.Context(), r.Entry.Item.ID))(b)
		if !report.Done || report.Tally.Accepted != subscriptions {
			b.Fatalf("report: %+v", report.Tally)
		}
	}
	say("opening a campaign p50, µs", quantile(opening, 0.50))
	say("subscriptions scanned/s", float64(n*subscriptions)/walking.Seconds())
}

// walk works off all that there is, accepting everything.
func walk(ctx context.Context, e Engine, page int) error {
	for {
		l, found, err := e.Claim(ctx, push.Worker{Name: "w"}, base, leaseFor)
		if err != nil || !found {
			return err
		}
		for done := false; !done; {
			p, err := e.Deliveries(ctx, l, base, page)
			if err != nil {
				return err
			}
			n := int64(len(p.Deliveries))
			st, err := e.Checkpoint(ctx, l, push.Progress{Cursor: p.Cursor, Scanned: p.Scanned, Ends: l.Ends,
				Tally: push.Tally{Audience: n, Accepted: n, AcceptedAt: map[int]int64{1: n}}})
			if err != nil {
				return err
			}
			done = st.Done
		}
	}
}

// benchItems tells what an item of two versions takes once idempotency keys
// have aged.
func benchItems(b *testing.B, e *benched, say figures) {
	const each = 1000
	before, rounds := e.size(b), 0
	for ; b.Loop(); rounds++ {
		e.hasty(b, func(node Engine) {
			together(32, func(k int) {
				for i := k; i < each; i += 32 {
					d := posted(fmt.Sprint("n", rounds, "-", i))
					d.Item.Summary = strings.Repeat("A sentence of the summary. ", 8)
					_, err := node.Append(b.Context(), news.Key{}, d)
					if err == nil {
						d.Kind, d.Item.Version = news.Updated, 2
						_, err = node.Append(b.Context(), news.Key{}, d)
					}
					if err != nil {
						b.Error(err)
						return
					}
				}
			})
		})
	}
	say("bytes/item of two versions", float64(e.size(b)-e.transient(b)-before)/float64(rounds*each))
}
