package hub

import (
	"bytes"
	"testing"

	"pgregory.net/rapid"
)

// TestOutbox holds an outbox against the plain string of the bytes that wait,
// under any order of adding, writing some, and cutting.
func TestOutbox(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var o outbox
		var all []byte // every byte that was added, of which
		done := 0      // these are written
		var ends []int // where frames end in all
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			switch rapid.IntRange(0, 5).Draw(t, "step") {
			case 0, 1:
				var b []byte
				for range rapid.IntRange(1, 3).Draw(t, "frames") {
					n := rapid.IntRange(0, 300).Draw(t, "length")
					b = append(appendFrameHeader(b, n), bytes.Repeat([]byte{byte(len(all))}, n)...)
					ends = append(ends, len(all)+len(b))
				}
				sent := 0
				if o.empty() {
					sent = rapid.IntRange(0, len(b)-1).Draw(t, "sent")
				}
				o.add(b, sent)
				all = append(all, b...)
				done += sent
			case 2, 3:
				if o.empty() {
					continue
				}
				b := o.next(rapid.IntRange(1, 1000).Draw(t, "limit"))
				if len(b) == 0 || !bytes.HasPrefix(all[done:], b) {
					t.Fatalf("next is % x, want what begins % x", b, all[done:])
				}
				n := rapid.IntRange(0, len(b)).Draw(t, "written")
				o.written(n)
				done += n
			case 4:
				if o.empty() {
					continue
				}
				o.busy = rapid.IntRange(0, len(o.next(400))).Draw(t, "busy")
				keep := done + o.busy
				o.cut(serverFrame)
				o.busy = 0
				end := 0 // of the frame that keep lies in
				if keep > 0 {
					for _, e := range ends {
						if end = e; e >= keep {
							break
						}
					}
				}
				all = all[:end]
				for len(ends) > 0 && ends[len(ends)-1] > end {
					ends = ends[:len(ends)-1]
				}
			}
			if o.size != len(all)-done || o.empty() != (len(all) == done) {
				t.Fatalf("size is %d, want %d", o.size, len(all)-done)
			}
			if o.empty() && (o.waiting != nil || o.sent != 0) {
				t.Fatal("an empty outbox keeps memory")
			}
		}
	})
}
