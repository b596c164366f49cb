package hub

import (
	"bytes"
	"compress/flate"
	"sync"
)

// packer compresses messages for the WebSockets that have agreed to it (RFC
// 7692, permessage-deflate). Each message is compressed once, by itself: with
// no context taken over from one to the next, its bytes are the same for all.
// Its lock is taken last; nothing is waited for under it.
type packer struct {
	mu  sync.Mutex
	w   *flate.Writer
	buf bytes.Buffer
}

const (
	// worthPacking is the shortest message that is compressed: what is shorter
	// fits into the same packet either way.
	worthPacking = 200
	// tail is what a sync flush ends with and RFC 7692 section 7.2.1 leaves out.
	tail = "\x00\x00\xff\xff"
)

// pack gives enc a compressed form of its own, if that saves an eighth.
func (p *packer) pack(enc *encoded) {
	js := bytes.TrimSuffix(enc[lines], []byte("\n"))
	if len(js) < worthPacking {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.buf.Reset()
	if p.w == nil {
		p.w, _ = flate.NewWriter(nil, flate.DefaultCompression) // fails only for levels that there are not
	}
	p.w.Reset(&p.buf)
	_, _ = p.w.Write(js) // a buffer does not fail
	_ = p.w.Flush()
	b := bytes.TrimSuffix(p.buf.Bytes(), []byte(tail))
	if len(b) > len(js)-len(js)/8 {
		return
	}
	frame := appendFrameHeader(make([]byte, 0, maxServerHeader+len(b)), len(b))
	frame[0] |= reserved1
	enc[packed] = append(frame, b...)
}

// reserved1 is the bit of a frame's header that says that it is compressed.
const reserved1 = 0x40
