package chaos

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"crier/news"
)

// verdict is what a reader's history, held against the log, shows.
type verdict struct {
	missing, repeated []uint64 // offsets
	disordered        int      // entries that came after a later one
	resets            int
	wrong             []string // what was not true
}

func (v *verdict) blame(format string, args ...any) {
	if len(v.wrong) < 5 { // enough to go by
		v.wrong = append(v.wrong, fmt.Sprintf(format, args...))
	}
}

// judge holds a history that began at from against the log, all of which is of
// one epoch and begins with offset 1.
func judge(history []*message, from news.Cursor, log []news.Entry, epoch string) (v verdict) {
	at, had := from, from.Offset // what lies up to had, the reader had or was spared
	seen := map[uint64]bool{}
	var shown news.Front
	for _, m := range history {
		switch m.Type {
		case "hello", "beat":
			if m.Cursor != at {
				v.blame("%s says %s at %s", m.Type, m.Cursor, at)
			}
		case "reset":
			v.missing = append(v.missing, holes(seen, had, at.Offset)...)
			v.resets++
			at, had, seen = m.Cursor, m.Cursor.Offset, map[uint64]bool{}
			shown.Reset(news.Snapshot{Cursor: m.Cursor, Entries: m.Front})
		case "entry":
			n := m.Cursor.Offset
			switch {
			case m.Cursor.Epoch != at.Epoch || n != m.Entry.Offset:
				v.blame("entry %d came at %s after %s", m.Entry.Offset, m.Cursor, at)
			case seen[n] || n <= had:
				v.repeated = append(v.repeated, n)
			case n < at.Offset:
				v.disordered++
			}
			seen[n] = true
			at.Offset = max(at.Offset, n)
			shown.Apply(m.Entry)
			if at.Epoch == epoch && (n > uint64(len(log)) || !same(log[n-1], m.Entry)) {
				v.blame("entry %d is not the log's", n)
			}
		default:
			v.blame("message of the type %q", m.Type)
		}
	}
	if at.Epoch != epoch {
		v.blame("the reader ended in the epoch %s, the log is in %s", at.Epoch, epoch)
		return v
	}
	v.missing = append(v.missing, holes(seen, had, uint64(len(log)))...)
	if v.resets > 0 && !sameFront(shown.Entries(nil), fold(log)) {
		v.blame("what the last reset and the entries after it show is not what the log folds to")
	}
	return v
}

// holes is the offsets after from, up to to, that are not in seen.
func holes(seen map[uint64]bool, from, to uint64) (out []uint64) {
	for n := from + 1; n <= to; n++ {
		if !seen[n] {
			out = append(out, n)
		}
	}
	return out
}

// same compares what identifies an entry and what readers read of it.
func same(a, b news.Entry) bool {
	return a.Offset == b.Offset && a.First == b.First && a.Kind == b.Kind && a.Item.ID == b.Item.ID &&
		a.Item.Version == b.Item.Version && a.Item.Headline == b.Item.Headline && a.Item.RevisedAt.Equal(b.Item.RevisedAt)
}

// fold is the front that a log makes.
func fold(log []news.Entry) []news.Entry {
	var f news.Front
	for _, e := range log {
		f.Apply(e)
	}
	return f.Entries(nil)
}

func sameFront(a, b []news.Entry) bool {
	x, err := json.Marshal(a)
	y, err2 := json.Marshal(b)
	return err == nil && err2 == nil && slices.Equal(x, y)
}

// account holds what the newsroom was answered against the log. Only if
// acknowledged entries may be lost need they not be there.
func account(tasks []*task, log []news.Entry, loses bool) (wrong []string) {
	blame := func(k *task, format string, args ...any) {
		wrong = append(wrong, fmt.Sprintf("task %d (%d tries, %d refused, unknown %v): ", k.number, k.tries, k.refused, k.unknown)+fmt.Sprintf(format, args...))
	}
	kept := map[int][]news.Entry{}
	for _, e := range log {
		kept[numberOf(e)] = append(kept[numberOf(e)], e)
	}
	for _, k := range tasks {
		in := kept[k.number]
		delete(kept, k.number)
		switch {
		case k.fault != "":
			blame(k, "%s", k.fault)
		case k.void && !loses:
			blame(k, "the item that it revises is not as it was")
		case k.acked.IsZero() && len(in) > 0:
			blame(k, "refused, but in the log at %d", in[0].Offset)
		case k.acked.IsZero():
		case loses && len(in) == 0:
		case len(in) != 1:
			blame(k, "acknowledged at %s, and %d times in the log", k.cursor, len(in))
		case in[0].Offset != k.cursor.Offset || !same(in[0], k.entry):
			blame(k, "acknowledged at %s, and in the log at %d", k.cursor, in[0].Offset)
		}
	}
	for n, in := range kept {
		wrong = append(wrong, fmt.Sprintf("entry %d of the log, number %d, is of nobody", in[0].Offset, n))
	}
	return wrong
}

// TestJudge: the checker finds what it is there to find.
func TestJudge(t *testing.T) {
	const epoch = "e1"
	entry := func(n uint64) news.Entry {
		return news.Entry{Offset: n, First: n, Item: news.Item{ID: fmt.Sprint("n", n)}}
	}
	var log []news.Entry
	for n := range uint64(5) {
		log = append(log, entry(n+1))
	}
	at := func(n uint64) news.Cursor { return news.Cursor{Epoch: epoch, Offset: n} }
	told := func(kind string, n uint64) *message {
		m := &message{Type: kind, Cursor: at(n)}
		switch kind {
		case "entry":
			m.Entry = entry(n)
		case "reset":
			m.Front = fold(log[:n])
		}
		return m
	}
	old := &message{Type: "entry", Cursor: news.Cursor{Epoch: "e0", Offset: 1}, Entry: entry(1)}
	foreign := told("entry", 2)
	foreign.Entry.Item.ID = "another"
	short := told("reset", 4)
	short.Front = short.Front[1:]
	for name, c := range map[string]struct {
		from    news.Cursor
		history []*message
		want    string // missing, repeated, disordered, resets, wrong
	}{
		"all":         {at(2), []*message{told("hello", 2), told("entry", 3), told("beat", 3), told("entry", 4), told("hello", 4), told("entry", 5)}, "[] [] 0 0 0"},
		"missing":     {at(2), []*message{told("entry", 3), told("entry", 5)}, "[4] [] 0 0 0"},
		"the last":    {at(2), []*message{told("entry", 3), told("entry", 4)}, "[5] [] 0 0 0"},
		"repeated":    {at(3), []*message{told("entry", 4), told("entry", 4), told("entry", 5)}, "[] [4] 0 0 0"},
		"had before":  {at(3), []*message{told("entry", 3), told("entry", 4), told("entry", 5)}, "[] [3] 0 0 0"},
		"disordered":  {at(2), []*message{told("entry", 3), told("entry", 5), told("entry", 4)}, "[] [] 1 0 0"},
		"false hello": {at(4), []*message{told("hello", 3), told("entry", 5)}, "[] [] 0 0 1"},
		"foreign":     {at(1), []*message{foreign, told("entry", 3), told("entry", 4), told("entry", 5)}, "[] [] 0 0 1"},
		"reset":       {news.Cursor{Epoch: "e0"}, []*message{old, told("reset", 4), told("entry", 5)}, "[] [] 0 1 0"},
		"false reset": {news.Cursor{Epoch: "e0"}, []*message{old, short, told("entry", 5)}, "[] [] 0 1 1"},
		"not told":    {news.Cursor{Epoch: "e0"}, []*message{old}, "[] [] 0 0 1"},
		"no reset":    {news.Cursor{Epoch: "e0"}, []*message{old, told("entry", 5)}, "[] [] 0 0 2"},
	} {
		v := judge(c.history, c.from, log, epoch)
		if got := fmt.Sprint(v.missing, v.repeated, v.disordered, v.resets, len(v.wrong)); got != c.want {
			t.Errorf("%s: %s, want %s: %q", name, got, c.want, v.wrong)
		}
	}
}

// TestAccount: so does the one of the newsroom's answers.
func TestAccount(t *testing.T) {
	entry := func(n uint64, number int) news.Entry {
		return news.Entry{Offset: n, First: n, Kind: news.Posted, Item: news.Item{ID: fmt.Sprint("n", n), Headline: "Flood" + tag(number)}}
	}
	acked := func(n uint64, number int) *task {
		return &task{number: number, acked: time.Now(), entry: entry(n, number), cursor: news.Cursor{Epoch: "e1", Offset: n}}
	}
	refused := func(number int) *task { return &task{number: number, refused: 1} }
	log := []news.Entry{entry(1, 7), entry(2, 8)}
	for name, c := range map[string]struct {
		tasks []*task
		log   []news.Entry
		loses bool
		wrong int
	}{
		"all":              {[]*task{acked(1, 7), acked(2, 8), refused(9)}, log, false, 0},
		"lost":             {[]*task{acked(1, 7), acked(2, 8), acked(3, 9)}, log, false, 1},
		"may be lost":      {[]*task{acked(1, 7), acked(2, 8), acked(3, 9)}, log, true, 0},
		"elsewhere":        {[]*task{acked(1, 8), acked(2, 7)}, log, false, 2},
		"twice":            {[]*task{acked(1, 7), acked(2, 8)}, append(log, entry(3, 8)), true, 1},
		"refused and kept": {[]*task{acked(1, 7), refused(8)}, log, true, 1},
		"nobody's":         {[]*task{acked(1, 7)}, log, true, 1},
		"fault":            {[]*task{acked(1, 7), acked(2, 8), {number: 9, fault: "500"}}, log, true, 1},
		"void":             {[]*task{acked(1, 7), acked(2, 8), {number: 9, void: true}}, log, false, 1},
	} {
		if wrong := account(c.tasks, c.log, c.loses); len(wrong) != c.wrong {
			t.Errorf("%s: %q, want %d", name, wrong, c.wrong)
		}
	}
}
