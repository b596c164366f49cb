package push

import (
	"encoding/base64"
	"fmt"
	"strings"
	"time"

	"crier/news"
)

// Bounds on a receipt's parts.
const (
	tokenLength = 22 // 128 bits in base64url
	minNonce    = 8
	maxNonce    = 64
)

// sampled is how many receipts of displaying a campaign may expect at most:
// more would say little more, and be as much work for us as the sending.
const sampled = 10_000

// receiptJitter is over how long after displaying a notification browsers tell
// of it, so that they do not all come at once. A service worker may not live
// longer than half a minute for one message.
const receiptJitter = 10 * time.Second

// maxWaited bounds how long ago a browser may say that something happened.
const maxWaited = time.Minute

// few is how many may tell all at once.
const few = 1000

// sampleOf is Campaign.Sample where so many subscriptions stand.
func sampleOf(standing int64) int {
	if standing <= few {
		return 0
	}
	return int((standing + sampled - 1) / sampled)
}

// oneIn is Sample as a number to reckon with.
func (c Campaign) oneIn() int64 { return max(int64(c.Sample), 1) }

// Told is the time of something that a browser says happened so many
// milliseconds before now. It is believed up to a minute.
func Told(now time.Time, waited int64) time.Time {
	return now.Add(-time.Duration(min(max(waited, 0), maxWaited.Milliseconds())) * time.Millisecond)
}

// Check is nil if r has the form of a receipt: a token as campaigns have, and
// a nonce of 8 to 64 characters of base64url. The error is a [news.Invalid].
func (r Receipt) Check() error {
	var faults news.Invalid
	if b, err := base64.RawURLEncoding.Strict().DecodeString(r.Token); err != nil || len(r.Token) != tokenLength || len(b) != 16 {
		faults = append(faults, news.Fault{Field: "token", Problem: "is not a campaign's", Mend: "send data.receipt of the notification"})
	}
	if r.Kind != Displayed && r.Kind != Clicked {
		faults = append(faults, news.Fault{Field: "kind", Problem: fmt.Sprintf("%.20q is not a kind of receipt", string(r.Kind)), Mend: "use displayed or clicked"})
	}
	odd := strings.ContainsFunc(r.Nonce, func(c rune) bool {
		return c != '-' && c != '_' && (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z')
	})
	if n := len(r.Nonce); n < minNonce || n > maxNonce || odd {
		faults = append(faults, news.Fault{Field: "nonce", Problem: "is not a nonce", Mend: fmt.Sprintf("use %d to %d random characters of base64url", minNonce, maxNonce)})
	}
	if faults == nil {
		return nil
	}
	return faults
}
