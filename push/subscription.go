package push

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"math"
	"slices"
	"time"

	"crier/news"
)

// Shards is how many parts the subscriptions are in, fixed for ever: the
// shard of a subscription is the first ten bits of its ID.
const Shards = 1024

// ID names a subscription: the first 16 bytes of the SHA-256 of its endpoint.
// Endpoints are secrets and never logged; IDs may be. IDs sort by shard.
type ID [16]byte

// EndpointID is the ID of the subscription with the endpoint.
func EndpointID(endpoint string) ID {
	sum := sha256.Sum256([]byte(endpoint))
	return ID(sum[:16])
}

// Shard is the part the subscription is in, 0 to Shards-1.
func (id ID) Shard() int { return int(id[0])<<2 | int(id[1])>>6 }

// String is the ID in hexadecimal.
func (id ID) String() string { return hex.EncodeToString(id[:]) }

// Range is the shards from Low to High, both included.
type Range struct{ Low, High int }

// After is the share of all IDs, 0 to 1, that are in r after the ID position.
// IDs are hashes, so it is also the share of the subscriptions.
func (r Range) After(position ID) float64 {
	low, high := float64(r.Low)/Shards, float64(r.High+1)/Shards
	at := math.Ldexp(float64(binary.BigEndian.Uint64(position[:])), -64)
	return high - min(max(at, low), high)
}

// Subscription is a browser that granted notifications, and what it wants.
type Subscription struct {
	ID       ID
	Endpoint string   // at the push service: a secret, as whoever has it and the keys can notify
	P256dh   [65]byte // the browser's public key, a point on P-256, uncompressed (RFC 8291 section 2.1)
	Auth     [16]byte // the shared authentication secret (RFC 8291 section 3.2)

	Topics      []string   // as news.Wanted reads them: none is everything live
	Level       news.Level // the least level that alerts
	Quiet       *Quiet     // when to alert in silence; nil for never
	DailyMax    int        // alerts a day, beyond which they wait for the digest; 0 for no bound
	FlashAlways bool       // a flash heeds neither Quiet nor DailyMax
	Digest      int        // when what has waited is told, in minutes after midnight, 0 to 1439
	Zone        string     // IANA name of the clock that Quiet, DailyMax and Digest go by; "" for UTC
	Language    string     // of the page it was made on, BCP 47; "" if unknown

	Key         int  // number of the VAPID key it was made with, see [VAPID]
	Unconfirmed bool // nobody has said yet that notifications arrive: it is in no audience

	CreatedAt time.Time
	SeenAt    time.Time // last put
}

// Receiver is what of a subscription sealing takes.
type Receiver struct {
	ID     ID
	P256dh [65]byte
	Auth   [16]byte
}

// Quiet is a daily span of hours, by the subscriber's clock; it may cross midnight.
type Quiet struct {
	From int // minutes after midnight, 0 to 1439
	To   int // likewise; the span ends before it
}

// usualDigest is when who has not said otherwise is told what has waited: 18:00.
const usualDigest = 18 * 60

// Life is what of a subscription says whether it is to be kept.
type Life struct {
	ID          ID
	Key         int
	Unconfirmed bool
	SeenAt      time.Time
}

// Clone is a copy that shares no memory with s.
func (s Subscription) Clone() Subscription {
	s.Topics = slices.Clone(s.Topics)
	if s.Quiet != nil {
		q := *s.Quiet
		s.Quiet = &q
	}
	return s
}
