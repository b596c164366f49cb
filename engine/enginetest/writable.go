package enginetest

import (
	"errors"
	"testing"

	"crier/news"
)

// testWritable: asking whether an append would be taken appends nothing, and
// a closed engine takes none.
func testWritable(t *testing.T, s *store) {
	add(t, s.node(0), posted("na"))
	for _, e := range s.nodes {
		ok(t, e.Writable(t.Context()))
	}
	before := look(t, s.node(0))
	for _, e := range s.nodes {
		ok(t, e.Writable(t.Context()))
	}
	equal(t, "the store", look(t, s.node(0)), before)
	closed := s.nodes
	s.close(t)
	for _, e := range closed {
		if err := e.Writable(t.Context()); !errors.Is(err, news.ErrUnavailable) {
			t.Errorf("a closed engine is writable: %v", err)
		}
	}
}
