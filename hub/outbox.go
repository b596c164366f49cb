package hub

// outbox is what a reader's wire has not taken yet: shared slices of whole
// frames, oldest first. It is guarded by reader.mu. An idle reader's is its
// zero value.
type outbox struct {
	size    int // bytes that have not been written
	waiting [][]byte
	sent    int // how much of waiting[0] has been written
	busy    int // of those, how many a write that may block has in hand
}

func (o *outbox) empty() bool { return o.size == 0 }

// add appends b, of which the first sent bytes are written already.
func (o *outbox) add(b []byte, sent int) {
	if o.size == 0 {
		o.sent = sent
	}
	o.waiting = append(o.waiting, b)
	o.size += len(b) - sent
}

// next is what to write next: at most about limit bytes, unless the oldest
// slice alone is longer. The outbox must not be empty.
func (o *outbox) next(limit int) []byte {
	first := o.waiting[0][o.sent:]
	if len(o.waiting) == 1 || len(first) >= limit {
		return first
	}
	b := append(make([]byte, 0, min(o.size, limit)), first...)
	for _, more := range o.waiting[1:] {
		b = append(b, more[:min(len(more), limit-len(b))]...)
	}
	return b
}

// written forgets the first n bytes.
func (o *outbox) written(n int) {
	o.size -= n
	if o.size == 0 {
		*o = outbox{}
		return
	}
	for n += o.sent; n > 0 && n >= len(o.waiting[0]); {
		n -= len(o.waiting[0])
		o.waiting[0] = nil // the array outlives the slice's start
		o.waiting = o.waiting[1:]
	}
	o.sent = n
}

// cut drops what need not be sent: all but the frame that has been begun and
// what is being written. length is that of the frame a slice begins with.
func (o *outbox) cut(length func([]byte) int) {
	keep := o.sent + o.busy // from the start of waiting[0]
	for i, b := range o.waiting {
		if keep >= len(b) {
			keep -= len(b)
			continue
		}
		end := 0
		for end < keep {
			end += length(b[end:])
		}
		o.waiting[i] = b[:end:end]
		clear(o.waiting[i+1:])
		o.waiting = o.waiting[:i+1]
		if end == 0 {
			o.waiting = o.waiting[:i]
		}
		break
	}
	o.size = -o.sent
	for _, b := range o.waiting {
		o.size += len(b)
	}
	if o.size == 0 {
		*o = outbox{}
	}
}
