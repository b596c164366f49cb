package push

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Promise is what a newsroom promises of its alerts: that so large a share of
// the audience has been accepted by push services within so long. The zero
// value promises nothing. A campaign keeps the one that it was opened with: to
// promise something else from now on says nothing about what was promised then.
type Promise struct {
	Share  float64 // above 0, at most 1
	Within time.Duration
}

// ParsePromise reads SHARE%@TIME, such as 90%@120s or 99.5%@5m; "none" is the
// zero value. The error says what is wrong.
func ParsePromise(s string) (Promise, error) {
	if s == "none" {
		return Promise{}, nil
	}
	const form = "give it as SHARE%@TIME, such as 90%@120s, or none"
	share, within, ok := strings.Cut(s, "%@")
	if !ok {
		return Promise{}, fmt.Errorf("promise %.40q: %s", s, form)
	}
	percent, err := strconv.ParseFloat(share, 64)
	if err != nil || !(percent > 0 && percent <= 100) {
		return Promise{}, fmt.Errorf("promise %.40q: %.20q is no share above 0 %% and up to 100 %%: %s", s, share, form)
	}
	d, err := time.ParseDuration(within)
	if err != nil {
		return Promise{}, fmt.Errorf("promise %.40q: %.20q is no time: %s", s, within, form)
	}
	if d < time.Second || d > MaxTenths*(time.Second/10) {
		return Promise{}, errors.New("promise: the time must be from 1s to 12h")
	}
	return Promise{percent / 100, d}, nil
}

// String is the form that ParsePromise reads.
func (p Promise) String() string {
	if p == (Promise{}) {
		return "none"
	}
	return strconv.FormatFloat(p.Share*100, 'f', -1, 64) + "%@" + p.Within.String()
}

// Verdict is what became of a promise.
type Verdict string

// The verdicts.
const (
	PromiseOpen   Verdict = "open"   // its time is not over
	PromiseKept   Verdict = "kept"   //
	PromiseBroken Verdict = "broken" //
	PromiseVoid   Verdict = "void"   // nobody was in the audience, or later entries replaced the campaign first
)

// verdictLag is how much later than it happened the store may know what was
// accepted: as long as a page takes that nothing holds up.
const verdictLag = 5 * time.Second

// Judge says what has become of the promise at the time now. Only Open changes
// later, but for what a node did not come to write down in time: late news may
// still make Kept of Broken. Who gets a newer item of the story instead was
// promised that.
func (p Promise) Judge(r Report, now time.Time) Verdict {
	all, known := r.Audience()
	owed := float64(all)
	if t := r.Tally; !r.Cancelled && t.Audience > 0 {
		owed *= float64(t.Audience-t.Cancelled) / float64(t.Audience)
	}
	need := p.Share * owed
	if d, ok := timeTo(r.Tally.AcceptedAt, need); r.Scanned && owed > 0 && ok && d <= p.Within {
		return PromiseKept
	}
	switch over := now.Sub(r.Campaign.OpenedAt) > p.Within+verdictLag; {
	case r.Cancelled, r.Done && owed == 0:
		return PromiseVoid
	case r.Done:
		return PromiseBroken
	case !over:
		return PromiseOpen
	case known && float64(countedBy(r.Tally.AcceptedAt, p.Within)) >= need: // and as yet we only estimate it
		return PromiseOpen
	}
	return PromiseBroken
}
