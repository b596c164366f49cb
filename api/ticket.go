package api

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"net/http"
	"sync"
	"time"
)

// A browser cannot send an Authorization header with a WebSocket, and a key has
// no place in an address. So a desk asks for a ticket with its key and joins
// with that: it is good once, soon, and for nothing else.

const (
	ticketLife = 30 * time.Second
	// mostSpent bounds the tickets that a node remembers as used. They are
	// forgotten when their time is over; only editors can make any.
	mostSpent = 10_000
)

// tickets makes and takes tickets. Nodes with the same key take each other's;
// that one is used once is seen to on each node by itself.
type tickets struct {
	key func() []byte

	mu    sync.Mutex
	spent map[ticketID]time.Time // until when it is good
}

type ticketID [12]byte

// A ticket is its end in milliseconds, 12 random bytes and the first half of
// the two's HMAC-SHA256, in base64url.
const (
	ticketBody = 8 + len(ticketID{})
	ticketSize = ticketBody + 16
)

func newTickets(key func() []byte) *tickets {
	return &tickets{key: key, spent: map[ticketID]time.Time{}}
}

func (t *tickets) sign(body []byte) []byte {
	mac := hmac.New(sha256.New, t.key())
	mac.Write(body)
	return mac.Sum(nil)[:ticketSize-ticketBody]
}

// issue makes a ticket that is good until ticketLife after now.
func (t *tickets) issue(now time.Time) string {
	b := make([]byte, ticketBody, ticketSize)
	binary.BigEndian.PutUint64(b, uint64(now.Add(ticketLife).UnixMilli()))
	rand.Read(b[8:])
	return base64.RawURLEncoding.EncodeToString(append(b, t.sign(b)...))
}

// take reports whether the text is a ticket that is good, and uses it up.
func (t *tickets) take(text string, now time.Time) bool {
	b, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(b) != ticketSize || subtle.ConstantTimeCompare(t.sign(b[:ticketBody]), b[ticketBody:]) == 0 {
		return false
	}
	until := time.UnixMilli(int64(binary.BigEndian.Uint64(b)))
	if now.After(until) {
		return false
	}
	id := ticketID(b[8:ticketBody])
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, used := t.spent[id]; used {
		return false
	}
	if len(t.spent) >= mostSpent {
		for id, until := range t.spent {
			if now.After(until) {
				delete(t.spent, id)
			}
		}
		if len(t.spent) >= mostSpent {
			return false
		}
	}
	t.spent[id] = until
	return true
}

// ticket is POST /v1/live/ticket.
func (s *server) ticket(w http.ResponseWriter, _ *http.Request) error {
	w.Header().Set("Cache-Control", "no-store")
	return writeJSON(w, http.StatusCreated, map[string]any{"ticket": s.tickets.issue(time.Now()), "within_ms": ticketLife.Milliseconds()})
}
