package redis

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"time"

	"crier/news"
	"crier/push"
)

// A subscription is one member of its shard's sorted set, all of whose scores
// are equal, so that members lie in the order of their bytes. It begins with
// the ID: a range of IDs is a range of members, and the member after an ID is
// that of its subscription.
//
//	 0  16  ID
//	16   1  version of what follows: 1 or 2
//	17  16  auth secret
//	33   8  number of the last campaign that was opened before it was made
//	41   8  when it was made, in ms since 1970
//	49   8  when it was last put
//	57  65  public key
//	122  1  level's rank, unconfirmedBit, flashBit
//	123  …  endpoint, topics, language: each its length and its bytes, as is the
//	        zone; numbers are varints: most alerts a day; zone, digest and number of
//	        the VAPID key; 1 and quiet from and to, or 0
//
// The scripts know the first 57 bytes and the byte at 122. Version 1 ended with
// the most alerts a day and, where there were quiet hours, 1, their zone, from
// and to. It is read, and goes when the subscription is put.
const (
	recordVersion = 2
	bornAt        = 33
	createdAt     = 41
	seenAt        = 49
	keyAt         = 57
	levelAt       = 122
	tailAt        = 123

	unconfirmedBit = 0x80
	flashBit       = 0x40
)

// prefixes of endpoints, by number: most endpoints begin with one of a few,
// which then takes a byte. The numbers are in every record: only append.
func endpointPrefixes() [5]string {
	return [...]string{
		"",
		"https://fcm.googleapis.com/fcm/send/",
		"https://updates.push.services.mozilla.com/wpush/v2/",
		"https://web.push.apple.com/",
		"https://fcm.googleapis.com/wp/",
	}
}

// record is a stored subscription, and when in the order of campaigns it was made.
type record struct {
	sub  push.Subscription
	born int64
}

// encode is the parts of a record that the script puts together.
func encode(s push.Subscription, born int64) (id, auth, birth, rest []byte) {
	id = s.ID[:]
	auth = append([]byte{recordVersion}, s.Auth[:]...)
	birth = binary.BigEndian.AppendUint64(nil, uint64(born))
	birth = binary.BigEndian.AppendUint64(birth, uint64(at(s.CreatedAt)))
	rest = make([]byte, 0, 64+len(s.Endpoint)+65)
	rest = binary.BigEndian.AppendUint64(rest, uint64(at(s.SeenAt)))
	rest = append(rest, s.P256dh[:]...)
	flags := byte(s.Level.Rank())
	if s.Unconfirmed {
		flags |= unconfirmedBit
	}
	if s.FlashAlways {
		flags |= flashBit
	}
	rest = append(rest, flags)
	known, tail := 0, s.Endpoint
	for i, p := range endpointPrefixes() {
		if after, ok := strings.CutPrefix(s.Endpoint, p); ok && len(after) < len(tail) {
			known, tail = i, after
		}
	}
	rest = append(rest, byte(known))
	rest = appendText(rest, tail)
	rest = appendText(rest, strings.Join(s.Topics, ","))
	rest = appendText(rest, s.Language)
	rest = binary.AppendVarint(rest, int64(s.DailyMax))
	rest = appendText(rest, s.Zone)
	rest = binary.AppendVarint(rest, int64(s.Digest))
	rest = binary.AppendVarint(rest, int64(s.Key))
	if s.Quiet == nil {
		return id, auth, birth, append(rest, 0)
	}
	rest = append(rest, 1)
	rest = binary.AppendVarint(rest, int64(s.Quiet.From))
	rest = binary.AppendVarint(rest, int64(s.Quiet.To))
	return id, auth, birth, rest
}

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

var errRecord = errors.New("not a subscription's record")

// decode reads a member of a shard. What it returns shares memory with the
// member only, which is a string and so cannot change.
func decode(member string) (r record, err error) {
	if len(member) < tailAt {
		return r, fmt.Errorf("%d bytes: %w", len(member), errRecord)
	}
	copy(r.sub.ID[:], member)
	version := member[16]
	if version < 1 || version > recordVersion {
		return r, fmt.Errorf("subscription %s has a record of version %d: %w", r.sub.ID, member[16], ErrNewer)
	}
	copy(r.sub.Auth[:], member[17:])
	r.born = number(member[bornAt:])
	r.sub.CreatedAt, r.sub.SeenAt = when(number(member[createdAt:])), when(number(member[seenAt:]))
	copy(r.sub.P256dh[:], member[keyAt:levelAt])
	flags := member[levelAt]
	r.sub.Unconfirmed, r.sub.FlashAlways = flags&unconfirmedBit != 0, flags&flashBit != 0
	if rank := int(flags &^ (unconfirmedBit | flashBit)); rank > 0 && rank <= len(news.Levels()) {
		r.sub.Level = news.Levels()[rank-1]
	}
	t := tail{rest: member[tailAt:]}
	known := endpointPrefixes()
	if i := int(t.byte()); i < len(known) {
		r.sub.Endpoint = known[i] + t.text()
	} else {
		t.bad = true
	}
	if topics := t.text(); topics != "" {
		r.sub.Topics = strings.Split(topics, ",")
	}
	r.sub.Language = t.text()
	r.sub.DailyMax = int(t.varint())
	if version == 1 {
		t.first(&r.sub)
	} else {
		r.sub.Zone, r.sub.Digest, r.sub.Key = t.text(), int(t.varint()), int(t.varint())
		if t.byte() == 1 {
			r.sub.Quiet = &push.Quiet{From: int(t.varint()), To: int(t.varint())}
		}
	}
	if t.bad || t.rest != "" {
		return r, fmt.Errorf("subscription %s: %w", r.sub.ID, errRecord)
	}
	return r, nil
}

func number(s string) int64 { return int64(binary.BigEndian.Uint64([]byte(s[:8]))) }

// tail reads what is of no fixed length.
type tail struct {
	rest string
	bad  bool
}

// first reads what a record of version 1 ends with. Who had quiet hours was
// promised that flashes heed them too, and who had none that they heed no bound.
func (t *tail) first(s *push.Subscription) {
	s.Digest, s.FlashAlways = firstDigest, true
	if !t.bad && t.rest != "" && t.byte() == 1 {
		s.Zone, s.FlashAlways = t.text(), false
		s.Quiet = &push.Quiet{From: int(t.varint()), To: int(t.varint())}
	}
}

// firstDigest is when those of version 1 get their digest: 18:00.
const firstDigest = 18 * 60

func (t *tail) byte() (b byte) {
	if t.rest == "" {
		t.bad = true
		return 0
	}
	b, t.rest = t.rest[0], t.rest[1:]
	return b
}

func (t *tail) varint() int64 {
	n, size := binary.Varint([]byte(t.rest[:min(len(t.rest), binary.MaxVarintLen64)]))
	if size <= 0 {
		t.bad = true
		return 0
	}
	t.rest = t.rest[size:]
	return n
}

func (t *tail) text() string {
	n, size := binary.Uvarint([]byte(t.rest[:min(len(t.rest), binary.MaxVarintLen64)]))
	if size <= 0 || n > uint64(len(t.rest)-size) {
		t.bad = true
		return ""
	}
	s := t.rest[size : size+int(n)]
	t.rest = t.rest[size+int(n):]
	return s
}

// at is t in milliseconds since 1970, when is the way back.
func at(t time.Time) int64    { return t.UnixMilli() }
func when(ms int64) time.Time { return time.UnixMilli(ms).UTC() }
