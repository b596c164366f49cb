package news

import (
	"cmp"
	"slices"
)

// FrontSize is how many live items, and how many drills, the front shows.
const FrontSize = 60

// Front is the fold of the log: the last entry of the newest items. Its zero
// value is an empty front of FrontSize. It is not safe for concurrent use.
type Front struct {
	entries []Entry // newest item first
}

// Reset makes the front what s says.
func (f *Front) Reset(s Snapshot) {
	f.entries = f.entries[:0]
	for _, e := range s.Entries {
		f.Apply(e)
	}
}

// Apply folds e in: an entry of an item that is shown replaces it in its
// place, an item's first entry comes on top, and what falls off the end is
// forgotten. An entry older than the one shown changes nothing.
func (f *Front) Apply(e Entry) {
	i, found := slices.BinarySearchFunc(f.entries, e.First, func(have Entry, first uint64) int {
		return cmp.Compare(first, have.First)
	})
	if found {
		if f.entries[i].Offset < e.Offset {
			f.entries[i] = e.Clone()
		}
		return
	}
	f.entries = slices.Insert(f.entries, i, e.Clone())
	f.trim(e.Item.Drill)
}

// trim drops the oldest item of the sort if there are more than FrontSize.
func (f *Front) trim(drill bool) {
	n, last := 0, -1
	for i, e := range f.entries {
		if e.Item.Drill == drill {
			n, last = n+1, i
		}
	}
	if n > FrontSize {
		f.entries = slices.Delete(f.entries, last, last+1)
	}
}

// Entries is what a reader of topics sees (see [Item.WantedBy]), newest item first.
// The result shares no memory with f.
func (f *Front) Entries(topics []string) []Entry {
	out := make([]Entry, 0, len(f.entries))
	for _, e := range f.entries {
		if e.Item.WantedBy(topics) {
			out = append(out, e.Clone())
		}
	}
	return out
}
