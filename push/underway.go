package push

import (
	"sync"
	"time"
)

// underway is the pages that this node is sending. It sees to it that the last
// word on an item, and the last item of a story, is the last that a device hears:
// what is unsent of an older campaign is called back as soon as a newer one that
// it gives way to is known, and where an older notification may still be on its way to a push service, the
// newer one waits for it. Push services keep the message that came last.
type underway struct {
	net  *network
	keep time.Duration // how long a campaign may last

	mu     sync.Mutex
	pages  map[*page]struct{}
	turns  map[*turn]struct{}
	lanes  map[int]time.Time // when a campaign of the lane was last opened
	halted bool              // all sending is stopped
	newest map[string]newest // by item
	latest map[string]newest // by story
}

// turn is a worker's time on a range. A campaign of a higher lane ends it.
type turn struct {
	lane  int
	began time.Time
	over  chan struct{} // closed when such a campaign is opened
}

// How long a worker stays on a range where there may be something of a higher
// lane to do: a retry of a flash is due at a time of its own, which nobody
// tells. And for how long there may be, after a campaign was opened.
const (
	turnTime = time.Second
	laneTime = 2 * lastPause
)

func newUnderway(net *network, keep time.Duration) *underway {
	return &underway{net: net, keep: keep, pages: map[*page]struct{}{}, turns: map[*turn]struct{}{}, lanes: map[int]time.Time{}, newest: map[string]newest{}, latest: map[string]newest{}}
}

// begin is the turn of a worker on a campaign.
func (u *underway) begin(c Campaign) *turn {
	u.mu.Lock()
	defer u.mu.Unlock()
	t := &turn{lane: c.Lane, began: time.Now(), over: make(chan struct{})}
	u.turns[t] = struct{}{}
	return t
}

// end forgets a turn.
func (u *underway) end(t *turn) {
	u.mu.Lock()
	defer u.mu.Unlock()
	delete(u.turns, t)
}

// over reports whether a worker is to let go of its range and claim anew.
func (u *underway) over(t *turn, now time.Time) bool {
	select {
	case <-t.over:
		return true
	default:
	}
	if now.Sub(t.began) < turnTime {
		return false
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	for lane, at := range u.lanes {
		if lane > t.lane && now.Sub(at) < laneTime {
			return true
		}
	}
	return false
}

type newest struct {
	offset uint64 // of the entry of the newest campaign
	at     time.Time
}

// overtake is how long a notification waits for an older one to the same
// device to be answered, before it looks again.
const overtake = 200 * time.Millisecond

// enter adds p. busy is the subscriptions to which an older notification of
// the item or the story is on its way, latest the last entry of the story for
// which a campaign is known to be open.
func (u *underway) enter(p *page) (busy map[ID]bool, latest uint64) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.supersede(p.campaign)
	item, offset := p.campaign.Entry.Item.ID, p.campaign.Entry.Offset
	if u.halted || u.newest[item].offset > offset {
		u.net.recall(p)
	}
	for other := range u.pages {
		if other.campaign.replaceable(p.campaign) {
			for i, d := range other.deliveries {
				if other.settled[i].Load() {
					continue
				}
				if busy == nil {
					busy = map[ID]bool{}
				}
				busy[d.Subscription.ID] = true
			}
		}
	}
	u.pages[p] = struct{}{}
	return busy, u.latest[p.campaign.Story()].offset
}

// leave takes p away: all its deliveries have their results.
func (u *underway) leave(p *page) {
	u.mu.Lock()
	defer u.mu.Unlock()
	delete(u.pages, p)
}

// opened tells the workers of new campaigns: for those of a lower lane the turn
// is over.
func (u *underway) opened(cs []Campaign) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, c := range cs {
		u.supersede(c)
		u.lanes[c.Lane] = time.Now()
		for t := range u.turns {
			if c.Lane > t.lane {
				close(t.over)
				delete(u.turns, t)
			}
		}
	}
}

// any reports whether this node is sending.
func (u *underway) any() bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return len(u.pages) > 0
}

// halt calls back all pages, and those that enter from now on, or lets them go
// on. It reports whether that is new.
func (u *underway) halt(stopped bool) (changed bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.halted == stopped {
		return false
	}
	u.halted = stopped
	for p := range u.pages {
		if stopped {
			u.net.recall(p)
		}
	}
	return true
}

// supersede notes that c is open and calls back older pages of its item, and
// those of its story that give way to it before they are through. The caller
// holds u.mu.
func (u *underway) supersede(c Campaign) {
	item, offset, now := c.Entry.Item.ID, c.Entry.Offset, time.Now()
	last, fresh := u.note(u.newest, item, offset, now), false
	if story := c.Story(); story != "" {
		fresh = u.note(u.latest, story, offset, now)
	}
	for p := range u.pages {
		old := p.campaign
		if last && old.Entry.Item.ID == item && old.Entry.Offset < offset || fresh && old.givesWay(c) && old.Lane <= c.Lane {
			u.net.recall(p)
		}
	}
}

// note keeps the offset as the newest of its key and reports whether it is.
func (u *underway) note(of map[string]newest, key string, offset uint64, now time.Time) bool {
	if offset <= of[key].offset {
		return false
	}
	for old, n := range of {
		if now.Sub(n.at) > u.keep {
			delete(of, old)
		}
	}
	of[key] = newest{offset, now}
	return true
}
