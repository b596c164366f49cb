package redis

import (
	"errors"
	"strings"
	"testing"

	"crier/engine/redis/redistest"
	"crier/news"
	"crier/push"
)

// TestNotWritable: what keeps the server from taking an append is found
// without one, and said with its mend.
func TestNotWritable(t *testing.T) {
	s := redistest.Start(t)
	e := openTest(t, s.URL(), Options{})
	mustAppend(t, e, news.Key{}, testDraft("n1"))
	for _, c := range []struct {
		name     string
		do, undo []any
		err      error
		says     string
	}{
		{"no memory", []any{"CONFIG", "SET", "maxmemory", "1"}, []any{"CONFIG", "SET", "maxmemory", "0"}, news.ErrUnavailable, "raise that, or keep less of the log"},
		{"a replica", []any{"REPLICAOF", "127.0.0.1", "1"}, []any{"REPLICAOF", "NO", "ONE"}, news.ErrUnavailable, "give the address of its master"},
		{"replicas are wanted", []any{"CONFIG", "SET", "min-replicas-to-write", "1"}, []any{"CONFIG", "SET", "min-replicas-to-write", "0"}, news.ErrUnavailable, "min-replicas-to-write"},
		{"a newer Crier has come", []any{"HSET", e.keys.log, "schema", schema + 1}, []any{"HSET", e.keys.log, "schema", schema}, ErrNewer, "run that one"},
	} {
		s.Say(t, c.do...)
		if err := e.Writable(t.Context()); !errors.Is(err, c.err) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", c.name, err)
		}
		s.Say(t, c.undo...)
		if err := e.Writable(t.Context()); err != nil {
			t.Errorf("%s, and then not any more: %v", c.name, err)
		}
	}
}

// TestNewerComes: once a newer Crier has changed the layout, this one neither
// reads nor writes any of it.
func TestNewerComes(t *testing.T) {
	s := redistest.Start(t)
	e := openTest(t, s.URL(), Options{})
	mustAppend(t, e, news.Key{}, testDraft("n1"))
	s.Say(t, "HSET", e.keys.log, "schema", schema+1)
	for name, do := range map[string]func() error{
		"append":    func() error { _, err := e.Append(t.Context(), news.Key{}, testDraft("n2")); return err },
		"since":     func() error { _, err := e.Since(t.Context(), news.Cursor{}, 1); return err },
		"head":      func() error { _, err := e.Head(t.Context()); return err },
		"front":     func() error { _, err := e.Front(t.Context(), 1); return err },
		"claim":     func() error { _, _, err := e.Claim(t.Context(), push.Worker{Name: "w"}, testTime, 1); return err },
		"subscribe": func() error { _, err := e.PutSubscription(t.Context(), testSubscription(1)); return err },
	} {
		if err := do(); !errors.Is(err, ErrNewer) {
			t.Errorf("%s: %v", name, err)
		}
	}
	s.Say(t, "HSET", e.keys.log, "schema", schema)
	if r := mustAppend(t, e, news.Key{}, testDraft("n2")); r.Cursor.Offset != 2 {
		t.Errorf("what was refused has left a trace: %v", r.Cursor)
	}
}
