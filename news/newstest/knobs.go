package newstest

import (
	"context"
	"time"

	"crier/news"
)

// Doorbell is how hints reach those who wait for them.
type Doorbell int

// The doorbell's moods, all of which the contract of news.Log allows.
const (
	Rings   Doorbell = iota // each append is hinted at once, with its entry
	Silent                  // hints are lost
	Doubled                 // each hint comes twice
	Late                    // each hint waits until another one has rung
	Empty                   // hints carry no entry
)

// SetDoorbell changes how hints are given from now on.
func (l *Log) SetDoorbell(d Doorbell) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.doorbell = d
}

// Wake implements news.Log.
func (l *Log) Wake() (<-chan news.Hint, func()) {
	c := make(chan news.Hint, 16)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.bells[c] = struct{}{}
	return c, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.bells, c)
	}
}

// ring tells of e as the doorbell's mood has it.
func (l *Log) ring(e news.Entry) {
	shared := e.Clone()
	h := news.Hint{Cursor: l.head(), Entry: &shared}
	var now []news.Hint
	switch l.doorbell {
	case Silent:
	case Doubled:
		now = []news.Hint{h, h}
	case Late:
		now, l.late = l.late, []news.Hint{h}
	case Empty:
		h.Entry = nil
		now = []news.Hint{h}
	default:
		now = []news.Hint{h}
	}
	for c := range l.bells {
		for _, h := range now {
			select {
			case c <- h:
			default: // the contract: sending never waits
			}
		}
	}
}

// Trim forgets all but the last keep entries, as an engine's retention does.
// Items keep their last entry: the front does not change.
func (l *Log) Trim(keep int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.trimmed = uint64(max(len(l.entries)-keep, 0))
}

// Restore takes the log back to its first n entries under a new epoch, as
// restoring an old backup does.
func (l *Log) Restore(n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.entries = l.entries[:min(n, len(l.entries))]
	clear(l.newest)
	for i, e := range l.entries {
		l.newest[e.Item.ID] = i
	}
	l.epoch, l.trimmed, l.late = news.NewEpoch(), 0, nil
}

// Break makes every call fail with err until Break(nil).
func (l *Log) Break(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.broken = err
}

// Post appends a new item. It panics if the input is not valid: a test's
// mistake.
func (l *Log) Post(headline string, topics ...string) news.Receipt {
	drill := len(topics) > 0 && news.IsDrillTopic(topics[0])
	d, err := news.Post{Headline: headline, Topics: topics, Drill: drill}.Draft(news.NewID(), "newstest", time.Now())
	return l.must(d, err)
}

// Revise appends r to the item of e.
func (l *Log) Revise(e news.Entry, r news.Revision) news.Receipt {
	d, err := r.Draft(e.Item, "newstest", time.Now())
	return l.must(d, err)
}

func (l *Log) must(d news.Draft, err error) news.Receipt {
	if err != nil {
		panic(err)
	}
	r, err := l.Append(context.Background(), news.Key{}, d)
	if err != nil {
		panic(err)
	}
	return r
}
