package push

import (
	"context"
	"net/http"
	"time"
)

// When an origin does not answer at all, or answers all with 5xx, it rests: the
// jobs for it are put off at once, so that pages are not held up by it and it
// is not hammered, and only a few probes at a time find out whether it is back.
//
// A Retry-After of 503 is about the server (RFC 9110 section 10.2.3), and 406 is
// how Windows says that the sender as a whole exceeds its limit: they let the
// origin rest, within bounds, and then one probe goes first. Of many servers one
// may be ill: while others may still answer, one that says so is not enough. The
// Retry-After of 429 is not about the server: the push resource is meant (RFC 8030
// section 8.4), which is one subscription, and Apple sends 429 for one device
// only. So it puts off one delivery, and the pace learns from how many of them
// there are.
const (
	patience    = 8 // failures in a row before it rests
	probes      = 4
	firstRest   = time.Second
	lastRest    = time.Minute
	longestRest = 10 * time.Minute // that a push service may ask for
	afterProbe  = 2 * time.Second  // how long jobs are put off while probes are out
)

// probing is how many probes may be out at once.
func (o *origin) probing() int {
	if o.asked {
		return 1
	}
	return probes
}

// late takes the whole queue if its jobs are not to be tried now, and says
// what becomes of them. The caller holds o.mu.
func (o *origin) late(ctx context.Context, now time.Time) (jobs []*job, why outcome) {
	why = outcome{fate: unsent, at: now}
	switch {
	case ctx.Err() != nil: // we are stopping
	case now.Before(o.rest):
		why.after = o.rest.Sub(now) + jitter(time.Second)
	case o.failures >= patience && o.inflight >= o.probing():
		why.after = afterProbe + jitter(afterProbe)
	default:
		return nil, why
	}
	jobs, o.queue = o.queue, nil
	for _, j := range jobs {
		o.pace.line.move(j.page.campaign.Lane, -1)
	}
	return jobs, why
}

// learn notes what the outcome of an attempt tells of the origin and its service,
// and returns what is to become of the delivery.
func (o *origin) learn(start time.Time, out outcome) outcome {
	putOff := false // as the others are that were refused
	if out.answered {
		if out.fate != throttled || !out.again {
			o.pace.heard(out.fate == throttled, start, out.at)
		}
		was := out.fate
		out = o.net.guard.heard(o.service, out)
		putOff = out.fate != was
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.inflight--
	switch {
	case putOff: // in a row, they are a reason to rest
		o.failed(start, out.at)
	case out.asksAll():
		o.askedForRest(out)
	case out.fate == throttled && out.status < http.StatusInternalServerError && out.at.Before(o.rest): // the rest stands
	case out.answered && out.status < http.StatusInternalServerError:
		// If that was under way when a rest began, not all of the service is ill.
		o.failures, o.rests, o.rest, o.asked, o.asks, o.until = 0, 0, time.Time{}, false, 0, time.Time{}
	case out.answered, out.fate == retry && !out.echo:
		o.failed(start, out.at)
	}
	return out
}

// asksAll reports whether the push service has asked for a rest from all of us.
func (out outcome) asksAll() bool {
	return out.answered && out.after > 0 && (out.status == http.StatusServiceUnavailable || out.status == http.StatusNotAcceptable)
}

// askedForRest lets the origin rest as long as the answer and those before it ask
// for, within bounds, and a little more: nodes that were asked together do not come
// back together. It does so when enough have asked, with no other answer between
// them, or nobody is left who may say otherwise. The caller holds o.mu.
func (o *origin) askedForRest(out outcome) {
	d := min(out.after, longestRest)
	if until := out.at.Add(d + jitter(d/8)); until.After(o.until) {
		o.until = until
	}
	if o.asks++; o.asks < min(patience, o.inflight+1) {
		return
	}
	if !o.asked || o.rest.Before(out.at) {
		o.net.logger.Warn("a push service asks for a rest", "service", o.service, "status", out.status, "rest", o.until.Sub(out.at))
	}
	o.rest = o.until
	o.failures, o.asked = max(o.failures, patience), true
}

// failed counts an attempt without an answer, or with one that the service is
// not well, and lets the origin rest after too many, the longer the more often.
// What began before a rest is over says nothing new by failing as well, be it that
// it was on its way to its turn: what a hundred requests lose with one connection
// made for rests of a minute. The caller holds o.mu.
func (o *origin) failed(start, now time.Time) {
	if o.failures++; o.failures >= patience && !start.Before(o.rest) {
		o.rest = now.Add(min(firstRest<<min(o.rests, 10), lastRest))
		o.rests++
	}
}

// unreachable lets the origin rest at once: without a connection nothing works.
// That its name leads to an address that is not public is no other case: nothing
// was connected to, and what the name leads to may be put right. The caller holds
// o.mu.
func (o *origin) unreachable(err error, now time.Time) {
	o.failures = max(o.failures, patience)
	o.failed(now, now)
	o.net.logger.Warn("cannot connect to a push service", "service", o.service, "error", err, "rest", o.rest.Sub(now))
}
