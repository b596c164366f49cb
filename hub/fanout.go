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
		select {
		case s.line <- m:
		case <-ctx.Done():
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

// deliver writes a run of entries to all who want them: with one write to each
// reader who names no topic, with one per entry to the others.
func (s *shard) deliver(run []*message) {
	var sent delivered
	first, last := run[0].from, run[len(run)-1].seq
	all := together(run, s.using)
	live := 0
	for _, m := range run {
		if m.live {
			live++
		}
	}
	for _, r := range s.everything {
		switch {
		case live == 0:
		case r.at > first: // came in between: it has some of them already
			s.some(r, run, &sent)
		case r.push(all[r.form]):
			sent.count(live, len(all[r.form]))
		}
		r.at = max(r.at, last)
	}
	for _, m := range run {
		for _, topic := range m.topics {
			for _, r := range s.byTopic[topic] {
				if r.at > m.from {
					continue // has it: by another topic, or from its joiner
				}
				r.at = m.seq
				sent.push(r, m.encoded[r.form])
			}
		}
	}
	s.at = last
	s.hub.tally.deliver(sent)
}

// some writes those entries of run that r has not got yet, one by one.
func (s *shard) some(r *reader, run []*message, sent *delivered) {
	for _, m := range run {
		if m.live && r.at <= m.from {
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
