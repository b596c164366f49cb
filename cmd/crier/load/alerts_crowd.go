package load

import (
	"bytes"
	"crypto/ecdh"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"crier/engine"
	"crier/news"
	"crier/push"
)

// crowd is the subscriptions of a run. All that is theirs is derived from the
// seed and their number, private keys as well, so that a sink can open a message
// without being told of a million keys.
type crowd struct {
	Seed  []byte
	Sinks []string // host:port
}

// secret is 32 bytes for a purpose.
func (c crowd) secret(purpose string, i int) [32]byte {
	h := hmac.New(sha256.New, c.Seed)
	_, _ = fmt.Fprintf(h, "%s %d", purpose, i) // it never fails
	return [32]byte(h.Sum(nil))
}

func (c crowd) private(i int) *ecdh.PrivateKey {
	for try := i; ; try -= 1 << 40 { // the few numbers above the curve's order are no keys
		s := c.secret("private", try)
		if k, err := ecdh.P256().NewPrivateKey(s[:]); err == nil {
			return k
		}
	}
}

func (c crowd) auth(i int) [16]byte {
	s := c.secret("auth", i)
	return [16]byte(s[:16])
}

const endpointPath = "/fcm/send/"

// endpoint is as long as FCM's: its number, and 140 characters that tell
// nothing.
func (c crowd) endpoint(i int) string {
	s := c.secret("endpoint", i)
	noise := base64.RawURLEncoding.EncodeToString(bytes.Repeat(s[:], 4))[:140]
	return "https://" + c.Sinks[i%len(c.Sinks)] + endpointPath + fmt.Sprintf("%011x", i) + ":" + noise
}

var errPath = errors.New("not the path of a subscription of this run")

// number is whose endpoint the path is of.
func number(path string) (int, error) {
	digits, _, ok := strings.Cut(strings.TrimPrefix(path, endpointPath), ":")
	n, err := strconv.ParseUint(digits, 16, 40)
	if !ok || err != nil {
		return 0, errPath
	}
	return int(n), nil
}

func (c crowd) subscription(i int, now time.Time) push.Subscription {
	s := push.Subscription{Endpoint: c.endpoint(i), Auth: c.auth(i), Level: news.Urgent, Language: "en", CreatedAt: now, SeenAt: now}
	s.ID = push.EndpointID(s.Endpoint)
	copy(s.P256dh[:], c.private(i).PublicKey().Bytes())
	return s
}

// records is a store with the first n subscriptions and nothing else, as an
// importer takes it: sorted by ID.
func (c crowd) records(n int, now time.Time) iter.Seq2[engine.Record, error] {
	order := c.order(n)
	return func(yield func(engine.Record, error) bool) {
		epoch := news.NewEpoch()
		if !yield(engine.Log{Epoch: epoch, Followed: news.Cursor{Epoch: epoch}}, nil) {
			return
		}
		made := make([]push.Subscription, 4096)
		for chunk := range slices.Chunk(order, len(made)) {
			together(len(chunk), func(k int) { made[k] = c.subscription(chunk[k], now) })
			for k := range chunk {
				if !yield(engine.Subscription{Subscription: made[k]}, nil) {
					return
				}
			}
		}
	}
}

// order is the numbers below n in the order of their subscriptions' IDs.
func (c crowd) order(n int) []int {
	ids, out := make([]push.ID, n), make([]int, n)
	together(n, func(i int) { ids[i], out[i] = push.EndpointID(c.endpoint(i)), i })
	slices.SortFunc(out, func(a, b int) int { return bytes.Compare(ids[a][:], ids[b][:]) })
	return out
}

// together calls f for the numbers below n, on all processors.
func together(n int, f func(int)) {
	var all sync.WaitGroup
	parts := runtime.GOMAXPROCS(0)
	for p := range parts {
		all.Go(func() {
			for i := p * n / parts; i < (p+1)*n/parts; i++ {
				f(i)
			}
		})
	}
	all.Wait()
}

// fault is what is wrong with the nth subscription, "" if nothing is.
func (c crowd) fault(i int, share float64) string {
	s := c.secret("fault", i)
	if float64(binary.BigEndian.Uint32(s[:]))/(1<<32) >= share {
		return ""
	}
	faults := [...]string{"404", "410", "413", "429", "500", "503", "stall", "reset", "slow"}
	return faults[int(s[4])%len(faults)]
}
