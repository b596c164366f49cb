package chaos

import (
	"context"
	"fmt"
	"testing"
	"time"

	"crier/engine/redis"
	"crier/news"
)

// stage is where faults happen: a fleet, a crowd and a newsroom at work.
type stage struct {
	*testing.T
	redis string // the Redis, where nothing is between it and us
	fleet *fleet
	crowd *crowd
	room  *newsroom
	told  bool // the epoch may change, and then everybody is told
	loses bool // what was acknowledged may be lost
	rows  []row
	ends  []uint64 // of each row, the last offset
	taken int      // items that the rows count

	refused, repeated int // answers of 503, and posts sent again; known when it is finished
}

// some is how many items flow before the first fault of a stage and after the
// last.
func some() int { return sized(100, 40) }

// rate is how many items a second the newsroom posts: what two processors
// bring to so many readers, and read for them.
func rate() int {
	if *full && raced() {
		return 6
	}
	return sized(20, 40)
}

// play opens a stage of three nodes on the Redis at url; finish closes it. The
// args are those of serve.
func play(t *testing.T, url string, readers int, args ...string) *stage {
	t.Helper()
	return playOn(t, 3, url, readers, args...)
}

// playOn is play with so many nodes.
func playOn(t *testing.T, nodes int, url string, readers int, args ...string) *stage {
	t.Helper()
	s := &stage{T: t, redis: url, fleet: startFleet(t, nodes, append([]string{"--redis", url}, args...)...)}
	s.crowd = gather(t, s.fleet, readers, front(t, s.fleet.nodes[0]).Cursor, nil)
	s.room = openNewsroom(t, s.fleet, rate())
	return s
}

// fault has something happen, and measures how long it takes to recover: do
// returns when the fault was over. It can be called again under the same name.
func (s *stage) fault(name string, do func() (over time.Time)) {
	s.Helper()
	over := do()
	c, ok := s.room.after(over)
	if !ok {
		s.Fatalf("%s: nothing is taken any more", name)
	}
	if left := s.crowd.await(s.crowd.texts.place(c)); left > 0 {
		s.Errorf("%s: %d readers do not get %s", name, left, c)
	}
	took := time.Since(over)
	s.Logf("%s: recovered after %v", name, took.Round(time.Millisecond))
	n := len(s.rows) - 1
	if n < 0 || s.rows[n].fault != name {
		s.rows, s.ends = append(s.rows, row{fault: name, crowd: fmt.Sprint(len(s.crowd.readers))}), append(s.ends, 0)
		n++
	}
	s.count(n)
	s.rows[n].recovered = max(s.rows[n].recovered, took)
	s.ends[n] = c.Offset
}

// count has the nth row count the items that none has counted yet.
func (s *stage) count(n int) {
	taken := s.room.taken()
	s.rows[n].items += taken - s.taken
	s.taken = taken
}

// flow lets so many more items be taken.
func (s *stage) flow(n int) {
	s.Helper()
	begin := s.room.taken()
	if !until(func() bool { return s.room.taken() >= begin+n }) {
		s.Fatalf("%d items are taken of %d", s.room.taken()-begin, n)
	}
}

// until waits for what is to come to pass; false says that it has not within
// patience.
func until(is func() bool) bool {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); !is(); <-tick.C {
		if time.Now().After(deadline) {
			return false
		}
	}
	return true
}

// finish closes the newsroom, waits until everybody has everything, and holds
// every history against the log.
func (s *stage) finish() {
	s.Helper()
	s.room.close()
	s.count(len(s.rows) - 1)
	log, head := readLog(s, s.redis)
	if left := s.crowd.await(s.crowd.texts.place(head)); left > 0 {
		s.Errorf("%d readers do not get to %s", left, head)
	}
	for _, n := range s.fleet.nodes {
		s.shows(n, head, log)
	}
	s.crowd.disperse()
	if changes := len(s.crowd.texts.epochs) - 1; changes > 0 {
		if !s.told {
			s.Errorf("history was lost: the epoch was %s and is %s", s.crowd.from.Epoch, head.Epoch)
		}
		s.rows[len(s.rows)-1].note = fmt.Sprintf("epoch changed: %d reset each", changes)
	}
	for i, r := range s.crowd.readers {
		v := judge(r.history, s.crowd.from, log, head.Epoch)
		if r.err != nil {
			v.blame("%v", r.err)
		}
		if resets := len(s.crowd.texts.epochs) - 1; v.resets != resets {
			v.blame("%d resets, the epoch changed %d times", v.resets, resets)
		}
		if len(v.missing)+len(v.repeated)+v.disordered+len(v.wrong) > 0 {
			s.Errorf("reader %d: missing %v, repeated %v, %d out of order; %q", i, v.missing, v.repeated, v.disordered, v.wrong)
		}
		for _, n := range v.missing {
			s.rowOf(n).missing++
		}
		for _, n := range v.repeated {
			s.rowOf(n).repeated++
		}
	}
	for _, w := range account(s.room.tasks, log, s.loses) {
		s.Error(w)
	}
	for _, k := range s.room.tasks {
		s.refused += k.refused
		s.repeated += k.tries - 1
	}
	s.Logf("%d entries, %d posts sent again, %d answers of 503", len(log), s.repeated, s.refused)
	for _, r := range s.rows {
		results.add(r)
	}
}

// rowOf is the row of the fault during which an offset was appended.
func (s *stage) rowOf(offset uint64) *row {
	for i, end := range s.ends {
		if offset <= end {
			return &s.rows[i]
		}
	}
	return &s.rows[len(s.rows)-1]
}

// shows checks that a node's front page becomes what the log folds to.
func (s *stage) shows(n *node, head news.Cursor, log []news.Entry) {
	s.Helper()
	var f news.Snapshot
	if !until(func() bool { f = front(s, n); return f.Cursor == head }) {
		s.Errorf("the front of %s stays at %s, the log is at %s", n.addr, f.Cursor, head)
	} else if !sameFront(f.Entries, fold(log)) {
		s.Errorf("the front of %s is not what the log folds to", n.addr)
	}
}

// readLog is the whole log, past all nodes.
func readLog(t testing.TB, url string) ([]news.Entry, news.Cursor) {
	t.Helper()
	ctx := context.Background()
	e, err := redis.Open(ctx, url, redis.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	}()
	head, err := e.Head(ctx)
	if err != nil {
		t.Fatal(err)
	}
	log, err := e.Since(ctx, news.Cursor{Epoch: head.Epoch}, int(head.Offset)+1)
	if err != nil || uint64(len(log)) != head.Offset {
		t.Fatalf("the log has %d entries up to %s: %v", len(log), head, err)
	}
	return log, head
}
