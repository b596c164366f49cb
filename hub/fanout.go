package hub

import (
	"context"

	"crier/news"
)

// This file is the hot path, from an entry of the log to write(2). It makes no
// allocation per delivery, waits for nobody and holds no lock but the one of
// the reader it writes to.

// publish numbers the entries that follow the head and puts them in line.
func (h *Hub) publish(ctx context.Context, entries []news.Entry) error {
	for _, e := range entries {
		m, err := newEntry(e, news.Cursor{Epoch: h.head.Epoch, Offset: e.Offset}) // h.head changes on this goroutine only
		if err != nil {
			return err
		}
		h.hear() // it may have come with the doorbell, and many may keep us busy
		if h.tally.readers[packed].Load() > 0 {
			h.packer.pack(&m.encoded)
		}
		h.order.Lock()
		h.mu.Lock()
		m.from = h.seq
		h.seq++
		m.seq = h.seq
		h.head.Offset = e.Offset
		h.front.Apply(e)
		h.recent.add(m)
		h.mu.Unlock()
		err = h.broadcast(ctx, m)
		h.order.Unlock()
		if err != nil {
			return err
		}
	}
	return nil
}

// broadcast puts m in line at every shard. It waits for a shard whose line is
// full: entries then stay in the log. Hub.order is held.
func (h *Hub) broadcast(ctx context.Context, m *message) error {
	for _, s := range h.shards {
		h.way.take() // before the shard can say that it is done
		select {
		case s.line <- m:
		case <-ctx.Done():
			h.way.leave(1)
			return ctx.Err()
		}
	}
	return nil
}

// run writes what stands in line, as much at once as has come meanwhile.
func (s *shard) run(ctx context.Context) error {
	var batch []*message
	for {
		batch = batch[:0]
		s.settle(ctx)
		select {
		case <-ctx.Done():
			return nil
		case <-s.knock:
			s.keepHouse()
			continue
		case m := <-s.line:
			batch = append(batch, m)
		}
		for size := len(batch[0].encoded[frames]); size < maxBatch && len(s.line) > 0; {
			m := <-s.line
			batch = append(batch, m)
			size += len(m.encoded[frames])
		}
		s.keepHouse()
		s.send(batch)
		s.hub.way.leave(len(batch))
		clear(batch) // it must not keep old messages alive
	}
}

// send takes batch in order, the entries next to each other together.
func (s *shard) send(batch []*message) {
	for len(batch) > 0 {
		n := 0
		for n < len(batch) && batch[n].kind == entry {
			n++
		}
		if n == 0 {
			s.announce(batch[0])
			batch = batch[1:]
			continue
		}
		s.deliver(batch[:n])
		batch = batch[n:]
	}
}

// deliver writes a run of entries to all who want some of them: one decision
// for each group of readers, one write for each reader.
func (s *shard) deliver(run []*message) {
	for _, m := range run {
		s.ask(m)
	}
	var sent delivered
	s.at = run[len(run)-1].seq
	for i, g := range s.asked {
		g.deliver(s.at, &sent)
		g.spoken = s.beats
		s.asked[i] = nil
	}
	s.asked = s.asked[:0]
	s.hub.tally.deliver(sent)
}

// ask notes which groups want m. Those who do not cost nothing.
func (s *shard) ask(m *message) {
	if m.live && len(s.everything.readers) > 0 {
		s.want(s.everything, m)
	}
	for _, topic := range m.topics {
		for _, g := range s.byTopic[topic] {
			s.want(g, m)
		}
	}
}

func (s *shard) want(g *group, m *message) {
	switch n := len(g.wants); {
	case n == 0:
		s.asked = append(s.asked, g)
	case g.wants[n-1] == m:
		return // by another topic
	}
	g.wants = append(g.wants, m)
}

// deliver writes what the group wants of a run that ends with number last.
func (g *group) deliver(last uint64, sent *delivered) {
	all, first := together(g.wants, g.using), g.wants[0].from
	for _, r := range g.readers {
		switch {
		case r.at > first: // came in between: it has some of them already
			g.some(r, sent)
		case r.push(all[r.form]):
			sent.count(len(g.wants), len(all[r.form]))
		}
		r.at = max(r.at, last)
	}
	clear(g.wants) // it must not keep old messages alive
	g.wants = g.wants[:0]
}

// some writes to r what it has not got yet, one by one.
func (g *group) some(r *reader, sent *delivered) {
	for _, m := range g.wants {
		if r.at <= m.from {
			sent.push(r, m.encoded[r.form])
		}
	}
}

// push writes b, whole frames, as far as it goes without waiting. What does not
// go waits in the outbox, which keeps b itself: b must not change any more. A
// reader for whom that is too much is ended. It reports whether r took b.
func (r *reader) push(b []byte) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.state != open {
		return false
	}
	n := 0
	if r.out.empty() {
		var err error
		if n, err = r.wire.write(b); n == len(b) {
			return true
		} else if err != nil {
			r.fail(causeOf(err))
			return false
		}
	} else if r.tooFar(len(b)) {
		r.stop(Slow, r.goodbye(closeSlow, "too far behind: reconnect with the last cursor"))
		return false
	}
	if r.out.empty() {
		r.wire.await()
	}
	r.out.add(b, n)
	return true
}
