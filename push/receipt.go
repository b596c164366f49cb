package push

import (
	"encoding/base64"
	"fmt"
	"strings"

	"crier/news"
)

// Bounds on a receipt's parts.
const (
	tokenLength = 22 // 128 bits in base64url
	minNonce    = 8
	maxNonce    = 64
)

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
