package news_test

import (
	"cmp"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"crier/news"
)

// TestFrontIsTheFold holds the front against the plainest fold there is: the
// last entry of each item, newest item first, FrontSize of each sort.
func TestFrontIsTheFold(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var front news.Front
		last := map[uint64]news.Entry{}
		for offset := range uint64(rapid.IntRange(0, 300).Draw(t, "entries")) {
			offset++
			e := news.Entry{Offset: offset, First: offset, Kind: news.Posted}
			if len(last) > 0 && rapid.IntRange(0, 2).Draw(t, "revise") == 0 {
				firsts := sortedFirsts(last)
				e.First = rapid.SampledFrom(firsts).Draw(t, "first")
				e.Kind = news.Updated
				e.Item.Drill = last[e.First].Item.Drill
			} else {
				e.Item.Drill = rapid.IntRange(0, 4).Draw(t, "drill") == 0
			}
			e.Item.Topics = []string{"world"}
			if e.Item.Drill {
				e.Item.Topics = []string{news.DrillTopic}
			}
			last[e.First] = e
			front.Apply(e)
			front.Apply(e) // twice is as once
		}
		for _, topics := range [][]string{nil, {news.DrillTopic}} {
			var want []uint64
			firsts := sortedFirsts(last)
			slices.Reverse(firsts)
			for _, f := range firsts {
				if news.Wanted(topics, last[f].Item.Topics) && len(want) < news.FrontSize {
					want = append(want, last[f].Offset)
				}
			}
			var got []uint64
			for _, e := range front.Entries(topics) {
				got = append(got, e.Offset)
			}
			if !slices.Equal(got, want) {
				t.Fatalf("front of %v shows offsets %v, want %v", topics, got, want)
			}
		}
	})
}

func sortedFirsts(m map[uint64]news.Entry) []uint64 {
	var out []uint64
	for f := range m {
		out = append(out, f)
	}
	slices.SortFunc(out, cmp.Compare[uint64])
	return out
}

func TestFrontReset(t *testing.T) {
	entry := func(n uint64) news.Entry {
		return news.Entry{Offset: n, First: n, Item: news.Item{Topics: []string{"world"}}}
	}
	var front news.Front
	front.Apply(entry(1))
	s := news.Snapshot{Entries: []news.Entry{entry(9), entry(7)}}
	front.Reset(s)
	got := front.Entries(nil)
	if len(got) != 2 || got[0].Offset != 9 || got[1].Offset != 7 {
		t.Fatalf("after the reset: %+v", got)
	}
	got[0].Item.Topics[0] = "changed"
	s.Entries[1].Item.Topics[0] = "changed"
	for _, e := range front.Entries(nil) {
		if e.Item.Topics[0] != "world" {
			t.Error("the front shares memory with what it was made from or gave away")
		}
	}
}
