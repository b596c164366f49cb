package enginetest

import (
	"fmt"
	"sync/atomic"
	"testing"

	"crier/engine"
)

func testSecrets(t *testing.T, s *store) {
	ctx := t.Context()
	equal(t, "at first", must(s.node(0).Kept(ctx, engine.VAPID))(t) == nil, true)
	var created atomic.Int32
	together(10, func(i int) {
		_, made, err := s.node(i).Keep(ctx, engine.VAPID, fmt.Appendf(nil, "first %d", i))
		if err != nil {
			t.Errorf("keeping: %v", err)
		}
		if made {
			created.Add(1)
		}
	})
	equal(t, "times made", created.Load(), int32(1))
	first := must(s.node(1).Kept(ctx, engine.VAPID))(t)
	kept, made, err := s.node(0).Keep(ctx, engine.VAPID, []byte("late"))
	ok(t, err)
	equal(t, "kept", string(kept), string(first))
	equal(t, "made again", made, false)

	var replaced atomic.Int32
	together(10, func(i int) {
		done, err := s.node(i).Replace(ctx, engine.VAPID, first, fmt.Appendf(nil, "second %d", i))
		if err != nil {
			t.Errorf("replacing: %v", err)
		}
		if done {
			replaced.Add(1)
		}
	})
	equal(t, "times replaced", replaced.Load(), int32(1))
	for _, old := range [][]byte{first, nil} {
		equal(t, "replaced what is not kept", must(s.node(1).Replace(ctx, engine.VAPID, old, []byte("third")))(t), false)
	}
	s.close(t)
	s.open(t)
	equal(t, "kept in the end", string(must(s.node(0).Kept(ctx, engine.VAPID))(t)[:7]), "second ")
}
