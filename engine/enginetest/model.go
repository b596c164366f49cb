package enginetest

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"crier/news"
)

// model is what the log ought to be: a slice.
type model struct {
	t       *rapid.T
	s       *store
	epoch   string
	log     []news.Entry
	floor   uint64 // entries up to here have been trimmed
	items   map[string]news.Item
	ids     []string
	appends []appended // with a key
}

type appended struct {
	key     news.Key
	draft   news.Draft
	receipt news.Receipt
}

// testModel runs random operations against an engine and a slice. A failure
// is shrunk to the fewest operations that still fail.
func testModel(t *testing.T, h Harness) {
	rapid.Check(t, func(rt *rapid.T) {
		s := &store{h: h, address: h.Create(t)}
		s.open(t)
		defer s.close(t)
		head, err := s.node(0).Head(context.Background())
		if err != nil {
			rt.Fatal(err)
		}
		m := &model{t: rt, s: s, epoch: head.Epoch, items: map[string]news.Item{}}
		rt.Repeat(map[string]func(*rapid.T){
			"post":    func(*rapid.T) { m.post() },
			"revise":  func(*rapid.T) { m.revise() },
			"stale":   func(*rapid.T) { m.stale() },
			"replay":  func(*rapid.T) { m.replay() },
			"misuse":  func(*rapid.T) { m.misuse() },
			"since":   func(*rapid.T) { m.since() },
			"front":   func(*rapid.T) { m.front() },
			"items":   func(*rapid.T) { m.list() },
			"trim":    func(*rapid.T) { m.trim() },
			"reopen":  func(*rapid.T) { m.s.close(t); m.s.open(t) },
			"":        func(*rapid.T) { m.head() },
			"foreign": func(*rapid.T) { m.foreign() },
		})
	})
}

func (m *model) number(name string, low, high int) int {
	return rapid.IntRange(low, high).Draw(m.t, name)
}

func (m *model) node() Engine { return m.s.node(m.number("node", 0, len(m.s.nodes)-1)) }

func (m *model) same(what string, got, want any) {
	m.t.Helper()
	if !reflect.DeepEqual(got, want) {
		m.t.Fatalf("%s:\n got %s\nwant %s", what, show(got), show(want))
	}
}

func (m *model) fine(err error) {
	m.t.Helper()
	if err != nil {
		m.t.Fatalf("unexpected error: %v", err)
	}
}

func (m *model) refused(err, want error) {
	m.t.Helper()
	if !errors.Is(err, want) {
		m.t.Fatalf("got the error %v, want %v", err, want)
	}
}

// some is one of the items, and false if there are none.
func (m *model) some() (news.Item, bool) {
	if len(m.ids) == 0 {
		return news.Item{}, false
	}
	return m.items[m.ids[m.number("item", 0, len(m.ids)-1)]], true
}

func (m *model) append(d news.Draft, first uint64) {
	m.t.Helper()
	var key news.Key
	if rapid.Bool().Draw(m.t, "with a key") {
		key = keyed(fmt.Sprint("k", len(m.appends)), "body")
	}
	want := entry(d, uint64(len(m.log)+1), first)
	r, err := m.node().Append(context.Background(), key, d)
	m.fine(err)
	m.same("receipt", r, news.Receipt{Entry: want, Cursor: news.Cursor{Epoch: m.epoch, Offset: want.Offset}})
	m.log = append(m.log, want)
	m.items[d.Item.ID] = want.Item
	if key.Value != "" {
		m.appends = append(m.appends, appended{key, d, r})
	}
}

func (m *model) post() {
	d := posted(fmt.Sprint("n", len(m.ids)))
	if rapid.Bool().Draw(m.t, "drill") {
		d = drill(d.Item.ID)
	}
	d.Item.Story = fmt.Sprint("s", m.number("story", 0, 3))
	m.ids = append(m.ids, d.Item.ID)
	m.append(d, uint64(len(m.log)+1))
}

// next is a revision of a random item, and its place.
func (m *model) next() (d news.Draft, first uint64, found bool) {
	it, found := m.some()
	if !found {
		return d, 0, false
	}
	d = revised(it.ID, it.Version, rapid.SampledFrom(news.Kinds()[1:]).Draw(m.t, "kind"))
	d.Item.Drill, d.Item.Topics, d.Item.Story = it.Drill, it.Topics, it.Story
	for _, e := range m.log {
		if e.Item.ID == it.ID {
			return d, e.First, true
		}
	}
	return d, 0, false
}

func (m *model) revise() {
	if d, first, found := m.next(); found {
		m.append(d, first)
	}
}

func (m *model) stale() {
	d, _, found := m.next()
	if !found {
		d = revised("n-none", 1, news.Updated)
		_, err := m.node().Append(context.Background(), news.Key{}, d)
		m.refused(err, news.ErrNoItem)
		return
	}
	d.Item.Version += rapid.SampledFrom([]int{-1, 1, 7}).Draw(m.t, "off by")
	_, err := m.node().Append(context.Background(), keyed("stale", "body"), d)
	m.refused(err, news.ErrConflict)
}

func (m *model) replay() {
	if len(m.appends) == 0 {
		return
	}
	a := m.appends[m.number("append", 0, len(m.appends)-1)]
	r, err := m.node().Append(context.Background(), a.key, a.draft)
	m.fine(err)
	a.receipt.Replayed = true
	m.same("replay", r, a.receipt)
}

func (m *model) misuse() {
	if len(m.appends) == 0 {
		return
	}
	a := m.appends[m.number("append", 0, len(m.appends)-1)]
	_, err := m.node().Append(context.Background(), keyed(a.key.Value, "another body"), posted("n-new"))
	m.refused(err, news.ErrKeyReused)
}

func (m *model) since() {
	from := news.Cursor{Epoch: m.epoch, Offset: uint64(m.number("from", 0, len(m.log)+2))}
	limit := m.number("limit", 1, len(m.log)+1)
	if from.Offset == 0 && rapid.Bool().Draw(m.t, "zero cursor") {
		from = news.Cursor{}
	}
	got, err := m.node().Since(context.Background(), from, limit)
	if from.Offset < m.floor || from.Offset > uint64(len(m.log)) {
		m.refused(err, news.ErrCursorLost)
		return
	}
	m.fine(err)
	want := m.log[from.Offset:]
	want = want[:min(limit, len(want))]
	if len(got) != len(want) || len(got) > 0 {
		m.same("entries", got, want)
	}
}

func (m *model) foreign() {
	_, err := m.node().Since(context.Background(), news.Cursor{Epoch: "e0", Offset: uint64(m.number("from", 0, 3))}, 1)
	m.refused(err, news.ErrCursorLost)
}

func (m *model) front() {
	n := m.number("size", 1, 8)
	got, err := m.node().Front(context.Background(), n)
	m.fine(err)
	m.same("front", got, news.Snapshot{Cursor: news.Cursor{Epoch: m.epoch, Offset: uint64(len(m.log))}, Entries: fold(m.log, n)})
}

func (m *model) list() {
	q := news.Query{Limit: m.number("limit", 1, 8), Before: uint64(m.number("before", 0, len(m.log)+1))}
	if rapid.Bool().Draw(m.t, "of a story") {
		q.Story = fmt.Sprint("s", m.number("story", 0, 4))
	}
	var want []news.Entry
	for _, e := range fold(m.log, len(m.log)) {
		if (q.Story == "" || e.Item.Story == q.Story) && (q.Before == 0 || e.First < q.Before) && len(want) < q.Limit {
			want = append(want, e)
		}
	}
	got, err := m.node().Items(context.Background(), q)
	m.fine(err)
	m.same("items", got, want)
	if it, found := m.some(); found {
		e, err := m.node().Item(context.Background(), it.ID)
		m.fine(err)
		m.same("item", e.Item, it)
	}
}

func (m *model) trim() {
	keep := m.number("keep", 0, len(m.log)+1)
	n, err := m.node().Trim(context.Background(), keep, 0)
	m.fine(err)
	m.floor += uint64(n)
	if n > 0 && m.floor > uint64(len(m.log)-keep) {
		m.t.Fatalf("%d entries were trimmed where the last %d of %d were to be kept", m.floor, keep, len(m.log))
	}
}

func (m *model) head() {
	got, err := m.s.node(0).Head(context.Background())
	m.fine(err)
	m.same("head", got, news.Cursor{Epoch: m.epoch, Offset: uint64(len(m.log))})
}
