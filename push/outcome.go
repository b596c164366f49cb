package push

import (
	"errors"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// The reasons in Tally.Failed. There are no others.
const (
	FailedRequest      = "bad_request"  // 400: our message was not understood
	FailedUnauthorized = "unauthorized" // 401: our VAPID token was not taken
	FailedForbidden    = "forbidden"    // 403: the subscription was made with other VAPID keys
	FailedTooLarge     = "too_large"    // 413
	FailedRedirected   = "redirected"   // 3xx, which is never followed
	FailedRefused      = "refused"      // any other 4xx
	FailedAddress      = "address"      // the endpoint leads nowhere that we may send to
	FailedKeys         = "keys"         // the subscription's keys do not seal, or ours that it was made with are no more
	FailedUnwanted     = "unwanted"     // the subscriber's wishes changed while a retry waited
)

// fate is what an attempt, or the lack of one, means for a delivery.
type fate int

const (
	unsent    fate = iota // no attempt was made: it is to be made later
	accepted              // 2xx
	gone                  // 404 or 410: the subscription is no more
	failed                // given up, for a reason
	retry                 // try again later
	throttled             // try again later, and more slowly
	expired               // the deadline has passed
	cancelled             // the campaign was cancelled first
)

// outcome is a fate with what belongs to it.
type outcome struct {
	fate     fate
	reason   string        // of failed
	status   int           // of the answer, 0 if there was none
	after    time.Duration // of retry, throttled and unsent: the least time to wait
	at       time.Time     // when it was known
	answered bool          // the push service said so: the connection works
	timedOut bool          // it said nothing in time
	echo     bool          // it was lost with a connection that another was lost with
	again    bool          // the delivery had been refused before, or had failed
}

// maxRetryAfter bounds what a push service may ask us to wait.
const maxRetryAfter = time.Hour

// judge reads a push service's answer (RFC 8030 section 5, RFC 8292 section
// 2, and 406, which is how Windows says 429).
func judge(status int, header http.Header, now time.Time) outcome {
	o := outcome{fate: failed, status: status, at: now, answered: true}
	switch {
	case status >= 200 && status < 300:
		o.fate = accepted
	case status == http.StatusNotFound, status == http.StatusGone:
		o.fate = gone
	case status == http.StatusTooManyRequests, status == http.StatusServiceUnavailable, status == http.StatusNotAcceptable:
		o.fate, o.after = throttled, retryAfter(header.Get("Retry-After"), now)
	case status >= 500, status == http.StatusRequestTimeout, status == http.StatusTooEarly, status == http.StatusMisdirectedRequest:
		o.fate, o.after = retry, retryAfter(header.Get("Retry-After"), now)
	case status == http.StatusBadRequest:
		o.reason = FailedRequest
	case status == http.StatusUnauthorized:
		o.reason = FailedUnauthorized
	case status == http.StatusForbidden:
		o.reason = FailedForbidden
	case status == http.StatusRequestEntityTooLarge:
		o.reason = FailedTooLarge
	case status >= 300 && status < 400:
		o.reason = FailedRedirected
	case status < 300: // a 1xx as a final answer
		o.fate = retry
	default:
		o.reason = FailedRefused
	}
	return o
}

// retryAfter reads a Retry-After in either form, seconds or a date (RFC 9110
// section 10.2.3): 0 to maxRetryAfter, and 0 for what is neither.
func retryAfter(value string, now time.Time) time.Duration {
	value = strings.TrimSpace(value)
	var d time.Duration
	if n, err := strconv.ParseUint(value, 10, 64); err == nil {
		d = time.Duration(min(n, uint64(maxRetryAfter/time.Second))) * time.Second
	} else if errors.Is(err, strconv.ErrRange) {
		d = maxRetryAfter
	} else if at, err := http.ParseTime(value); err == nil {
		d = at.Sub(now)
	}
	return min(max(d, 0), maxRetryAfter)
}

// The pauses before a delivery is attempted again.
const (
	firstPause = 2 * time.Second
	lastPause  = 5 * time.Minute
)

// pause is how long to wait before the next attempt, given how many were made:
// it doubles, and half of it is random, so that what failed together does not
// come back together. It is at least what the push service asked for.
func pause(attempts int, asked time.Duration) time.Duration {
	d := min(firstPause<<min(max(attempts-1, 0), 10), lastPause)
	d = d/2 + jitter(d/2)
	if asked > 0 {
		return max(asked+jitter(firstPause), d)
	}
	return d
}

// jitter is a random span up to most.
func jitter(most time.Duration) time.Duration {
	return rand.N(most + 1) //nolint:gosec // nothing secret hangs on it
}
