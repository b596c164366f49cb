package hub

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
)

const (
	// phases is into how many parts a shard's readers are divided for what
	// need not reach all at once: a beat to ten thousand readers would keep an
	// entry that comes just then waiting.
	phases = 64
	// maxLine is the most messages in line at a shard.
	maxLine = 256
	// maxBatch is about how many bytes of messages in line become one write.
	maxBatch = 16 << 10
	// sweepAfter is how many readers must have left before the lists are swept
	// for their sake alone.
	sweepAfter = 256
)

// shard is one writing goroutine (see run) and its share of the readers.
type shard struct {
	hub     *Hub
	poller  *poller
	line    chan *message
	knock   chan struct{} // there are newcomers, or many have left
	leavers atomic.Int64  // since the last sweep
	owed    atomic.Int64  // goroutines that were woken to write and have not begun
	paid    chan struct{} // owed has come down to none

	mu        sync.Mutex
	newcomers []*reader

	// What follows belongs to run.
	at         uint64 // the last broadcast
	groups     map[*crowd]*group
	everything *group              // of those who name no topic
	byTopic    map[string][]*group // of those who name it
	asked      []*group            // those who want something of the run in hand
	phase      [phases][]*reader   // all readers
	beats      uint64              // how many beats came in line so far
	desks      []*reader           // of these, the desks
	turn       int                 // the phase of the next newcomer
	leaving    *message            // the drain, once there is one: newcomers are told too
	silent     *message            // the word that the log is, while it is: newcomers are told too
	closed     bool                // all were dismissed: newcomers are too
}

// group is a shard's readers who name the same topics: what one of them wants
// of a run, all do.
type group struct {
	readers []*reader
	using   [forms]int // how many of each form
	wants   []*message // of the run in hand
	spoken  uint64     // shard.beats when it was last sent entries
}

func newShard(h *Hub) *shard {
	return &shard{
		hub: h, line: make(chan *message, maxLine), knock: make(chan struct{}, 1), paid: make(chan struct{}, 1),
		groups: map[*crowd]*group{}, everything: &group{}, byTopic: map[string][]*group{},
	}
}

// admit takes over a reader that its joiner has brought to the head.
func (s *shard) admit(r *reader) {
	s.mu.Lock()
	s.newcomers = append(s.newcomers, r)
	s.mu.Unlock()
	wake(s.knock)
}

// missed counts a reader that has left.
func (s *shard) missed() {
	if s.leavers.Add(1)%sweepAfter == 0 {
		wake(s.knock)
	}
}

// wake makes who waits for c look. c has room for one.
func wake(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default: // it will look anyway
	}
}

// settle waits until every goroutine that was woken to write has begun to.
// Only the scheduler can keep it waiting, never a client: without this a hub
// short of CPU would take its own delay for its readers' slowness, and end
// them for it.
func (s *shard) settle(ctx context.Context) {
	for s.owed.Load() > 0 {
		select {
		case <-s.paid:
		case <-ctx.Done():
			return
		}
	}
}

// keepHouse takes in newcomers and drops those who have left. It is called
// between two broadcasts.
func (s *shard) keepHouse() {
	s.mu.Lock()
	fresh := s.newcomers
	s.newcomers = nil
	s.mu.Unlock()
	for _, r := range fresh {
		s.seat(r)
	}
	if s.leavers.Load() >= sweepAfter {
		s.sweep()
	}
}

// seat puts r into the lists. Broadcasts that its joiner could not see and
// that passed before it came here are made up for now; those that its joiner
// has seen and that are still in line will be skipped by their number.
func (s *shard) seat(r *reader) {
	if s.closed {
		s.dismiss(r)
		return
	}
	var sent delivered
	if s.leaving != nil {
		sent.push(r, s.leaving.encoded[r.form])
	}
	for r.at < s.at && !r.ended() {
		if b, to, ok := s.hub.missing(r); ok {
			sent.push(r, b)
			r.at = to
		} else {
			s.reset(r, &sent)
		}
	}
	if s.silent != nil && r.form != lines { // a poll is told when it ends
		sent.push(r, s.silent.to(r))
	}
	s.hub.tally.deliver(sent)
	g := s.group(r.crowd)
	g.readers = append(g.readers, r)
	g.using[r.form]++
	s.phase[s.turn] = append(s.phase[s.turn], r)
	s.turn = (s.turn + 1) % phases
	if r.desk {
		s.desks = append(s.desks, r)
	}
}

// group is the group of c.
func (s *shard) group(c *crowd) *group {
	if len(c.topics) == 0 {
		return s.everything
	}
	g := s.groups[c]
	if g == nil {
		g = &group{}
		s.groups[c] = g
		for _, t := range c.topics {
			s.byTopic[t] = append(s.byTopic[t], g)
		}
	}
	return g
}

// sweep drops the readers that have left from all lists.
func (s *shard) sweep() {
	s.leavers.Store(0)
	for i, list := range s.phase {
		s.phase[i] = slices.DeleteFunc(list, (*reader).ended)
	}
	s.desks = slices.DeleteFunc(s.desks, (*reader).ended)
	s.everything.sweep()
	for c, g := range s.groups {
		if g.sweep(); g.empty() {
			delete(s.groups, c)
		}
	}
	for t, list := range s.byTopic {
		if list = slices.DeleteFunc(list, (*group).empty); len(list) == 0 {
			delete(s.byTopic, t)
		} else {
			s.byTopic[t] = list
		}
	}
}

func (g *group) empty() bool { return len(g.readers) == 0 }

func (g *group) sweep() {
	g.readers, g.using = slices.DeleteFunc(g.readers, (*reader).ended), [forms]int{}
	for _, r := range g.readers {
		g.using[r.form]++
	}
}

// announce sends what is not an entry.
func (s *shard) announce(m *message) {
	var sent delivered
	whom := s.phase[:]
	switch m.kind {
	case beat:
		s.beat(m, &sent)
		whom = nil
	case dismiss:
		if s.closed = m.phase == phases; !s.closed {
			whom = s.phase[m.phase : m.phase+1]
		}
	case reset:
		s.at = m.seq
		s.resetAll(m.from, &sent)
		whom = nil
	case aside:
		s.tellDesks(m, &sent)
		whom = nil
	case drain:
		s.leaving = m
	case word:
		if s.silent = nil; m.stale {
			s.silent = m
		}
	}
	for _, list := range whom {
		for _, r := range list {
			switch {
			case m.kind == dismiss:
				s.dismiss(r)
			case m.kind == word:
				sent.push(r, m.to(r))
			case r.at > m.from: // has it, or came later
			default:
				sent.push(r, m.encoded[r.form])
			}
		}
	}
	s.hub.tally.deliver(sent)
}

// beat sends m to those who would otherwise not hear from us for as long as
// all phases take. A phase has two turns in that time. Who was sent entries
// since the turn before does without: in the first turn because there will be
// the second, in the second unless the first was done without.
func (s *shard) beat(m *message, sent *delivered) {
	if m.phase == 0 && s.leavers.Load() > 0 {
		s.sweep()
	}
	s.beats++
	for _, r := range s.phase[m.phase] {
		if s.silence(r) > phases/2 {
			sent.beat(r, m)
		}
	}
	for _, r := range s.phase[(m.phase+phases/2)%phases] {
		if n := s.silence(r); n > phases/2 && n <= phases {
			sent.beat(r, m)
		}
	}
}

// silence is how many beats ago, this one included, r's group was sent
// entries; 0 if it has no group any more, having ended.
func (s *shard) silence(r *reader) uint64 {
	g := s.everything
	if len(r.crowd.topics) > 0 {
		if g = s.groups[r.crowd]; g == nil {
			return 0
		}
	}
	return s.beats - g.spoken
}

func (d *delivered) beat(r *reader, m *message) {
	if r.at > m.from {
		return // it knows more than the beat
	}
	d.push(r, m.encoded[r.form])
	r.at = m.seq
}

// resetAll sends all readers that are not further than from the front they
// see, encoded once for each group.
func (s *shard) resetAll(from uint64, sent *delivered) {
	for c, g := range s.groups {
		s.resetGroup(g, c.topics, from, sent)
	}
	s.resetGroup(s.everything, nil, from, sent)
}

func (s *shard) resetGroup(g *group, topics []string, from uint64, sent *delivered) {
	if g.empty() {
		return
	}
	enc, p, err := s.hub.resetOf(topics)
	for _, r := range g.readers {
		switch {
		case r.at > from: // has it, or came later
		case err != nil:
			s.refuse(r)
		default:
			s.hub.tally.resets.Add(1)
			sent.push(r, enc[r.form])
			r.at = p.at
		}
	}
}

// reset sends r the front it sees.
func (s *shard) reset(r *reader, sent *delivered) {
	b, p, err := s.hub.reset(r.crowd.topics, r.form)
	if err != nil {
		s.refuse(r)
		return
	}
	sent.push(r, b)
	r.at = p.at
}

func (s *shard) refuse(r *reader) {
	r.end(Failed, r.goodbye(closeTryLater, "the front could not be read"))
}

func (s *shard) dismiss(r *reader) {
	r.end(Drained, r.goodbye(closeRestart, "the node is going down: reconnect"))
}
