package hub

import "slices"

// ring is the recent entries, encoded, by the number of their broadcast. It
// is guarded by Hub.mu.
type ring struct {
	slots []*message // by seq modulo length
	last  uint64     // the newest's number, or where the ring began
	n     int        // how many it holds
}

func (r *ring) init(size int) { r.slots = make([]*message, size) }

// clear empties the ring; the next message is number at+1.
func (r *ring) clear(at uint64) {
	clear(r.slots)
	r.last, r.n = at, 0
}

// add takes the message that follows the newest.
func (r *ring) add(m *message) {
	r.slots[m.seq%uint64(len(r.slots))] = m
	r.last, r.n = m.seq, min(r.n+1, len(r.slots))
}

// has reports whether the ring holds every message after number at.
func (r *ring) has(at uint64) bool {
	return at <= r.last && r.last-at <= uint64(r.n)
}

// get is message seq, which the ring must hold.
func (r *ring) get(seq uint64) *message { return r.slots[seq%uint64(len(r.slots))] }

// gather returns what a reader of topics wants of the messages after number
// at, in form f and up to about limit bytes, and the number it reaches. The
// ring must hold them.
func (r *ring) gather(at uint64, topics []string, f form, limit int) (b []byte, to uint64) {
	var wanted [][]byte
	size := 0
	for to = at; to < r.last && size < limit; {
		to++
		if m := r.get(to); m.wantedBy(topics) {
			wanted = append(wanted, m.encoded[f])
			size += len(m.encoded[f])
		}
	}
	if len(wanted) == 1 {
		return wanted[0], to // shared, not copied
	}
	return slices.Concat(wanted...), to
}
