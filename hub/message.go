package hub

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"crier/news"
)

// form is how messages are written for a transport. It is all that a shard
// knows of one.
type form uint8

const (
	frames form = iota // WebSocket: a text frame each (RFC 6455 section 5.2)
	packed             // the same, compressed where that pays (RFC 7692)
	events             // server-sent events: an event each
	lines              // JSON, a line each: what a poll collects
	forms
)

// socket reports whether f is a WebSocket's.
func (f form) socket() bool { return f == frames || f == packed }

// encoded is a message, or several in a row, in every form. The bytes are
// shared by all readers and never change. A form may be empty: not every
// transport is told everything.
type encoded [forms][]byte

// kind is what a shard does with a message.
type kind uint8

const (
	entry   kind = iota // goes to those who want it
	beat                // goes to the readers of one phase
	reset               // each reader gets the front it sees
	drain               // goes to all
	word                // goes to all: a beat that says whether the log is silent
	aside               // goes to desks
	dismiss             // the readers of one phase are sent away; no bytes
)

// message is one broadcast.
type message struct {
	kind kind
	encoded
	// seq is the broadcast's number. The hub numbers entries one after the
	// other, whatever epoch they are of; a reset begins a stretch that nobody
	// of the epoch before has reached (see stretch). A message follows on from:
	// a reader that is further already has it.
	from, seq uint64
	live      bool     // entry: wanted by who names no topic
	topics    []string // entry: wanted by who names one of these
	phase     int      // beat, dismiss
	stale     bool     // word
	bare      *encoded // word: for who is further than from, to whom the cursor would be a lie
}

// newEntry is e as a message. to is its cursor.
func newEntry(e news.Entry, to news.Cursor) (*message, error) {
	enc, err := encodeEntry(e, to)
	if err != nil {
		return nil, err
	}
	m := &message{kind: entry, encoded: enc, live: e.Item.WantedBy(nil)}
	m.topics = append(append(m.topics, e.Item.Topics...), e.Item.Formerly...)
	return m, nil
}

// to is word m for r.
func (m *message) to(r *reader) []byte {
	if r.at > m.from {
		return m.bare[r.form]
	}
	return m.encoded[r.form]
}

// wantedBy is news.Item.WantedBy for the item of an entry.
func (m *message) wantedBy(topics []string) bool {
	if len(topics) == 0 {
		return m.live
	}
	return slices.ContainsFunc(topics, func(t string) bool { return slices.Contains(m.topics, t) })
}

func encodeEntry(e news.Entry, to news.Cursor) (encoded, error) {
	return encode(to.String(), "", fmt.Appendf(nil, `{"type":"entry","cursor":%q,"entry":`, to), e)
}

func encodeReset(s news.Snapshot) (encoded, error) {
	return encode(s.Cursor.String(), "", fmt.Appendf(nil, `{"type":"reset","cursor":%q,"front":`, s.Cursor), s.Entries)
}

// encode writes head, v as JSON and the brace that closes head's.
func encode(cursor, comment string, head []byte, v any) (encoded, error) {
	buf := bytes.NewBuffer(head)
	js := json.NewEncoder(buf)
	js.SetEscapeHTML(false) // it goes to JSON parsers only
	if err := js.Encode(v); err != nil {
		return encoded{}, fmt.Errorf("encode a message: %w", err)
	}
	b := buf.Bytes()
	b[len(b)-1] = '}' // for the encoder's newline
	return shape(cursor, comment, b), nil
}

func encodeHello(c news.Cursor, every time.Duration) encoded {
	return shape(c.String(), "", fmt.Appendf(nil, `{"type":"hello","cursor":%q,"beat_ms":%d}`, c, every.Milliseconds()))
}

// encodeBeat also is a comment in an event stream, which libraries that show
// their user every message pass over. It has no cursor if c is zero.
func encodeBeat(c news.Cursor, stale bool) encoded {
	b := []byte(`{"type":"beat"`)
	if c != (news.Cursor{}) {
		b = fmt.Appendf(b, `,"cursor":%q`, c)
	}
	if stale {
		b = append(b, `,"stale":true`...)
	}
	return shape(c.String(), ": beat\n", append(b, '}'))
}

func encodeDrain(within time.Duration) encoded {
	return shape("", "", fmt.Appendf(nil, `{"type":"drain","within_ms":%d}`, within.Milliseconds()))
}

// shape puts js, a JSON text on one line, into every form, not compressed.
func shape(cursor, comment string, js []byte) (enc encoded) {
	b := appendFrameHeader(make([]byte, 0, maxServerHeader+len(js)+1), len(js))
	head := len(b)
	b = append(append(b, js...), '\n')
	enc[frames], enc[lines] = b[:len(b)-1:len(b)-1], b[head:]
	enc[packed] = enc[frames]

	e := make([]byte, 0, len(comment)+len("id: ")+len(cursor)+len("\ndata: ")+len(js)+len("\n\n"))
	e = append(e, comment...)
	if cursor != "" {
		e = append(append(append(e, "id: "...), cursor...), '\n')
	}
	e = append(append(append(e, "data: "...), js...), "\n\n"...)
	enc[events] = e
	return enc
}

// maxServerHeader is the longest header of a frame without a mask.
const maxServerHeader = 10

// appendFrameHeader appends the header of a final text frame of n bytes
// (RFC 6455 section 5.2).
func appendFrameHeader(b []byte, n int) []byte {
	const finalText = 0x80 | 0x1
	switch {
	case n <= 125:
		return append(b, finalText, byte(n))
	case n <= 0xffff:
		return binary.BigEndian.AppendUint16(append(b, finalText, 126), uint16(n))
	}
	return binary.BigEndian.AppendUint64(append(b, finalText, 127), uint64(n))
}

// serverFrame is the length of the frame that b, written by us, begins with.
func serverFrame(b []byte) int {
	switch n := int(b[1]); n {
	case 126:
		return 4 + int(binary.BigEndian.Uint16(b[2:]))
	case 127:
		return 10 + int(binary.BigEndian.Uint64(b[2:]))
	default:
		return 2 + n
	}
}

// together is run as if it were one message. Forms that need names not are
// left out.
func together(run []*message, need [forms]int) encoded {
	if len(run) == 1 {
		return run[0].encoded
	}
	var all encoded
	for f := range all {
		if need[f] == 0 {
			continue
		}
		size := 0
		for _, m := range run {
			size += len(m.encoded[f])
		}
		all[f] = make([]byte, 0, size) // not reused: outboxes may keep it
		for _, m := range run {
			all[f] = append(all[f], m.encoded[f]...)
		}
	}
	return all
}
