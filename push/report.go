package push

import (
	"math"
	"time"
)

// Report is a campaign with its counts.
type Report struct {
	Campaign  Campaign
	Tally     Tally
	Displayed int64 // receipts: a lower bound, see DisplayedEstimate; never above Accepted
	Clicked   int64 // receipts: a lower bound, as browsers may lose them; likewise
	// DisplayedAt is how many receipts of displaying came by when: see Tenth.
	DisplayedAt map[int]int64
	Swept       float64 // the share of all subscriptions that has been looked at, 0 to 1
	Scanned     bool    // all of it: the audience is complete
	Done        bool    // nothing is queued and nothing will be sent any more
	Cancelled   bool    // a later entry of the item replaced it
}

// rateSpan is how far back the present rate looks. What a worker has done is
// known when it ends a page, so a shorter one would only see pages.
const rateSpan = 5 * time.Second

// leastSwept is the share that must have been looked at before it says anything
// of the rest.
const leastSwept = 0.01

// Audience is how many subscriptions the campaign is for. Until all have been
// looked at that is an estimate: IDs are hashes, so those that have been are a
// fair sample. ok is false while there are too few of them.
func (r Report) Audience() (n int64, ok bool) {
	if r.Scanned {
		return r.Tally.Audience, true
	}
	if r.Swept < leastSwept {
		return r.Tally.Audience, false
	}
	return max(r.Tally.Audience, int64(math.Round(float64(r.Tally.Audience)/r.Swept))), true
}

// Rate is how many notifications were accepted in a second, over the last few
// seconds before now: 0 once the campaign is over. After an hour, when only the
// minute is known of each, it is over the last whole minute and what has passed of
// the present one.
func (r Report) Rate(now time.Time) float64 {
	age := now.Sub(r.Campaign.OpenedAt)
	if r.Done || age <= 0 {
		return 0
	}
	all, span := countedBy(r.Tally.AcceptedAt, age), min(age, rateSpan)
	if bucket := tenthSpan(age); bucket > rateSpan {
		all, span = countedBy(r.Tally.AcceptedAt, age+bucket), age-age.Truncate(bucket)+bucket
	}
	return float64(all-countedBy(r.Tally.AcceptedAt, age-span)) / span.Seconds()
}

// Left is how long the campaign takes yet, if it goes on at the present rate.
// ok is false if that cannot be said.
func (r Report) Left(now time.Time) (d time.Duration, ok bool) {
	all, known := r.Audience()
	rate := r.Rate(now)
	if !known || rate <= 0 {
		return 0, false
	}
	seconds := float64(max(all-r.Tally.settled(), 0)) / rate
	if seconds > r.Campaign.Deadline.Sub(now).Seconds() {
		return 0, false // it will not end, but expire
	}
	return time.Duration(seconds * float64(time.Second)), true
}

// Oldest is how long the notification has waited that has waited longest; ok is
// false if none waits. Each waits from the campaign's opening until its outcome,
// however often it is tried meanwhile.
func (r Report) Oldest(now time.Time) (d time.Duration, ok bool) {
	if r.Done || r.Scanned && r.Tally.Queued() <= 0 {
		return 0, false
	}
	return max(now.Sub(r.Campaign.OpenedAt), 0), true
}

// Of is the report of one push service's part, whose tally is one of Services.
// Receipts are of no push service: browsers do not say theirs.
func (r Report) Of(t Tally) Report {
	r.Tally, r.Displayed, r.Clicked, r.DisplayedAt = t, 0, 0, nil
	return r
}

// Services is the tallies of the push services, by name. A subscription that
// departed while a retry waited was counted as gone without its service: once
// the campaign is done that is what became of all that are still open.
func (r Report) Services() map[string]Tally {
	all := r.Tally.Clone().Services
	for name, t := range all {
		if r.Done {
			t.Gone += max(t.Queued(), 0)
			all[name] = t
		}
	}
	return all
}

// Estimate is a number with the bounds between which it lies 19 times of 20.
type Estimate struct {
	Number int64 `json:"number"`
	Low    int64 `json:"low"`
	High   int64 `json:"high"`
}

// DisplayedEstimate is how many receipts of displaying there would be had every
// browser been asked for one. It is a lower bound all the same of how many
// notifications were displayed: browsers may lose receipts, and some send none.
// Where all were asked it is Displayed.
func (r Report) DisplayedEstimate() Estimate {
	n := r.Campaign.oneIn()
	if n == 1 {
		return Estimate{r.Displayed, r.Displayed, r.Displayed}
	}
	// The score interval of a Poisson number: it is right for few and for none.
	const z = 1.96
	d := float64(r.Displayed)
	middle, half := d+z*z/2, z*math.Sqrt(d+z*z/4)
	scaled := func(x float64) int64 {
		return min(max(int64(math.Round(x*float64(n))), r.Displayed), r.Tally.Accepted)
	}
	return Estimate{scaled(d), scaled(middle - half), scaled(middle + half)}
}

// DisplayedTo is how long after the opening the given share (0 to 1) of the
// audience had displayed the notification, as far as receipts say, and scaled
// up where only some browsers were asked. ok is false if that has not happened.
func (r Report) DisplayedTo(share float64) (d time.Duration, ok bool) {
	return timeTo(r.DisplayedAt, share*float64(r.Tally.Audience)/float64(r.Campaign.oneIn()))
}
